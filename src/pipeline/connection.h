/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection: the questions on it by their ids, bytes going out, bytes coming in. No decision about other connections.
 * Private to src/pipeline.
 */
#ifndef PIPELINE_CONNECTION_H
#define PIPELINE_CONNECTION_H

#include <stdbool.h>

#include "postern/pipeline.h"

#define CONNECTION_PREFIX 2 /* the length before each message: RFC 1035 4.2.2 */
#define CONNECTION_OUT_MAX (PIPELINE_FLIGHT_MAX * (CONNECTION_PREFIX + DNS_ASK_MAX))

struct question {
	bool used, waiting; /* waiting: somebody wants the answer; else its id is only kept from being used again */
	bool alone;	    /* it wants a connection to itself */
	uint8_t moves;	    /* how often its connection closed below it */
	uint16_t id, asked_id; /* on this connection, and the asker's */
	uint16_t len;
	uint32_t ref;
	uint8_t data[DNS_ASK_MAX];
};

enum connection_state { CONNECTION_CLOSED, CONNECTION_CONNECTING, CONNECTION_OPEN };

struct connection {
	enum connection_state state;
	bool broken; /* the peer sent what no server sends */
	bool alone;  /* its question is: it takes no other beside it */
	uint32_t upstream;
	uint32_t generation; /* of this place */
	uint32_t n_flight, n_waiting;
	uint32_t n_answers, n_strays;
	uint64_t opened_ms;
	uint64_t idle_ms; /* how long it is kept without a question under way; 0: not at all, it takes none any more */
	uint64_t moved_ms; /* when the last answer came, or the first question was put on an idle connection */
	uint32_t out_len, out_sent, in_len;
	struct question questions[PIPELINE_FLIGHT_MAX];
	uint8_t out[CONNECTION_OUT_MAX];
	uint8_t in[CONNECTION_PREFIX + DNS_MESSAGE_MAX];
};

/* Empty, CONNECTING. */
void connection_open(struct connection *c, uint32_t upstream, uint64_t now_ms);
/* Is there room for one more question? */
bool connection_has_room(const struct connection *c);
/* Puts a copy of @q on it under an id that is free there; its place. There has to be room. */
uint32_t connection_add(struct connection *c, const struct question *q);
/* Nobody waits for the question at @place; its id stays taken until the answer comes. */
void connection_forget(struct connection *c, uint32_t place);
/*
 * The next whole message in what came in from *@at on: moves *@at behind it. False: there is none. Messages that answer
 * nothing are counted; too many of them, or one that is too short for a header, and the connection is broken.
 * True with *@ret_place PIPELINE_FLIGHT_MAX: a message that nobody waits for.
 */
bool connection_next(struct connection *c, uint32_t *at, uint32_t *ret_place, const uint8_t **ret_data, size_t *ret_len);
/* Throws away what came in before @at. */
void connection_consume(struct connection *c, uint32_t at);

#endif
