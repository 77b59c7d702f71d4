/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clients of the control socket: accepting, reading, writing, forgetting. Never blocks.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <stdint.h>

#include "postern/channel.h"
#include "postern/counters.h"
#include "postern/loop.h"

#include "peer.h"
#include "session.h"

#define CLIENTS_MAX 32
#define CLIENTS_KEPT_FOR_ROOT 8 /* so that members of the group cannot lock root out */
#define CLIENT_IDLE_MS 60000
#define GATE_ANSWER_MS 120000 /* a reload compiles */

enum loop_kind { LOOP_CHANNEL, LOOP_LISTENER, LOOP_CLIENT };

struct client {
	int fd; /* -1: free */
	uint16_t generation;
	uint32_t events; /* what the loop waits for */
	uint64_t deadline_ms;
	struct peer peer;
	struct session session;
};

struct server {
	struct loop loop;
	struct channel gate;
	struct event_sink audit;
	int listener; /* -1: none yet */
	gid_t group;
	uint32_t seq; /* the last one given out */
	unsigned int n_clients;
	uint64_t warn_ms;
	uint64_t counters[COUNTER_CONTROL_COUNT];
	struct client clients[CLIENTS_MAX];
};

void server_init(struct server *s);
/* @fd becomes the server's. */
POSTERN_MUST_CHECK int server_listen(struct server *s, int fd);
void server_accept(struct server *s);
/* 0, or -errno where the gate's channel is broken. */
POSTERN_MUST_CHECK int server_on_client(struct server *s, const struct loop_event *e);
/* An answer of the gate; @fd (or -1) becomes the server's. -EPROTO. */
POSTERN_MUST_CHECK int server_on_answer(struct server *s, const union message_buffer *m, int fd);
/* Ends clients that have been idle for too long. Returns when to call again, in ms; -1: no need. */
int server_expire(struct server *s);

#endif
