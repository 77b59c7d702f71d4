/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages as they travel: what is packed comes back whole, and what no packer writes is refused. */
#include <errno.h>
#include <string.h>

#include "../../src/ipc/pack.h"
#include "check.h"

static uint64_t state = 88172645463325252ull;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Bytes of a body are left zero in stretches, as names and tables are, of up to @stretch. */
static void fill(uint8_t *body, size_t len, size_t stretch)
{
	for (size_t at = 0; at < len;) {
		size_t n = 1 + next_random() % stretch;
		uint8_t byte = next_random() & 1 ? 0 : (uint8_t)(1 + next_random() % 255);

		n = n < len - at ? n : len - at;
		memset(body + at, byte, n);
		at += n;
	}
}

/* Packed, and unpacked out of exactly as many bytes. */
static size_t round_trip(const union message_buffer *m, size_t size)
{
	static uint8_t wire[PACK_SIZE_MAX(MESSAGE_SIZE_MAX)];
	static union message_buffer back;
	size_t len = message_pack(m, size, wire), used = 0;

	CHECK(len <= PACK_SIZE_MAX(size));
	memset(&back, 0xa5, sizeof(back));
	CHECK(message_unpack(wire, len, &back, &used) == 0 && used == len);
	CHECK(memcmp(&back, m, size) == 0);
	CHECK(message_unpack(wire, len - 1, &back, &used) == -EPROTO);
	return len;
}

static void test_round_trip(void)
{
	static const size_t stretches[] = {1, 7, 9, 40, 3000, MESSAGE_SIZE_MAX};

	for (unsigned int type = 0; type < MSG_TYPE_COUNT; type++) {
		size_t size = message_size((enum message_type)type);
		static union message_buffer m;

		check_row(message_text((enum message_type)type));
		memset(&m, 0, sizeof(m));
		m.h = (struct message_header){(uint16_t)type, (uint16_t)size, 77};
		CHECK(round_trip(&m, size) == sizeof(m.h));
		for (size_t i = 0; i < 40 * ARRAY_LEN(stretches); i++) {
			fill(m.bytes + sizeof(m.h), size - sizeof(m.h), stretches[i % ARRAY_LEN(stretches)]);
			(void)round_trip(&m, size);
		}
		memset(m.bytes + sizeof(m.h), 0xff, size - sizeof(m.h));
		(void)round_trip(&m, size);
	}
	check_row("");
}

struct row {
	const char *what;
	size_t left;
	uint16_t type, size;
	uint8_t runs[40];
};

static void test_refused(void)
{
	/* a pin reply has 12 bytes behind its header: a word and half of one */
	static const struct row rows[] = {
		{"no header", 7, MSG_PING, 8, {0}},
		{"shorter than its header", 8, MSG_PING, 7, {0}},
		{"longer than the datagram", 10, MSG_PIN_REPLY, 11, {0, 0}},
		{"no type", 8, MSG_TYPE_COUNT, 8, {0}},
		{"half a run", 9, MSG_PIN_REPLY, 9, {0}},
		{"a run without its words", 10, MSG_PIN_REPLY, 10, {0, 1}},
		{"a word cut short", 17, MSG_PIN_REPLY, 17, {0, 1, 1, 2, 3}},
		{"behind the end", 10, MSG_PIN_REPLY, 10, {2, 0}},
		{"words behind the end", 18, MSG_PING, 18, {0, 1, 1}},
		{"a word too many", 34, MSG_PIN_REPLY, 34, {0, 3, 1}},
		{"the end passed in steps", 14, MSG_PIN_REPLY, 14, {1, 0, 1, 0, 1, 0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct message_header h = {rows[i].type, rows[i].size, 0};
		union message_buffer m;
		uint8_t wire[sizeof(h) + sizeof(rows[i].runs)];
		size_t used;

		check_row(rows[i].what);
		memcpy(wire, &h, sizeof(h));
		memcpy(wire + sizeof(h), rows[i].runs, sizeof(rows[i].runs));
		CHECK(message_unpack(wire, rows[i].left, &m, &used) == -EPROTO);
	}
	check_row("");
}

/* What makes it worth its while. */
static void test_short(void)
{
	static union message_buffer m;
	struct msg_pin_request *q = (struct msg_pin_request *)&m;

	q->h = (struct message_header){MSG_PIN_REQUEST, sizeof(*q), 1};
	q->n_addrs = 1;
	q->addrs[0].family = ADDR_V4;
	memcpy(q->name.wire, "\3www\7example\3com", 17);
	q->name.len = 17;
	CHECK(round_trip(&m, sizeof(*q)) < 100);
}

int main(void)
{
	test_round_trip();
	test_refused();
	test_short();
	return check_report();
}
