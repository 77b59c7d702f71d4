/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * authority ADDRESS PORT TTL [DELAY_MS]: the upstream of the benchmarks. Answers A and AAAA of any name "n<N>..." with its address
 * (bench.h), every other type with nothing; over UDP, in batches, so that it is never what a row measures.
 * With a delay every batch is held that long. Ends with its parent's kill.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define BATCH 64
#define QUERY_MAX 512
#define HEADER 12
#define RECORD 28

static uint8_t data[BATCH][QUERY_MAX + RECORD];
static struct sockaddr_in from[BATCH];
static struct iovec iov[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];
static uint32_t ttl_s;

/* The end of the question, or 0: not one of ours. */
static size_t question_end(const uint8_t *m, size_t len)
{
	size_t pos = HEADER;

	while (pos < len && m[pos])
		pos += m[pos] + 1u;
	return pos + 5 <= len ? pos + 5 : 0;
}

static uint32_t number_of(const uint8_t *m)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < m[HEADER]; i++) {
		uint8_t c = m[HEADER + 1 + i];

		if (c >= '0' && c <= '9')
			n = n * 10 + (c - '0');
	}
	return n;
}

/* Turns a query into its answer; the length, or 0. */
static size_t answer(uint8_t *m, size_t len)
{
	size_t end = len > HEADER ? question_end(m, len) : 0;
	uint32_t ttl = htonl(ttl_s);
	uint8_t *p = m + end, addr[16];
	unsigned int qtype;
	size_t n;

	if (!end || (m[2] & 0x80))
		return 0;
	qtype = (unsigned int)m[end - 4] << 8 | m[end - 3];
	m[2] |= 0x84;
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	if (qtype != TYPE_A && qtype != TYPE_AAAA)
		return end;
	m[7] = 1;
	n = bench_address(number_of(m), qtype, addr);
	memcpy(p, (uint8_t[]){0xc0, HEADER, 0, (uint8_t)qtype, 0, 1}, 6);
	memcpy(p + 6, &ttl, 4);
	memcpy(p + 10, (uint8_t[]){0, (uint8_t)n}, 2);
	memcpy(p + 12, addr, n);
	return end + 12 + n;
}

static void serve(int fd, unsigned int delay_ms)
{
	int n, n_out = 0;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], QUERY_MAX};
		in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
	n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++) {
		size_t len = answer(data[i], in[i].msg_len);

		if (!len)
			continue;
		iov[i].iov_len = len;
		out[n_out++].msg_hdr = in[i].msg_hdr;
	}
	if (delay_ms)
		usleep(delay_ms * 1000);
	for (int sent = 0; sent < n_out;) {
		int rc = sendmmsg(fd, out + sent, (unsigned int)(n_out - sent), 0);

		sent += rc > 0 ? rc : 1;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;

	if (argc < 4 || fd < 0 || inet_pton(AF_INET, argv[1], &sa.sin_addr) != 1)
		return 2;
	sa.sin_port = htons((uint16_t)atoi(argv[2]));
	ttl_s = (uint32_t)atoi(argv[3]);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("bind");
	for (;;)
		serve(fd, argc > 4 ? (unsigned int)atoi(argv[4]) : 0);
}
