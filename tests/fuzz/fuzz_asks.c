/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to upstreams in any order of events: time, answers good and bad to any question that is out, broken connections, no sockets.
 * The input is a list of operations, a byte each and one behind it. What has to hold: each client is answered exactly once; at
 * most two questions are out for a name, with references that differ where the shell tells them apart by; each is forgotten exactly
 * once; and there are no more questions than tries allow.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/image_build.h"
#include "postern/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUERIES_MAX 40
#define OUT_MAX 512
#define WAYS_MAX 4 /* a try may go on without EDNS, over TCP, and once with another cookie */

struct out {
	bool alive;
	uint32_t ref;
	unsigned int name;
	size_t len;
	uint8_t wire[DNS_ASK_MAX];
};

static struct {
	struct resolver *r;
	struct image *im;
	uint64_t now_ms;
	uint32_t generation, random;
	unsigned int serial; /* names are never asked twice */
	unsigned int first, n_queries, answered[QUERIES_MAX], asked[QUERIES_MAX];
	bool full;
	unsigned int n_out;
	struct out out[OUT_MAX];
} world;

/* "x0041.a" -> 0x41 - the first of this run. */
static unsigned int number_of(const struct dns_name *name)
{
	unsigned int n = 0;

	for (unsigned int i = 2; i < 6; i++)
		n = n * 16 + (unsigned int)((name->wire[i] | 0x20) - 'a');
	return (n - world.first) & 0xffff;
}

static void on_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	(void)ctx;
	ASSERT(len >= DNS_HEADER_SIZE && data[2] & 0x80);
	ASSERT(c->port < world.n_queries && world.answered[c->port]++ == 0);
}

static int on_ask(void *ctx, const struct upstream_ask *ask)
{
	unsigned int alive = 0;
	struct dns_query q;
	struct out *o;

	(void)ctx;
	if (world.full || world.n_out == OUT_MAX)
		return -1;
	o = &world.out[world.n_out++];
	ASSERT(dns_query_parse(ask->data, ask->len, &q) == 0 && ask->upstream < 2);
	*o = (struct out){.alive = true, .ref = ask->ref, .name = number_of(&q.name), .len = ask->len};
	memcpy(o->wire, ask->data, ask->len);
	ASSERT(o->name < world.n_queries && ++world.asked[o->name] <= 3 * WAYS_MAX);
	for (unsigned int i = 0; i + 1 < world.n_out; i++) {
		ASSERT(!world.out[i].alive || world.out[i].ref % RESOLVER_ASKS_MAX != o->ref % RESOLVER_ASKS_MAX);
		alive += world.out[i].alive && world.out[i].name == o->name;
	}
	ASSERT(alive <= 1);
	return 0;
}

static void on_forget(void *ctx, uint32_t ref)
{
	(void)ctx;
	for (unsigned int i = 0; i < world.n_out; i++)
		if (world.out[i].alive && world.out[i].ref == ref) {
			world.out[i].alive = false;
			return;
		}
	ASSERT(!"a reference is forgotten once");
}

static int on_pin(void *ctx, struct msg_pin_request *m)
{
	(void)ctx;
	(void)m;
	ASSERT(!"no answer holds an address");
	return -1;
}

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx;
	(void)d;
	(void)last_chance;
	return 0;
}

static uint32_t on_random(void *ctx)
{
	(void)ctx;
	world.random = world.random * 1664525u + 1013904223u;
	return world.random >> 8;
}

static const struct resolver_ports ports = {
	.answer = on_answer, .ask = on_ask, .forget = on_forget, .pin = on_pin, .record = on_record, .random = on_random,
};

static void set_up(void)
{
	struct image_builder *b = image_builder_new();
	struct sandbox box = {.name = "box", .policy = "p", .slot = 1, .kind = SANDBOX_UID, .n_selectors = 1};
	struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, 53}}, .port = 53};
	void *data;
	size_t len;

	image_build_policy(b, &(struct build_policy){.place = {"p", "p", 1}});
	uint32_t list = image_build_list(b);
	ASSERT(image_build_domain_text(b, list, "*.a") == 0);
	image_build_rule(b, &(struct build_rule){.place = {"r", "p", 2}, .priority = 2, .lists = &list, .n_lists = 1});
	image_build_upstream(b, &up);
	up.addr.bytes[3]++;
	image_build_upstream(b, &up);
	ASSERT(image_builder_finish(b, &data, &len) == 0 && image_view(data, len, &world.im) == 0);
	image_builder_free(b);
	world.r = resolver_new(&ports, NULL);
	ASSERT(world.r && resolver_set_sandbox(world.r, &box) == 0);
}

