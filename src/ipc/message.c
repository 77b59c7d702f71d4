/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The message table: one row a type. `from` and `to` say who may send it to whom; what they do
 * not name is a protocol error, and that stops the daemon. ARCHITECTURE.md shows this table;
 * tests/lint compares them.
 */
#include "postern/message.h"

#include <errno.h>

#define R(role) (1u << ROLE_##role)
#define CHILDREN (ALL & ~R(GATE))
#define ALL ((1u << ROLE_COUNT) - 1u)

static_assert(ROLE_COUNT <= 16, "a set of roles is 16 bits");

static const struct {
	const char *name;
	size_t size;
	uint16_t from, to; /* sets of roles: any of these to any of those */
	unsigned int fds;
} rows[] = {
	[MSG_READY] = {"ready", sizeof(struct msg_plain), CHILDREN, R(GATE), 0},
	[MSG_PING] = {"ping", sizeof(struct msg_plain), R(GATE), CHILDREN, 0},
	[MSG_PONG] = {"pong", sizeof(struct msg_pong), CHILDREN, R(GATE), 0},
	[MSG_PEER] = {"peer", sizeof(struct msg_peer), R(GATE), CHILDREN, 1},
	[MSG_REOPEN] = {"reopen", sizeof(struct msg_plain), R(GATE), R(AUDIT), 0},
	[MSG_COMPILE] = {"compile", sizeof(struct msg_plain), R(GATE), R(POLICY), 2},
	[MSG_COMPILED] = {"compiled", sizeof(struct msg_compiled), R(POLICY), R(GATE), 0},
	[MSG_IMAGE] = {"image", sizeof(struct msg_image),
		R(GATE), R(RESOLVER) | R(VERDICT) | R(AUDIT) | R(TLS), 1},
	[MSG_IMAGE_READY] = {"image-ready", sizeof(struct msg_image),
		R(RESOLVER) | R(VERDICT) | R(AUDIT) | R(TLS), R(GATE), 0},
	[MSG_SANDBOX] = {"sandbox", sizeof(struct msg_sandbox), R(GATE), R(RESOLVER) | R(VERDICT), 0},
	[MSG_SANDBOX_GONE] = {"sandbox-gone", sizeof(struct msg_sandbox), R(GATE), R(RESOLVER) | R(VERDICT), 0},
	[MSG_PIN_REQUEST] = {"pin-request", sizeof(struct msg_pin_request), R(RESOLVER), R(GATE), 0},
	[MSG_PIN_REPLY] = {"pin-reply", sizeof(struct msg_pin_reply), R(GATE), R(RESOLVER), 0},
	[MSG_PIN_NOTE] = {"pin-note", sizeof(struct msg_pin_note), R(GATE), R(VERDICT), 0},
	[MSG_QUEUE] = {"queue", sizeof(struct msg_plain), R(GATE), R(VERDICT), 1},
	[MSG_DECISIONS] = {"decisions", sizeof(struct msg_decisions), R(VERDICT), R(GATE), 0},
	[MSG_ATTRIBUTE_ASK] = {"attribute-ask", sizeof(struct msg_attribute_ask), R(VERDICT), R(ATTRIBUTE), 0},
	[MSG_ATTRIBUTE_REPLY] = {"attribute-reply", sizeof(struct msg_attribute_reply), R(ATTRIBUTE), R(VERDICT), 0},
	[MSG_EVENT] = {"event", sizeof(struct msg_event), R(GATE) | R(RESOLVER) | R(VERDICT) | R(CONTROL), R(AUDIT), 0},
	[MSG_LISTENER] = {"listener", sizeof(struct msg_plain), R(GATE), R(CONTROL), 1},
	[MSG_STATUS_ASK] = {"status-ask", sizeof(struct msg_plain), R(CONTROL), R(GATE), 0},
	[MSG_STATUS] = {"status", sizeof(struct msg_status), R(GATE), R(CONTROL), 0},
	[MSG_PINS_ASK] = {"pins-ask", sizeof(struct msg_cursor), R(CONTROL), R(GATE), 0},
	[MSG_PINS] = {"pins", sizeof(struct msg_pins), R(GATE), R(CONTROL), 0},
	[MSG_SANDBOXES_ASK] = {"sandboxes-ask", sizeof(struct msg_cursor), R(CONTROL), R(GATE), 0},
	[MSG_SANDBOXES] = {"sandboxes", sizeof(struct msg_sandboxes), R(GATE), R(CONTROL), 0},
	[MSG_SANDBOX_ADD] = {"sandbox-add", sizeof(struct msg_sandbox), R(CONTROL), R(GATE), 0},
	[MSG_SANDBOX_REMOVE] = {"sandbox-remove", sizeof(struct msg_sandbox), R(CONTROL), R(GATE), 0},
	[MSG_RELOAD] = {"reload", sizeof(struct msg_plain), R(CONTROL), R(GATE), 0},
	[MSG_RESULT] = {"result", sizeof(struct msg_result), R(GATE), R(CONTROL), 0},
	[MSG_RELOADED] = {"reloaded", sizeof(struct msg_result), R(GATE), R(CONTROL), 1},
	[MSG_TLS_ASK] = {"tls-ask", sizeof(struct msg_tls_ask), R(RESOLVER), R(TLS), 0},
	[MSG_TLS_FORGET] = {"tls-forget", sizeof(struct msg_tls_ref), R(RESOLVER), R(TLS), 0},
	[MSG_TLS_ANSWER] = {"tls-answer", sizeof(struct msg_tls_answer), R(TLS), R(RESOLVER), 0},
	[MSG_TLS_FAILED] = {"tls-failed", sizeof(struct msg_tls_ref), R(TLS), R(RESOLVER), 0},
	[MSG_UPSTREAMS] = {"upstreams", sizeof(struct msg_upstreams), R(RESOLVER), R(GATE), 0},
	[MSG_ANCHORS] = {"anchors", sizeof(struct msg_anchors), R(GATE), R(RESOLVER) | R(CONTROL), 0},
	[MSG_ANCHORS_SEEN] = {"anchors-seen", sizeof(struct msg_anchors_seen), R(RESOLVER), R(GATE), 0},
	[MSG_ANCHORS_KEEP] = {"anchors-keep", sizeof(struct msg_anchors_keep), R(GATE), R(POLICY), 0},
	[MSG_ANCHORS_KEPT] = {"anchors-kept", sizeof(struct msg_anchors_kept), R(POLICY), R(GATE), 0},
	[MSG_START] = {"start", sizeof(struct msg_plain), R(GATE), R(STANDBY), 2},
	[MSG_STARTED] = {"started", sizeof(struct msg_started), R(STANDBY), R(GATE), 0},
};

static_assert(ARRAY_LEN(rows) == MSG_TYPE_COUNT, "a row for every message type");
static_assert(sizeof(struct msg_event) <= MESSAGE_SIZE_MAX && sizeof(struct msg_status) <= MESSAGE_SIZE_MAX &&
	sizeof(struct msg_pins) <= MESSAGE_SIZE_MAX && sizeof(struct msg_sandboxes) <= MESSAGE_SIZE_MAX &&
	sizeof(struct msg_pin_note) <= MESSAGE_SIZE_MAX &&
	sizeof(struct msg_anchors_keep) <= MESSAGE_SIZE_MAX, "every message fits the receive buffer");

static const char *const role_names[] = {
	[ROLE_GATE] = "gate", [ROLE_POLICY] = "policy", [ROLE_RESOLVER] = "resolver", [ROLE_VERDICT] = "verdict",
	[ROLE_ATTRIBUTE] = "attribute", [ROLE_AUDIT] = "audit", [ROLE_CONTROL] = "control", [ROLE_TLS] = "tls",
	[ROLE_STANDBY] = "standby",
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
	return (rows[t].from >> from & 1) && (rows[t].to >> to & 1);
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
