/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The message table: one row a type. `routes` lists who may send it to whom; a pair that is
 * not listed is a protocol error, and that stops the daemon. ARCHITECTURE.md shows this table;
 * tests/lint compares them.
 */
#include "postern/message.h"

#include <errno.h>

#define TO(from, to) (1ull << (ROLE_##from * 8 + ROLE_##to))
#define GATE_TO_CHILD \
	(TO(GATE, POLICY) | TO(GATE, RESOLVER) | TO(GATE, VERDICT) | TO(GATE, ATTRIBUTE) | TO(GATE, AUDIT) | \
	 TO(GATE, CONTROL) | TO(GATE, TLS))
#define CHILD_TO_GATE \
	(TO(POLICY, GATE) | TO(RESOLVER, GATE) | TO(VERDICT, GATE) | TO(ATTRIBUTE, GATE) | TO(AUDIT, GATE) | \
	 TO(CONTROL, GATE) | TO(TLS, GATE))
#define TO_AUDIT (TO(GATE, AUDIT) | TO(RESOLVER, AUDIT) | TO(VERDICT, AUDIT) | TO(CONTROL, AUDIT))

static_assert(ROLE_COUNT <= 8, "routes are a mask of eight by eight");

static const struct {
	const char *name;
	size_t size;
	uint64_t routes;
	unsigned int fds;
} rows[] = {
	[MSG_READY] = {"ready", sizeof(struct msg_plain), CHILD_TO_GATE, 0},
	[MSG_PING] = {"ping", sizeof(struct msg_plain), GATE_TO_CHILD, 0},
	[MSG_PONG] = {"pong", sizeof(struct msg_pong), CHILD_TO_GATE, 0},
	[MSG_PEER] = {"peer", sizeof(struct msg_peer), GATE_TO_CHILD, 1},
	[MSG_REOPEN] = {"reopen", sizeof(struct msg_plain), TO(GATE, AUDIT), 0},
	[MSG_COMPILE] = {"compile", sizeof(struct msg_plain), TO(GATE, POLICY), 2},
	[MSG_COMPILED] = {"compiled", sizeof(struct msg_compiled), TO(POLICY, GATE), 0},
	[MSG_IMAGE] = {"image", sizeof(struct msg_image),
		TO(GATE, RESOLVER) | TO(GATE, VERDICT) | TO(GATE, AUDIT) | TO(GATE, TLS), 1},
	[MSG_IMAGE_READY] = {"image-ready", sizeof(struct msg_image),
		TO(RESOLVER, GATE) | TO(VERDICT, GATE) | TO(AUDIT, GATE) | TO(TLS, GATE), 0},
	[MSG_SANDBOX] = {"sandbox", sizeof(struct msg_sandbox), TO(GATE, RESOLVER) | TO(GATE, VERDICT), 0},
	[MSG_SANDBOX_GONE] = {"sandbox-gone", sizeof(struct msg_sandbox), TO(GATE, RESOLVER) | TO(GATE, VERDICT), 0},
	[MSG_PIN_REQUEST] = {"pin-request", sizeof(struct msg_pin_request), TO(RESOLVER, GATE), 0},
	[MSG_PIN_REPLY] = {"pin-reply", sizeof(struct msg_pin_reply), TO(GATE, RESOLVER), 0},
	[MSG_PIN_NOTE] = {"pin-note", sizeof(struct msg_pin_note), TO(GATE, VERDICT), 0},
	[MSG_QUEUE] = {"queue", sizeof(struct msg_plain), TO(GATE, VERDICT), 1},
	[MSG_DECISIONS] = {"decisions", sizeof(struct msg_decisions), TO(VERDICT, GATE), 0},
	[MSG_ATTRIBUTE_ASK] = {"attribute-ask", sizeof(struct msg_attribute_ask), TO(VERDICT, ATTRIBUTE), 0},
	[MSG_ATTRIBUTE_REPLY] = {"attribute-reply", sizeof(struct msg_attribute_reply), TO(ATTRIBUTE, VERDICT), 0},
	[MSG_EVENT] = {"event", sizeof(struct msg_event), TO_AUDIT, 0},
	[MSG_LISTENER] = {"listener", sizeof(struct msg_plain), TO(GATE, CONTROL), 1},
	[MSG_STATUS_ASK] = {"status-ask", sizeof(struct msg_plain), TO(CONTROL, GATE), 0},
	[MSG_STATUS] = {"status", sizeof(struct msg_status), TO(GATE, CONTROL), 0},
	[MSG_PINS_ASK] = {"pins-ask", sizeof(struct msg_cursor), TO(CONTROL, GATE), 0},
	[MSG_PINS] = {"pins", sizeof(struct msg_pins), TO(GATE, CONTROL), 0},
	[MSG_SANDBOXES_ASK] = {"sandboxes-ask", sizeof(struct msg_cursor), TO(CONTROL, GATE), 0},
	[MSG_SANDBOXES] = {"sandboxes", sizeof(struct msg_sandboxes), TO(GATE, CONTROL), 0},
	[MSG_SANDBOX_ADD] = {"sandbox-add", sizeof(struct msg_sandbox), TO(CONTROL, GATE), 0},
	[MSG_SANDBOX_REMOVE] = {"sandbox-remove", sizeof(struct msg_sandbox), TO(CONTROL, GATE), 0},
	[MSG_RELOAD] = {"reload", sizeof(struct msg_plain), TO(CONTROL, GATE), 0},
	[MSG_RESULT] = {"result", sizeof(struct msg_result), TO(GATE, CONTROL), 0},
	[MSG_RELOADED] = {"reloaded", sizeof(struct msg_result), TO(GATE, CONTROL), 1},
	[MSG_TLS_ASK] = {"tls-ask", sizeof(struct msg_tls_ask), TO(RESOLVER, TLS), 0},
	[MSG_TLS_FORGET] = {"tls-forget", sizeof(struct msg_tls_ref), TO(RESOLVER, TLS), 0},
	[MSG_TLS_ANSWER] = {"tls-answer", sizeof(struct msg_tls_answer), TO(TLS, RESOLVER), 0},
	[MSG_TLS_FAILED] = {"tls-failed", sizeof(struct msg_tls_ref), TO(TLS, RESOLVER), 0},
	[MSG_UPSTREAMS] = {"upstreams", sizeof(struct msg_upstreams), TO(RESOLVER, GATE), 0},
};