static void query(void)
{
	struct client c = {.slot = 1, .port = (uint16_t)world.n_queries};
	struct dns_ask a = {.id = 1, .qtype = DNS_TYPE_TXT, .edns = true, .name = {.len = 9, .wire = "\5x....\1a"}};
	uint8_t wire[DNS_ASK_MAX], out[RESOLVER_ANSWER_MAX];
	unsigned int n = world.serial;

	if (world.n_queries == QUERIES_MAX)
		return;
	world.serial = (world.serial + 1) & 0xffff;
	for (unsigned int i = 5; i >= 2; i--, n /= 16)
		a.name.wire[i] = (uint8_t)('a' + n % 16);
	world.n_queries++;
	int len = resolver_query(world.r, &c, wire, dns_ask_write(&a, wire), out);

	ASSERT(len >= 0);
	if (len)
		on_answer(NULL, &c, out, (size_t)len);
}

/*
 * What a server says to the question @o: flags and RCODE, perhaps to another question. @cookie: its options as they were, or a cookie of
 * the server's behind ours, or BADCOOKIE with that, or none.
 */
static void answer(const struct out *o, uint8_t flags, uint8_t rcode, uint8_t id_off, uint8_t cookie)
{
	struct dns_query q;
	struct dns_ask a = {.edns = true};
	uint8_t wire[DNS_ASK_MAX];
	size_t len = o->len;

	memcpy(wire, o->wire, o->len);
	if (cookie && dns_query_parse(o->wire, o->len, &q) == 0 && q.cookie_len) {
		a.id = q.id;
		a.qtype = q.qtype;
		a.name = q.name;
		a.cookie_len = cookie == 3 ? 0 : DNS_COOKIE_CLIENT + 8;
		memcpy(a.cookie, q.cookie, DNS_COOKIE_CLIENT);
		len = dns_ask_write(&a, wire);
	}
	if (a.cookie_len && cookie == 2) {
		wire[len - a.cookie_len - DNS_OPTION_SIZE - 6] = DNS_BADCOOKIE >> 4;
		rcode = DNS_BADCOOKIE & 15;
	}
	wire[1] ^= id_off;
	wire[2] = (uint8_t)(0x80 | flags);
	wire[3] = rcode;
	resolver_upstream_answer(world.r, o->ref, wire, len);
}

static void advance(uint64_t ms)
{
	uint64_t until_ms = world.now_ms + ms;

	while (world.now_ms < until_ms) {
		uint64_t due_ms = resolver_deadline(world.r);

		world.now_ms = due_ms > world.now_ms && due_ms < until_ms ? due_ms : until_ms;
		resolver_advance(world.r, world.now_ms);
	}
}

static void operate(uint8_t op, uint8_t arg)
{
	static const struct {
		uint8_t flags, rcode, id_off;
	} kinds[] = {{0, 0, 0}, {0, 3, 0}, {0, 2, 0}, {0, 1, 0}, {2, 0, 0}, {0, 0, 1}};
	struct out *o = world.n_out ? &world.out[world.n_out - 1 - arg % world.n_out] : NULL;
	unsigned int kind = op % 12;

	if (kind < 2)
		query();
	else if (kind == 2)
		advance(arg);
	else if (kind == 3)
		advance(arg * 20u);
	else if (kind == 4)
		world.full = arg & 1;
	else if (kind == 5 && o)
		resolver_upstream_failed(world.r, o->ref); /* also one that is forgotten */
	else if (o)
		answer(o, kinds[kind % 6].flags, kinds[kind % 6].rcode, kinds[kind % 6].id_off, arg >> 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!world.r)
		set_up();
	world.n_queries = world.n_out = 0;
	world.full = false;
	world.first = world.serial;
	memset(world.answered, 0, sizeof(world.answered));
	memset(world.asked, 0, sizeof(world.asked));
	resolver_set_image(world.r, world.im, ++world.generation);
	for (size_t i = 0; i + 1 < size && i < 2000; i += 2)
		operate(data[i], data[i + 1]);
	advance(60000); /* whatever still waits fails */
	for (unsigned int i = 0; i < world.n_queries; i++)
		ASSERT(world.answered[i] == 1);
	for (unsigned int i = 0; i < world.n_out; i++)
		ASSERT(!world.out[i].alive);
	return 0;
}
