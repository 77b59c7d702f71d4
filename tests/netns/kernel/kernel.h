/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's kernel adapters against this kernel: what is shared by the parts of the test program. Each part states what
 * the adapter did, and asks nft(8) or conntrack(8) for a second opinion. Runs in a namespace of its own
 * (test_kernel.py) and refuses to run elsewhere.
 */
#ifndef POSTERN_TEST_KERNEL_H
#define POSTERN_TEST_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "nft.h"
#include "nft_private.h"
#include "postern/sandbox.h"

struct bench {
	struct nft *nft;
	const char *ruleset; /* path of rules/postern.nft */
	bool queue_native;
	bool long_run; /* asked for one part only */
};

/* Runs a shell command; its exit code. */
int shell(const char *fmt, ...) POSTERN_PRINTF(1, 2);
/* The same; its standard output, until the next call. */
const char *shell_output(const char *fmt, ...) POSTERN_PRINTF(1, 2);
/* An empty ruleset, then rules/postern.nft. */
void fresh_table(const struct bench *b);

/* A sandbox of one selector. */
struct sandbox sandbox_iface(const char *ifname);
struct sandbox sandbox_source(const char *prefix);
struct sandbox sandbox_cgroup(uint64_t id);
struct sandbox sandbox_uid(uint32_t uid);
struct sandbox sandbox_host(void);

/* TCP 443 to 198.51.100.@n (or further on) for interface veth-a: a pin, as a change. */
struct nft_change pin_change(enum nft_op op, unsigned int n, uint64_t timeout_ms, const char *comment);
/* Elements of a set, as the adapter lists them, or -errno. */
int count_elements(struct nft *n, const char *set);

/* A veth pair whose far end, 192.0.2.9, never answers, and a counter of what leaves for it behind our last chain. */
void make_link(void);
int seen(void);

void test_keys(struct bench *b);
void test_commits(struct bench *b);
void test_ranges(struct bench *b);
void test_acks(struct bench *b);
void test_queue_rule(struct bench *b);
void test_snapshot(struct bench *b);
void test_leak(struct bench *b);
void test_watch(struct bench *b);
void test_queue(struct bench *b);
void test_flows(struct bench *b);
void test_load(struct bench *b);
void measure(struct bench *b);

/* check.h keeps its counters static: one file owns them. */
void kernel_check(int ok, const char *what, const char *file, int line);
void kernel_row(const char *name);
#define CHECK(cond) kernel_check(!!(cond), #cond, __FILE__, __LINE__)

#endif
