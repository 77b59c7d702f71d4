/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a commit costs here: printed, not judged. `test_kernel.py measure` alone takes ten times as many rounds.
 */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keys.h"
#include "snapshot.h"
#include "watch.h"

#define ROUNDS_MAX 20000u
#define BATCH 64u

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void time_commits(struct bench *b, const char *what, enum nft_op op, unsigned int batch)
{
	static uint64_t took[ROUNDS_MAX];
	struct nft_change c[BATCH];
	uint64_t start, all = 0;
	unsigned int n = (b->long_run ? ROUNDS_MAX : ROUNDS_MAX / 10) / batch;

	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int j = 0; j < batch; j++)
			c[j] = pin_change(op, i * batch + j, 600000, "measured.example");
		start = now_ns();
		CHECK(nft_commit(b->nft, c, batch, NULL) == 0);
		took[i] = now_ns() - start;
		all += took[i];
	}
	qsort(took, n, sizeof(took[0]), compare);
	printf("%-34s p50 %7.1f us  p99 %7.1f us  max %8.1f us  %9.0f elements/s\n", what, (double)took[n / 2] / 1e3,
		(double)took[n * 99 / 100] / 1e3, (double)took[n - 1] / 1e3,
		(double)n * batch * 1e9 / (double)all);
}

static void time_snapshot(struct bench *b)
{
	struct snapshot *s;
	bool intact;
	uint64_t t0 = now_ns(), t1, t2, t3;

	CHECK(snapshot_take(b->nft, &s) == 0);
	t1 = now_ns();
	CHECK(snapshot_intact(b->nft, s, &intact) == 0 && intact);
	t2 = now_ns();
	CHECK(snapshot_restore(b->nft, s, NULL, 0) == 0);
	t3 = now_ns();
	printf("snapshot: take %.2f ms, intact %.2f ms, restore %.2f ms\n", (double)(t1 - t0) / 1e6,
		(double)(t2 - t1) / 1e6, (double)(t3 - t2) / 1e6);
	snapshot_free(s);
}

void measure(struct bench *b)
{
	struct watch *w;

	CHECK(nft_probe(b->nft) == 0);
	time_commits(b, "add, one and its ack", NFT_ADD, 1);
	time_commits(b, "renew, one and its ack", NFT_RENEW, 1);
	time_commits(b, "delete, one and its ack", NFT_DELETE, 1);
	time_commits(b, "add, batches of 64", NFT_ADD, BATCH);
	time_commits(b, "renew, batches of 64", NFT_RENEW, BATCH);
	time_commits(b, "delete, batches of 64", NFT_DELETE, BATCH);
	CHECK(watch_open(nft_portid(b->nft), &w) == 0);
	time_commits(b, "add, one and its ack, watched", NFT_ADD, 1);
	time_commits(b, "renew, one and its ack, watched", NFT_RENEW, 1);
	watch_close(w);
	time_snapshot(b);
}
