/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sandbox that misbehaves, at a given rate, for a given time.
 *
 * flood scan PREFIX24 RATE SECONDS      UDP packets to addresses and ports of A.B.C.0/24, another one each
 * flood tcp RESOLVER RATE SECONDS       connections to its port 53 that say nothing; each is reset when HELD newer ones are there
 * flood dns RESOLVER RATE SECONDS [ZONE] DNS queries for names below ZONE.test (nowhere.test) that nobody has asked before
 *
 * Prints `sent N per_second N` at its end, which SIGTERM brings sooner. Paced in steps of a millisecond, so that RATE is held as closely as the machine can.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELD 512

struct flood {
	int fd;
	int held[HELD]; /* connections; 0: none yet */
	uint32_t base; /* host order */
	uint32_t n;
	const char *zone;
	int dns, tcp;
};

static volatile sig_atomic_t ended;

static void on_term(int signo)
{
	(void)signo;
	ended = 1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static size_t label(uint8_t *wire, size_t at, const char *text)
{
	size_t len = strlen(text);

	wire[at] = (uint8_t)len;
	memcpy(wire + at + 1, text, len);
	return at + 1 + len;
}

static size_t dns_query(uint8_t *wire, uint32_t n, const char *zone)
{
	size_t at = 12;
	char name[16];

	memcpy(wire, (uint8_t[]){n >> 8 & 255, n & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, at);
	snprintf(name, sizeof(name), "f%09u", n);
	at = label(wire, label(wire, label(wire, at, name), zone), "test");
	memcpy(wire + at, "\0\0\1\0\1", 5);
	return at + 5;
}

static int connect_one(struct flood *f)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(f->base)};
	const struct linger reset = {.l_onoff = 1};
	int *fd = &f->held[f->n++ % HELD];

	if (*fd > 0)
		close(*fd);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return 0;
	(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return connect(*fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 || errno == EINPROGRESS;
}

static int send_one(struct flood *f)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	uint8_t wire[128] = "scan";
	size_t len = 4;

	if (f->tcp)
		return connect_one(f);
	f->n++;
	if (f->dns) {
		sa.sin_addr.s_addr = htonl(f->base);
		sa.sin_port = htons(53);
		len = dns_query(wire, f->n, f->zone);
	} else {
		sa.sin_addr.s_addr = htonl((f->base & 0xffffff00) | (f->n * 7 & 255));
		sa.sin_port = htons((uint16_t)(1024 + f->n % 60000));
	}
	return sendto(f->fd, wire, len, MSG_DONTWAIT, (struct sockaddr *)&sa, sizeof(sa)) >= 0;
}

int main(int argc, char **argv)
{
	if (argc < 5 || argc > 6 || (argc == 6 && strlen(argv[5]) > 32)) {
		fprintf(stderr, "usage: flood scan|dns|tcp ADDRESS RATE SECONDS [ZONE]\n");
		return 2;
	}
	struct flood f = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .dns = strcmp(argv[1], "dns") == 0, .tcp = strcmp(argv[1], "tcp") == 0,
		.zone = argc == 6 ? argv[5] : "nowhere"};
	uint64_t rate = strtoul(argv[3], NULL, 10), began = now_us(), sent = 0, tried = 0;
	uint64_t until = began + strtoul(argv[4], NULL, 10) * 1000000;
	struct in_addr a;

	if (inet_pton(AF_INET, argv[2], &a) != 1)
		return 2;
	f.base = ntohl(a.s_addr);
	signal(SIGTERM, on_term);
	while (!ended && now_us() < until) {
		uint64_t due = (now_us() - began) * rate / 1000000;

		for (; tried < due; tried++)
			sent += (uint64_t)send_one(&f);
		usleep(500);
	}
	printf("sent %llu per_second %llu\n", (unsigned long long)sent,
		(unsigned long long)(sent * 1000000 / (now_us() - began)));
	return 0;
}
