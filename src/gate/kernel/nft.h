/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's socket to nf_tables: element changes as all-or-nothing batches, and
 * dumps of sets. Follows linux/netfilter/nf_tables.h; table `inet postern` only.
 * folder: src/gate/kernel
 *
 * A commit is done, and visible to packets, when nft_commit() returns 0.
 */
#ifndef POSTERN_GATE_NFT_H
#define POSTERN_GATE_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

#define NFT_TABLE "postern"
#define NFT_KEY_SIZE_MAX 40	 /* interface or IPv6 source . IPv6 address . protocol . port */
#define NFT_COMMENT_MAX 128	 /* with the NUL: nft(8) lists no more */
#define NFT_SET_NAME_MAX 32	 /* with the NUL, ours */
#define NFT_CHANGES_MAX (1u << 20) /* of one commit */
#define NFT_NO_CHANGE SIZE_MAX

/* How a set's key is laid out in netlink. */
enum nft_shape {
	NFT_POINT,	 /* hash: @key alone */
	NFT_RANGE,	 /* one field with intervals: @key to @key_end, both within */
	NFT_CONCAT_RANGE, /* concatenation with intervals: each field from @key to @key_end */
};

/* What names one element. */
struct nft_key {
	const char *set; /* static string: keys.h hands them out */
	uint8_t shape;	 /* enum nft_shape */
	uint8_t len;	 /* bytes used in @key and @key_end */
	uint8_t key[NFT_KEY_SIZE_MAX];
	uint8_t key_end[NFT_KEY_SIZE_MAX]; /* not NFT_POINT */
};

/* What a map gives for a key: bytes as packets find them in the register. Nothing (@len 0) for a set. */
#define NFT_DATA_SIZE_MAX 4
struct nft_data {
	uint8_t len;
	uint8_t bytes[NFT_DATA_SIZE_MAX];
};

enum nft_op {
	NFT_ADD,     /* present already: nothing happens, its timeout is not renewed */
	NFT_RENEW,   /* as if just added, present or not; one that is present may keep its old comment */
	NFT_DELETE,  /* absent or expired: -ENOENT, and the whole batch fails */
	NFT_DESTROY, /* absent is fine (a map's element needs its @data) */
	NFT_FLUSH,   /* every element of @key.set */
};

struct nft_change {
	uint8_t op;	      /* enum nft_op */
	struct nft_data data; /* of a map: keys.h makes it with the key */
	uint64_t timeout_ms;  /* 0: for ever; needs a set with timeouts */
	const char *comment;  /* or NULL; cut at NFT_COMMENT_MAX - 1 bytes */
	struct nft_key key;
};

struct nft;

/*
 * Opens the socket (needs CAP_NET_ADMIN) and allocates all that ordinary commits need. 0 or -errno.
 */
POSTERN_MUST_CHECK int nft_open(struct nft **ret_nft);
void nft_close(struct nft *n); /* NULL is fine */
/* netlink port of the socket: who wrote, in the tamper watch. */
uint32_t nft_portid(const struct nft *n) POSTERN_PURE;

/*
 * Finds out by doing it, on a scratch table that is removed again, whether this kernel renews an
 * element in place (6.12 does, 6.1 does not). Until then NFT_RENEW is done the old way.
 */
POSTERN_MUST_CHECK int nft_probe(struct nft *n);
bool nft_renews_in_place(const struct nft *n) POSTERN_PURE;

/*
 * All @n_changes, or none, in one transaction. 0 when the kernel acknowledged it, else -errno:
 * -ENOENT (set, or element of NFT_DELETE), -ENFILE (set full), -EEXIST (map: other data), -ENOTEMPTY or -EEXIST (interval: overlap),
 * -ENOBUFS (ack lost: unknown), -EPROTO (not an answer to us), -E2BIG (beyond NFT_CHANGES_MAX).
 * @ret_failed (may be NULL): index of the change that the kernel named, or NFT_NO_CHANGE.
 * nft_error() then holds the words for a log. Nothing is allocated up to NFT_CHANGES_KEPT changes.
 */
#define NFT_CHANGES_KEPT 1024
POSTERN_MUST_CHECK int nft_commit(struct nft *n, const struct nft_change *changes, size_t n_changes, size_t *ret_failed);
/* The last failure, with the kernel's extended ack: never NULL. */
const char *nft_error(const struct nft *n);

struct nft_element {
	struct nft_key key; /* shape as the kernel told: NFT_RANGE halves are joined */
	struct nft_data data;
	uint64_t timeout_ms; /* 0: for ever */
	uint64_t expires_ms; /* remaining */
	char comment[NFT_COMMENT_MAX]; /* "" where there is none */
};

/*
 * Calls @each for every element of @set; expired ones are left out. A positive or negative return of @each ends the
 * calls and is returned. 0, -ENOENT (no such set), -EINTR (the set changed meanwhile: ask again), -errno.
 * @each must not use @n.
 */
typedef int nft_each_fn(void *context, const struct nft_element *e);
POSTERN_MUST_CHECK int nft_dump_set(struct nft *n, const char *set, nft_each_fn *each, void *context);

#endif
