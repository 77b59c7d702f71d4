/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A taken-over process: any datagram on a channel is refused by message_check(), or what the receivers check of
 * its body (events, sandboxes, pins, results) is enough to use it.
 *
 * Bytes: type, sender, receiver, number of fds, then the message from behind its header on; what is missing is zero. They are also a
 * datagram: what can be unpacked of it is a message that comes back from packing as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/bytes.h"
#include "postern/channel.h"

#include "../../src/audit/line.h"
#include "../../src/control/reply.h"
#include "../../src/ipc/pack.h"
#include "../../src/resolver/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use_event(const struct msg_event *m, enum role from)
{
	static char line[LINE_BYTES_MAX];
	size_t n;

	if (!event_valid(&m->event))
		return;
	n = line_format(&m->event, from, line, sizeof(line));
	if (n < 2 || memchr(line, '\n', n) != line + n - 1)
		abort(); /* a valid event always has its line, and only one */
	for (size_t i = 0; i + 1 < n; i++)
		if ((unsigned char)line[i] < 0x20)
			abort();
}

static void use_reply(const union message_buffer *m)
{
	static struct reply r;
	static struct anchors anchors; /* the last ones that were valid */
	static const struct request req = {.op = OP_STATUS};

	r.len = 0;
	r.failed = false;
	if (m->h.type == MSG_STATUS && reply_status_valid((const struct msg_status *)m))
		reply_status(&r, &req, &anchors, (const struct msg_status *)m);
	if (m->h.type == MSG_ANCHORS && anchors_valid(&((const struct msg_anchors *)m)->anchors))
		anchors = ((const struct msg_anchors *)m)->anchors;
	if (m->h.type == MSG_PINS && reply_pins_valid((const struct msg_pins *)m))
		reply_pins(&r, &req, (const struct msg_pins *)m);
	if (m->h.type == MSG_SANDBOXES && reply_sandboxes_valid((const struct msg_sandboxes *)m))
		reply_sandboxes(&r, &req, (const struct msg_sandboxes *)m);
	if ((m->h.type == MSG_RESULT || m->h.type == MSG_RELOADED) && reply_result_valid((const struct msg_result *)m))
		reply_result(&r, &req, (const struct msg_result *)m);
	if (r.failed)
		abort();
}

static void use_sandbox(const struct msg_sandbox *m)
{
	if (sandbox_valid(&m->sandbox) && strlen(m->sandbox.name) + strlen(m->sandbox.policy) == 0)
		abort();
}

/* The message as a part of an answer, and again as the one behind it, until it does not fit. */
static void use_part(struct msg_tls_answer *m)
{
	static struct parts p;

	p.ref = p.total = p.have = 0;
	for (unsigned int i = 0; i < 100; i++) {
		int rc = parts_take(&p, m);

		if (rc >= 0 && (p.have > p.total || p.total > sizeof(p.bytes) || (rc == 1) != (p.have == p.total)))
			abort();
		if (rc != 0)
			return;
		m->offset += m->len;
	}
}

static void use_datagram(const uint8_t *data, size_t len)
{
	static union message_buffer m, again;
	static uint8_t wire[PACK_SIZE_MAX(MESSAGE_SIZE_MAX)];
	size_t used, back, packed, size;

	while (message_unpack(data, len, &m, &used) == 0) {
		size = message_size((enum message_type)m.h.type);
		if (used > len || m.h.size != size)
			abort();
		packed = message_pack(&m, size, wire);
		if (packed > PACK_SIZE_MAX(size) || message_unpack(wire, packed, &again, &back) < 0 || back != packed ||
			memcmp(&again, &m, size) != 0)
			abort();
		data += used;
		len -= used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static union message_buffer m;
	struct bytes_reader r;
	unsigned int type, n_fds;
	enum role from, to;
	size_t size;

	use_datagram(data, len);
	memset(&m, 0, sizeof(m));
	bytes_reader_init(&r, data, len);
	type = bytes_read_u8(&r);
	from = bytes_read_u8(&r) % ROLE_COUNT;
	to = bytes_read_u8(&r) % ROLE_COUNT;
	n_fds = bytes_read_u8(&r) % 4;
	size = type < MSG_TYPE_COUNT ? message_size((enum message_type)type) : bytes_left(&r) % sizeof(m);
	m.h.type = (uint16_t)type;
	m.h.size = (uint16_t)size;
	if (size > sizeof(m.h)) {
		size_t body = bytes_left(&r) < size - sizeof(m.h) ? bytes_left(&r) : size - sizeof(m.h);

		bytes_read_copy(&r, m.bytes + sizeof(m.h), body);
	}
	if (message_check(&m, size, n_fds, from, to) < 0)
		return 0;
	if (!message_allowed((enum message_type)type, from, to) || message_fds((enum message_type)type) != n_fds)
		abort();
	if (message_check(&m, size - 1, n_fds, from, to) == 0 || message_check(&m, size + 1, n_fds, from, to) == 0)
		abort();
	if (type == MSG_EVENT)
		use_event((const struct msg_event *)&m, from);
	if (type == MSG_SANDBOX || type == MSG_SANDBOX_ADD)
		use_sandbox((const struct msg_sandbox *)&m);
	use_reply(&m);
	if (type == MSG_TLS_ANSWER)
		use_part((struct msg_tls_answer *)&m);
	return 0;
}
