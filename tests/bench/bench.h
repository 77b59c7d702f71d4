/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the drivers of tests/bench share: time, and the rule by which names and addresses belong
 * together. Name N of the benchmark is "n<N>.<zone>". Its AAAA is 2001:db8:beec:: + N, one for each name; its A is
 * 203.0.113.0 + N modulo 256 (the documentation ranges of IPv4 are too small). So every answer can be checked
 * without a table.
 */
#ifndef POSTERN_BENCH_H
#define POSTERN_BENCH_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_NET4 0xcb007100u
#define TYPE_A 1u
#define TYPE_AAAA 28u

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The address in network order; its length. */
static inline size_t bench_address(uint32_t n, unsigned int qtype, uint8_t ret_addr[static 16])
{
	static const uint8_t net6[12] = {0x20, 0x01, 0x0d, 0xb8, 0xbe, 0xec};
	uint32_t v = htonl(qtype == TYPE_A ? BENCH_NET4 + n % 256 : n);
	size_t at = qtype == TYPE_A ? 0 : sizeof(net6);

	memcpy(ret_addr, net6, at);
	memcpy(ret_addr + at, &v, 4);
	return at + 4;
}

static inline _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

#endif
