/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commits (see nft.h). No generation id is sent: other tools' commits would make ours
 * fail, and this table has no other writer (watch.h notices one).
 */
#include "nft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nft_private.h"
#include "postern/log.h"

/* A send is one contiguous message to the kernel: the largest commit has to fit. Errors of a large batch, too. */
#define BUFFER_SIZE (256 << 20)
#define KEPT_SIZE ((size_t)NFT_CHANGES_KEPT * BATCH_CHANGE_SIZE + 4096)

static int map_buffer(size_t size, void **ret_buf)
{
	void *buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (buf == MAP_FAILED)
		return -errno;
	*ret_buf = buf;
	return 0;
}

int nft_open(struct nft **ret_nft)
{
	struct nft *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return -ENOMEM;
	rc = netlink_open(&n->netlink, BUFFER_SIZE);
	if (rc == 0)
		rc = map_buffer(KEPT_SIZE, &n->kept);
	if (rc) {
		nft_close(n);
		return rc;
	}
	*ret_nft = n;
	return 0;
}

void nft_close(struct nft *n)
{
	if (!n)
		return;
	netlink_close(&n->netlink);
	if (n->kept)
		munmap(n->kept, KEPT_SIZE);
	free(n);
}

uint32_t nft_portid(const struct nft *n)
{
	return netlink_portid(&n->netlink);
}

bool nft_renews_in_place(const struct nft *n)
{
	return n->in_place;
}

const char *nft_error(const struct nft *n)
{
	return n->error;
}

int nft_batch_begin(struct nft *n, struct batch *b, size_t n_changes, size_t extra)
{
	size_t size = n_changes * BATCH_CHANGE_SIZE + extra + BATCH_FRAME_SIZE;
	void *buf = n->kept;
	int rc = 0;

	if (size <= KEPT_SIZE)
		size = KEPT_SIZE;
	else
		rc = map_buffer(size, &buf);
	if (rc == 0)
		batch_begin(b, buf, size, n->netlink.seq + 1);
	return rc;
}

static void describe(struct nft *n, int rc, const struct nft_change *changes, size_t failed)
{
	const struct netlink_error *e = &n->netlink.error;
	const char *more = e->text[0] ? ": " : "";

	if (failed == NFT_NO_CHANGE)
		snprintf(n->error, sizeof(n->error), "%s%s%s", strerror(-rc), more, e->text);
	else
		snprintf(n->error, sizeof(n->error), "set %s, change %zu: %s%s%s", changes[failed].key.set, failed,
			strerror(-rc), more, e->text);
}

int nft_batch_commit(struct nft *n, struct batch *b, const struct nft_change *changes, size_t *ret_failed)
{
	size_t failed = NFT_NO_CHANGE;
	int rc;

	batch_end(b);
	rc = netlink_do(&n->netlink, b->buf, b->len, b->first_seq, b->last->nlmsg_seq);
	if (n->netlink.error.error)
		failed = batch_failed(b, n->netlink.error.seq, n->netlink.error.offset);
	n->netlink.seq = b->last_seq;
	if (b->buf != n->kept)
		munmap(b->buf, b->cap);
	n->error[0] = '\0';
	if (rc)
		describe(n, rc, changes, failed);
	if (ret_failed)
		*ret_failed = failed;
	return rc;
}

static int commit_once(struct nft *n, const struct nft_change *changes, size_t n_changes, size_t *ret_failed)
{
	struct batch b;
	int rc = nft_batch_begin(n, &b, n_changes, 0);

	if (rc)
		return rc;
	batch_changes(&b, changes, n_changes, n->in_place);
	return nft_batch_commit(n, &b, changes, ret_failed);
}

int nft_commit(struct nft *n, const struct nft_change *changes, size_t n_changes, size_t *ret_failed)
{
	size_t failed = NFT_NO_CHANGE;
	int rc;

	if (ret_failed)
		*ret_failed = failed;
	if (n_changes > NFT_CHANGES_MAX)
		return -E2BIG;
	if (n_changes == 0)
		return 0;
	rc = commit_once(n, changes, n_changes, &failed);
	/* an element expired between our adding it and our deleting it again: now it is gone for good */
	if (rc == -ENOENT && failed != NFT_NO_CHANGE &&
		(changes[failed].op == NFT_RENEW || changes[failed].op == NFT_DESTROY))
		rc = commit_once(n, changes, n_changes, &failed);
	if (ret_failed)
		*ret_failed = failed;
	return rc;
}
