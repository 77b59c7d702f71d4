/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP through the ruleset.
 *
 * tcp serve PORT             reads and throws away, on every connection, for ever; one thread
 * tcp send ADDRESS PORT MS   one connection, as many bytes as go through in MS, after 30 ms that are not counted
 * tcp connect ADDRESS PORT N   N connections one after the other, each closed by a reset (no TIME_WAIT)
 *
 * The last two print JSON: bytes or connections, ns, cpu_ns (this process, with the softirqs that ran in it).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define CHUNK (256 << 10)
#define WARM_NS 30000000u /* until the window stands */

static char chunk[CHUNK];

static struct sockaddr_in address(const char *text, const char *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, text, &sa.sin_addr) != 1)
		exit(2);
	return sa;
}

static void server_event(int loop, int listener, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	ssize_t n;

	if (fd == listener) {
		ev.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (ev.data.fd >= 0)
			epoll_ctl(loop, EPOLL_CTL_ADD, ev.data.fd, &ev);
		return;
	}
	n = recv(fd, chunk, CHUNK, MSG_TRUNC | MSG_DONTWAIT);
	if (n <= 0)
		close(fd);
}

static void serve(const char *port)
{
	struct sockaddr_in sa = address("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0), on = 1;
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd}, events[64];

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1024) < 0)
		die("listen");
	epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ev);
	for (;;) {
		int n = epoll_wait(loop, events, 64, -1);

		for (int i = 0; i < n; i++)
			server_event(loop, fd, events[i].data.fd);
	}
}

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
		(uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)) * 1000u;
}

static int connected(const struct sockaddr_in *sa)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		die("connect");
	return fd;
}

static void report(const char *what, uint64_t n, uint64_t began_ns, uint64_t cpu_began_ns)
{
	printf("{\"%s\": %llu, \"ns\": %llu, \"cpu_ns\": %llu}\n", what, (unsigned long long)n,
		(unsigned long long)(now_ns() - began_ns), (unsigned long long)(cpu_ns() - cpu_began_ns));
}

static uint64_t send_until(int fd, uint64_t end_ns)
{
	uint64_t bytes = 0;

	while (now_ns() < end_ns) {
		ssize_t n = send(fd, chunk, CHUNK, 0);

		if (n < 0)
			die("send");
		bytes += (uint64_t)n;
	}
	return bytes;
}

static void send_for(const struct sockaddr_in *sa, unsigned int ms)
{
	int fd = connected(sa), size = 1 << 20;
	uint64_t began, cpu, bytes;

	/* a buffer that the kernel does not tune: one thing less that differs between runs */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	send_until(fd, now_ns() + WARM_NS);
	began = now_ns();
	cpu = cpu_ns();
	bytes = send_until(fd, began + ms * 1000000ull);
	report("bytes", bytes, began, cpu);
}

static void connect_often(const struct sockaddr_in *sa, unsigned int n)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	uint64_t began = now_ns(), cpu = cpu_ns();

	for (unsigned int i = 0; i < n; i++) {
		int fd = connected(sa);

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	report("connections", n, began, cpu);
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc != 5)
		return 2;
	sa = address(argv[2], argv[3]);
	if (!strcmp(argv[1], "send"))
		send_for(&sa, (unsigned int)atoi(argv[4]));
	else
		connect_often(&sa, (unsigned int)atoi(argv[4]));
	return 0;
}
