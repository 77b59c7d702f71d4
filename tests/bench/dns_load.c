/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dns_load ADDRESS PORT NAMES SECONDS [WINDOW]: asks for name-0.ZONE to name-(NAMES-1).ZONE in turn, A with EDNS, and
 * keeps WINDOW questions unanswered, so that no server gets more than it can take. First each name once, unhurried, until it is
 * answered (which fills caches); then for SECONDS. Prints "warm", waits for a line on stdin, then prints "answered N wrong N":
 * wrong are those without an answer record.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32
#define SIZE 128
#define NAMES_MAX 20000

static int fd;
static uint8_t queries[NAMES_MAX][SIZE];
static size_t lens[NAMES_MAX];
static unsigned int n_names, next_name;
static unsigned long answered, wrong;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make(unsigned int i)
{
	static const uint8_t header[12] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
	static const uint8_t tail[] = {4, 't', 'e', 's', 't', 0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
	uint8_t *q = queries[i];
	int len;

	memcpy(q, header, 12);
	q[0] = (uint8_t)(i >> 8);
	q[1] = (uint8_t)i;
	len = snprintf((char *)q + 13, 32, "name-%u", i);
	q[12] = (uint8_t)len;
	memcpy(q + 13 + len, tail, sizeof(tail));
	lens[i] = 13 + (size_t)len + sizeof(tail);
}

static void ask(unsigned int n)
{
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];

	for (unsigned int i = 0; i < n; i++, next_name = (next_name + 1) % n_names) {
		iov[i] = (struct iovec){queries[next_name], lens[next_name]};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	(void)sendmmsg(fd, msgs, n, 0);
}

/* The number of answers that came within @wait_ms. */
static unsigned int take(int wait_ms)
{
	static uint8_t data[BATCH][2048];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, wait_ms) <= 0)
		return 0;
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], sizeof(data[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++)
		wrong += data[i][7] == 0;
	return n > 0 ? (unsigned int)n : 0;
}

static void warm(void)
{
	for (unsigned int i = 0; i < n_names; i++) {
		next_name = i;
		for (int try = 0; try < 5; try++) {
			ask(1);
			next_name = i;
			if (take(1000))
				break;
		}
	}
	while (take(100))
		;
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	unsigned int window = argc > 5 ? (unsigned int)strtoul(argv[5], NULL, 10) : 128, flying = 0;
	int size = 4 << 20;

	if (argc < 5 || inet_pton(AF_INET, argv[1], &sa.sin_addr) != 1)
		return 2;
	sa.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	n_names = (unsigned int)strtoul(argv[3], NULL, 10);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (n_names == 0 || n_names > NAMES_MAX || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 2;
	for (unsigned int i = 0; i < n_names; i++)
		make(i);
	warm();
	printf("warm\n");
	fflush(stdout);
	(void)getchar();
	wrong = 0;
	for (double end_s = now_s() + strtod(argv[4], NULL); now_s() < end_s;) {
		while (flying + BATCH <= window) {
			ask(BATCH);
			flying += BATCH;
		}
		unsigned int got = take(50);

		answered += got;
		flying = got ? flying - (got < flying ? got : flying) : 0; /* nothing for long: they are lost */
	}
	printf("answered %lu wrong %lu\n", answered, wrong);
	return 0;
}
