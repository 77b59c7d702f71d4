/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS over kept connections (RFC 7766, RFC 7858): which question goes on which connection, and which answer is whose.
 * folder: src/pipeline
 *
 * A pure book: events go in as calls, actions come out through the ports, some of them during such a call. It knows
 * neither sockets nor TLS; postern-resolver (TCP) and postern-tls put their own below it, the tests none.
 *
 * What it promises. Answers may come in any order: each question has an id of its own on its connection, and the asker
 * gets the answer with the id that it chose. A connection takes no further question once nothing has come back on
 * it for a while, so that one slow name, or a server that answers in order, holds up nobody else for long. When a
 * connection dies, its questions are asked again on others, each by itself: a server may close whenever it likes, and a question for
 * which it always does costs the others nothing. Given up at once is what could not be connected, and what was alone on a connection
 * that never answered. Everything is bounded: connections, questions, bytes.
 */
#ifndef POSTERN_PIPELINE_H
#define POSTERN_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/dns.h"

#define PIPELINE_CONNECTIONS_MAX 64 /* to all upstreams together */
#define PIPELINE_PER_UPSTREAM 8
#define PIPELINE_SERIAL_MAX 32	    /* the same, to an upstream that closes after each answer */
#define PIPELINE_FLIGHT_MAX 32	    /* questions of one connection without an answer */
#define PIPELINE_UPSTREAMS_MAX 1024
#define PIPELINE_REFS 4096	    /* references of two questions under way differ modulo this */
#define PIPELINE_CONNECT_MS 3000    /* until it can be written to, TLS handshake included */
#define PIPELINE_STALL_MS 1500	    /* nothing came back for so long: not for new questions any more */
#define PIPELINE_IDLE_MS 10000	    /* no question under way: closed, unless the server said how long it keeps it (RFC 7828) */
#define PIPELINE_KEEP_MAX_MS 60000  /* and no longer than this */

struct pipeline;

struct pipeline_ports {
	/* Begins to connect; pipeline_connected() or pipeline_closed() tells how it went. Negative: cannot. */
	int (*open)(void *ctx, uint32_t conn, uint32_t upstream);
	/* There are bytes to send on a connection that is connected. */
	void (*wake)(void *ctx, uint32_t conn);
	/* The connection is over, its number free. Called once for each that was opened. */
	void (*close)(void *ctx, uint32_t conn);
	/* An answer, with the asker's id; not checked but for that and the size of a header. Its reference is dead. */
	void (*answer)(void *ctx, uint32_t ref, const uint8_t *data, size_t len);
	/* There will be none: the connection broke. The reference is dead. */
	void (*failed)(void *ctx, uint32_t ref);
};

/* NULL without memory: the only allocation. */
struct pipeline *pipeline_new(const struct pipeline_ports *ports, void *ctx);
/* Without a word to the ports. */
void pipeline_free(struct pipeline *p);

/* Time moves on: to be called before anything else of that moment. */
void pipeline_advance(struct pipeline *p, uint64_t now_ms);
/* When to call again at the latest; UINT64_MAX: nothing is due. May be early. */
uint64_t pipeline_deadline(const struct pipeline *p) POSTERN_PURE;

/*
 * Asks @upstream (below PIPELINE_UPSTREAMS_MAX) the question @data, a whole DNS message of at most DNS_ASK_MAX bytes.
 * 0; -ENOBUFS where every connection is full or stuck; what open() said. Exactly one of answer(), failed() and
 * pipeline_forget() ends it, and none before this returns.
 */
POSTERN_MUST_CHECK int pipeline_ask(struct pipeline *p, uint32_t upstream, uint32_t ref, const uint8_t *data, size_t len);
/* Nobody waits for it any more. One that is not known is fine. */
void pipeline_forget(struct pipeline *p, uint32_t ref);
/* Closes all connections and forgets all questions: the upstreams are others now. */
void pipeline_reset(struct pipeline *p);

/* The connection can be written to. */
void pipeline_connected(struct pipeline *p, uint32_t conn);
/* It broke, was closed by the other side, or could not be made. */
void pipeline_closed(struct pipeline *p, uint32_t conn);
/* What is to be sent, and how much of it was. */
const uint8_t *pipeline_unsent(const struct pipeline *p, uint32_t conn, size_t *ret_len);
void pipeline_sent(struct pipeline *p, uint32_t conn, size_t len);
/* Where to put received bytes (never no room), and how many came. After it the connection may be closed. */
uint8_t *pipeline_space(struct pipeline *p, uint32_t conn, size_t *ret_len);
void pipeline_received(struct pipeline *p, uint32_t conn, size_t len);

/* Is anybody still waiting on the connection? False for one that is not open. */
bool pipeline_waiting(const struct pipeline *p, uint32_t conn);

#endif
