/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as what servers send, in any order of events: the connection book with hostile servers. The input is a
 * list of operations, a byte each with what it needs behind it. What has to hold: each question ends at most once and
 * only if it was asked; an answer has a header and the asker's id; what waits to be sent is whole messages; no more connections
 * than there may be; and once nobody waits any more, all of them close by themselves.
 */
#include <stdbool.h>
#include <string.h>

#include "postern/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct pipeline *p;
	uint64_t now_ms;
	bool open[PIPELINE_CONNECTIONS_MAX], connected[PIPELINE_CONNECTIONS_MAX];
	bool waiting[PIPELINE_REFS];
	uint32_t ref_of[PIPELINE_REFS];
	uint32_t next_ref;
	bool refuse, asking;
	unsigned int again; /* questions asked from within answers and failures */
} world;

static void ask(uint32_t upstream)
{
	uint8_t query[40] = {0};
	uint32_t ref = ++world.next_ref, at = ref % PIPELINE_REFS;

	if (world.waiting[at])
		return;
	query[0] = (uint8_t)(ref >> 4); /* ids repeat */
	query[1] = (uint8_t)at;
	world.asking = true;
	if (pipeline_ask(world.p, upstream, ref, query, sizeof(query)) == 0) {
		world.waiting[at] = true;
		world.ref_of[at] = ref;
	}
	world.asking = false;
}

static void ended(uint32_t ref)
{
	uint32_t at = ref % PIPELINE_REFS;

	ASSERT(!world.asking); /* nothing ends while something is being asked */
	ASSERT(world.waiting[at] && world.ref_of[at] == ref);
	world.waiting[at] = false;
	if (world.again && world.again--)
		ask(ref % 3);
}

static int on_open(void *ctx, uint32_t conn, uint32_t upstream)
{
	(void)ctx;
	(void)upstream;
	ASSERT(conn < PIPELINE_CONNECTIONS_MAX && !world.open[conn]);
	if (world.refuse)
		return -1;
	world.open[conn] = true;
	world.connected[conn] = false;
	return 0;
}

static void on_wake(void *ctx, uint32_t conn)
{
	(void)ctx;
	ASSERT(world.open[conn]);
}

static void on_close(void *ctx, uint32_t conn)
{
	(void)ctx;
	ASSERT(world.open[conn]);
	world.open[conn] = false;
}

static void on_answer(void *ctx, uint32_t ref, const uint8_t *data, size_t len)
{
	(void)ctx;
	ASSERT(len >= DNS_HEADER_SIZE && len <= DNS_MESSAGE_MAX);
	ASSERT(data[0] == (uint8_t)(ref >> 4) && data[1] == (uint8_t)(ref % PIPELINE_REFS));
	ended(ref);
}

static void on_failed(void *ctx, uint32_t ref)
{
	(void)ctx;
	ended(ref);
}

static const struct pipeline_ports ports = {
	.open = on_open, .wake = on_wake, .close = on_close, .answer = on_answer, .failed = on_failed,
};

static void forget(uint32_t ref)
{
	uint32_t at = ref % PIPELINE_REFS;

	pipeline_forget(world.p, ref);
	if (world.ref_of[at] == ref)
		world.waiting[at] = false;
}

static void pass(uint64_t ms)
{
	world.now_ms += ms;
	pipeline_advance(world.p, world.now_ms);
}

static void send_some(uint32_t conn, size_t most)
{
	size_t len;
	const uint8_t *out = pipeline_unsent(world.p, conn, &len);

	ASSERT(len == 0 || out);
	pipeline_sent(world.p, conn, most < len ? most : len);
}

static void receive(uint32_t conn, const uint8_t *data, size_t len)
{
	while (len && world.open[conn] && world.connected[conn]) {
		size_t room;
		uint8_t *space = pipeline_space(world.p, conn, &room);

		ASSERT(room > 0);
		room = room < len ? room : len;
		memcpy(space, data, room);
		pipeline_received(world.p, conn, room);
		data += room;
		len -= room;
	}
}

/* One operation; how much of @data it took beside its byte. */
static size_t operate(uint8_t op, const uint8_t *data, size_t size)
{
	uint32_t arg = size ? data[0] : 0, conn = arg % PIPELINE_CONNECTIONS_MAX;
	size_t len = size > 1 ? data[1] : 0;

	switch (op % 10) {
	case 0:
	case 1:
		world.again = op / 10 % 4;
		ask(arg % 4);
		return 1;
	case 2:
		forget(world.next_ref - arg);
		return 1;
	case 3:
		if (world.open[conn] && !world.connected[conn]) {
			world.connected[conn] = true;
			pipeline_connected(world.p, conn);
		}
		return 1;
	case 4:
		pipeline_closed(world.p, conn);
		return 1;
	case 5:
		send_some(conn, len);
		return 2;
	case 6:
		pass(arg * 16);
		return 1;
	case 7:
		world.refuse = arg & 1;
		return 1;
	default:
		len = size < 2 ? 0 : len < size - 2 ? len : size - 2;
		receive(conn, data + 2, len);
		return 2 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	world.p = pipeline_new(&ports, NULL);
	ASSERT(world.p);
	pass(1000);
	while (size) {
		size_t took = operate(data[0], data + 1, size - 1) + 1;

		took = took < size ? took : size;
		data += took;
		size -= took;
	}
	world.again = 0;
	for (uint32_t i = 0; i < PIPELINE_REFS; i++)
		if (world.waiting[i])
			forget(world.ref_of[i]);
	for (unsigned int i = 0; i < 16; i++)
		pass(1000);
	for (uint32_t i = 0; i < PIPELINE_CONNECTIONS_MAX; i++)
		ASSERT(!world.open[i]);
	ASSERT(pipeline_deadline(world.p) == UINT64_MAX);
	pipeline_free(world.p);
	return 0;
}
