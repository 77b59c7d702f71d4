/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of postern-tls share.
 *
 *   main.c      start, the loop
 *   messages.c  the channels: the gate's image, the resolver's questions, the answers to them
 *   conns.c     connections: sockets and TLS below the book of src/pipeline
 *   trust.c     what an upstream has to prove
 */
#ifndef TLS_SHELL_H
#define TLS_SHELL_H

#include "postern/channel.h"
#include "postern/counters.h"
#include "postern/image.h"
#include "postern/loop.h"
#include "postern/pipeline.h"
#include "trust.h"

enum source { SOURCE_GATE, SOURCE_RESOLVER, SOURCE_CONN };

struct conn {
	SSL *ssl;
	int fd;
	bool done;	 /* the handshake is */
	bool failed;	 /* an error that leaves nothing to say goodbye on */
	uint16_t generation;
	uint32_t upstream;
	uint32_t watched; /* events asked for */
};

/* An upstream, and what is said about it. */
struct upstream {
	struct trust *trust;	/* NULL: not over TLS, or its certificates cannot be used */
	bool broken;		/* the last connection to it came to nothing */
	uint64_t broken_ms;	/* when */
	uint64_t said_ms;	/* when that was last said; 0: never */
	const char *said;
};

struct shell {
	struct loop loop;
	struct channel gate, resolver; /* resolver.fd -1: not there yet */
	struct image *im;
	uint32_t generation;
	bool renewing; /* connections end because there is a new image, not because anything is wrong */
	uint64_t now_ms;
	struct pipeline *book;
	struct upstream upstreams[PIPELINE_UPSTREAMS_MAX];
	struct conn conns[PIPELINE_CONNECTIONS_MAX];
	uint64_t counters[COUNTER_TLS_COUNT];
};

/* messages.c: 0 or why the process has to end */
int gate_receive(struct shell *s);
int resolver_receive(struct shell *s);
/* Ports of the book. */
void send_answer(void *ctx, uint32_t ref, const uint8_t *data, size_t len);
void send_failed(void *ctx, uint32_t ref);

/* conns.c */
POSTERN_MUST_CHECK int conns_init(struct shell *s);
void conn_event(struct shell *s, struct loop_ref ref, uint32_t events);
/* The upstreams are those of s->im now. */
void conns_renew(struct shell *s);

#endif