static_assert(ARRAY_LEN(rows) == MSG_TYPE_COUNT, "a row for every message type");
static_assert(sizeof(struct msg_event) <= MESSAGE_SIZE_MAX && sizeof(struct msg_status) <= MESSAGE_SIZE_MAX &&
	sizeof(struct msg_pins) <= MESSAGE_SIZE_MAX && sizeof(struct msg_sandboxes) <= MESSAGE_SIZE_MAX &&
	sizeof(struct msg_pin_note) <= MESSAGE_SIZE_MAX, "every message fits the receive buffer");

static const char *const role_names[] = {
	[ROLE_GATE] = "gate", [ROLE_POLICY] = "policy", [ROLE_RESOLVER] = "resolver", [ROLE_VERDICT] = "verdict",
	[ROLE_ATTRIBUTE] = "attribute", [ROLE_AUDIT] = "audit", [ROLE_CONTROL] = "control", [ROLE_TLS] = "tls",
};
static_assert(ARRAY_LEN(role_names) == ROLE_COUNT, "a name for every role");

const char *role_text(enum role r)
{
	return role_names[r];
}

bool upstream_rows_valid(const struct upstream_row *list, uint32_t n)
{
	if (n > UPSTREAM_ROWS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if ((list[i].addr.family != ADDR_V4 && list[i].addr.family != ADDR_V6) || list[i].tls > 1 ||
			list[i].state >= UPSTREAM_STATE_COUNT)
			return false;
	return true;
}

size_t message_size(enum message_type t)
{
	return rows[t].size;
}

const char *message_text(enum message_type t)
{
	return rows[t].name;
}

bool message_allowed(enum message_type t, enum role from, enum role to)
{
	return rows[t].routes >> (from * 8 + to) & 1;
}

unsigned int message_fds(enum message_type t)
{
	return rows[t].fds;
}

int message_check(const void *message, size_t len, unsigned int n_fds, enum role from, enum role to)
{
	const struct message_header *h = message;

	if (len < sizeof(*h) || h->type >= MSG_TYPE_COUNT || h->size != len)
		return -EPROTO;
	if (rows[h->type].size != len || rows[h->type].fds != n_fds)
		return -EPROTO;
	return message_allowed((enum message_type)h->type, from, to) ? 0 : -EPROTO;
}
