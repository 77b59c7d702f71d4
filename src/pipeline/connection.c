/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Framing and ids of one connection. What comes in is hostile: a length is two bytes, so that a whole message always fits the
 * buffer; an answer is for the question with its id, or a stray.
 */
#include "connection.h"

#include <string.h>

#define STRAYS_MAX 32 /* messages that answer nothing: then it is no server */

void connection_open(struct connection *c, uint32_t upstream, uint64_t now_ms)
{
	c->state = CONNECTION_CONNECTING;
	c->broken = c->alone = false;
	c->upstream = upstream;
	c->generation++;
	c->n_flight = c->n_waiting = c->n_answers = c->n_strays = 0;
	c->opened_ms = c->moved_ms = now_ms;
	c->idle_ms = PIPELINE_IDLE_MS;
	c->out_len = c->out_sent = c->in_len = 0;
	for (unsigned int i = 0; i < PIPELINE_FLIGHT_MAX; i++)
		c->questions[i].used = false;
}

bool connection_has_room(const struct connection *c)
{
	/* what was answered before it was sent (no honest server does) still takes room in the buffer */
	return c->n_flight < PIPELINE_FLIGHT_MAX &&
		CONNECTION_OUT_MAX - (c->out_len - c->out_sent) >= CONNECTION_PREFIX + DNS_ASK_MAX;
}

static struct question *by_id(struct connection *c, uint16_t id)
{
	for (unsigned int i = 0; i < PIPELINE_FLIGHT_MAX; i++)
		if (c->questions[i].used && c->questions[i].id == id)
			return &c->questions[i];
	return NULL;
}

static void queue(struct connection *c, const struct question *q)
{
	uint8_t *at;

	if (c->out_sent) {
		memmove(c->out, c->out + c->out_sent, c->out_len - c->out_sent);
		c->out_len -= c->out_sent;
		c->out_sent = 0;
	}
	at = c->out + c->out_len;
	at[0] = (uint8_t)(q->len >> 8);
	at[1] = (uint8_t)q->len;
	memcpy(at + CONNECTION_PREFIX, q->data, q->len);
	at[CONNECTION_PREFIX] = (uint8_t)(q->id >> 8);
	at[CONNECTION_PREFIX + 1] = (uint8_t)q->id;
	c->out_len += CONNECTION_PREFIX + q->len;
}

uint32_t connection_add(struct connection *c, const struct question *q)
{
	uint32_t place = 0;
	uint16_t id = q->asked_id;

	while (c->questions[place].used)
		place++;
	while (by_id(c, id))
		id++; /* at most as often as there are questions */
	c->questions[place] = *q;
	c->questions[place].id = id;
	c->questions[place].used = c->questions[place].waiting = true;
	c->n_flight++;
	c->n_waiting++;
	queue(c, &c->questions[place]);
	return place;
}

void connection_forget(struct connection *c, uint32_t place)
{
	if (c->questions[place].waiting)
		c->n_waiting--;
	c->questions[place].waiting = false;
}

static uint32_t match(struct connection *c, uint8_t *message)
{
	struct question *q = by_id(c, (uint16_t)(message[0] << 8 | message[1]));
	bool waiting = q && q->waiting;

	if (!q) {
		if (++c->n_strays > STRAYS_MAX)
			c->broken = true;
		return PIPELINE_FLIGHT_MAX;
	}
	message[0] = (uint8_t)(q->asked_id >> 8);
	message[1] = (uint8_t)q->asked_id;
	q->used = q->waiting = false;
	c->n_flight--;
	c->n_waiting -= waiting;
	c->n_answers++;
	return waiting ? (uint32_t)(q - c->questions) : PIPELINE_FLIGHT_MAX;
}

bool connection_next(struct connection *c, uint32_t *at, uint32_t *ret_place, const uint8_t **ret_data, size_t *ret_len)
{
	uint8_t *frame = c->in + *at;
	uint32_t left = c->in_len - *at, len;

	if (c->broken || left < CONNECTION_PREFIX)
		return false;
	len = (uint32_t)frame[0] << 8 | frame[1];
	if (len < DNS_HEADER_SIZE) {
		c->broken = true;
		return false;
	}
	if (left - CONNECTION_PREFIX < len)
		return false;
	*at += CONNECTION_PREFIX + len;
	*ret_place = match(c, frame + CONNECTION_PREFIX);
	*ret_data = frame + CONNECTION_PREFIX;
	*ret_len = len;
	return true;
}

void connection_consume(struct connection *c, uint32_t at)
{
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}
