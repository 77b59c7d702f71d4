/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as an upstream's answer, through the whole core: a client asks, the bytes come back with our question in
 * front (the first byte chooses the type, and whether they come as they are), the gate grants part of what it
 * is asked for. What has to hold: each client gets at most one answer, that can be read, and no larger than it
 * may be; every address in it was granted, and none is one that the asked name must not lead to; nothing is asked upstream but allowed names, each of the
 * upstreams of its zone. Later the same is asked again while the upstreams are silent: what is past its end is granted first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postern/forward.h"
#include "postern/image_build.h"
#include "postern/match.h"
#include "postern/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASKS_MAX 12

static struct {
	struct resolver *r;
	struct image *im;
	const struct image_policy *policy;
	uint64_t now_ms;
	uint32_t generation;
	struct dns_ask ask;
	uint32_t ask_ref;
	unsigned int n_asks, n_answers;
	bool asked, stream, pinning;
	struct msg_pin_request pin;
	uint32_t granted;
} world;

static bool was_granted(const uint8_t *rdata, uint16_t type)
{
	for (unsigned int i = 0; i < world.pin.n_addrs; i++)
		if ((world.granted >> i & 1) && world.pin.addrs[i].family == (type == DNS_TYPE_A ? ADDR_V4 : ADDR_V6) &&
			memcmp(world.pin.addrs[i].bytes, rdata, type == DNS_TYPE_A ? 4 : 16) == 0)
			return true;
	return false;
}

static void check_record(struct bytes_reader *r)
{
	struct dns_name owner;
	uint16_t type, len;
	const uint8_t *rdata;

	ASSERT(dns_name_read(r, true, &owner) == 0);
	type = bytes_read_u16(r);
	bytes_skip(r, 6);
	len = bytes_read_u16(r);
	rdata = bytes_read_view(r, len);
	ASSERT(!r->failed);
	if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
		ASSERT(was_granted(rdata, type));
}

static void check_answer(const struct client *c, const uint8_t *data, size_t len)
{
	struct bytes_reader r;
	struct dns_name name;
	unsigned int n_records;

	ASSERT(++world.n_answers == 1 && (c->stream || len <= DNS_DATAGRAM_MAX));
	bytes_reader_init(&r, data, len);
	bytes_skip(&r, 6);
	n_records = bytes_read_u16(&r);
	n_records += bytes_read_u16(&r);
	n_records += bytes_read_u16(&r);
	ASSERT(dns_name_read(&r, false, &name) == 0);
	bytes_skip(&r, 4);
	while (n_records--)
		check_record(&r);
	ASSERT(!bytes_left(&r));
}

static void on_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	(void)ctx;
	check_answer(c, data, len);
}

static int on_ask(void *ctx, const struct upstream_ask *ask)
{
	struct dns_query q;
	uint32_t rule, first, n;

	(void)ctx;
	ASSERT(dns_query_parse(ask->data, ask->len, &q) == 0);
	rule = match_name(world.im, world.policy, &q.name, q.qtype);
	ASSERT(rule != IMAGE_NONE && image_rule(world.im, world.policy, rule)->action != ACTION_BLOCK);
	n = forward_upstreams(world.im, forward_zone(world.im, &q.name), &first);
	ASSERT(ask->upstream >= first && ask->upstream - first < n && forward_records(world.im, &q.name, &first) == 0);
	world.ask = (struct dns_ask){.id = q.id, .qtype = q.qtype, .name = q.name};
	world.ask_ref = ask->ref;
	world.stream = ask->stream;
	world.asked = true;
	return ++world.n_asks < ASKS_MAX ? 0 : -EMFILE;
}

static void on_forget(void *ctx, uint32_t ref)
{
	(void)ctx;
	(void)ref;
}

static int on_pin(void *ctx, struct msg_pin_request *m)
{
	(void)ctx;
	ASSERT(m->n_addrs > 0 && m->n_addrs <= PIN_ADDRS_MAX);
	for (unsigned int i = 0; i < m->n_addrs; i++)
		ASSERT(!addr_is_never(&m->addrs[i]) && forward_permits(world.im, &m->name, &m->addrs[i]));
	world.pin = *m;
	world.pinning = true;
	return 0;
}

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx;
	ASSERT(d->count > 0 && d->reason < REASON_COUNT && d->answers_len <= sizeof(d->answers));
	return last_chance ? 0 : -(int)(d->count & 1); /* sometimes there is no room */
}

static uint32_t on_random(void *ctx)
{
	(void)ctx;
	return 0x5a5a1234;
}

static const struct resolver_ports ports = {
	.answer = on_answer, .ask = on_ask, .forget = on_forget, .pin = on_pin, .record = on_record, .random = on_random,
};

/* b.a is elsewhere, and may have private addresses; c.a is answered here. */
static void add_split(struct image_builder *b)
{
	const struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 2}}, .port = 53};
	const struct prefix private[] = {{{ADDR_V4, {10}}, 8}, {{ADDR_V6, {0xfc}}, 7}};
	const struct dns_name zone = {.len = 5, .wire = "\1b\1a"}, local = {.len = 5, .wire = "\1c\1a"};

	image_build_zone(b, &(struct build_zone){.name = &zone, .upstreams = &up, .n_upstreams = 1, .prefixes = private, .n_prefixes = 2});
	image_build_record(b, &(struct build_record){.name = &local, .addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 9}}, .ttl_s = 60});
}

static void set_up(void)
{
	struct image_builder *b = image_builder_new();
	struct sandbox box = {.name = "box", .policy = "p", .slot = 1, .kind = SANDBOX_UID, .n_selectors = 1};
	const struct image_service https = {443, 443, 6};
	struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, 53}}, .port = 53};
	void *data;
	size_t len;

	image_build_policy(b, &(struct build_policy){.place = {"p", "p", 1}});
	uint32_t list = image_build_list(b);
	ASSERT(image_build_domain_text(b, list, "a") == 0 && image_build_domain_text(b, list, "*.a") == 0);
	image_build_rule(b, &(struct build_rule){.place = {"r", "p", 2}, .priority = 2, .lists = &list, .n_lists = 1,
		.services = &https, .n_services = 1, .https_records = HTTPS_STRIP});
	image_build_rule(b, &(struct build_rule){.place = {"t", "p", 3}, .priority = 1, .action = ACTION_ALERT,
		.protection = PROTECTION_DNS_TUNNELING, .confidence = CONFIDENCE_LOW});
	image_build_upstream(b, &up);
	add_split(b);
	ASSERT(image_builder_finish(b, &data, &len) == 0 && image_view(data, len, &world.im) == 0);
	image_builder_free(b);
	world.policy = image_policy(world.im, 0);
	world.r = resolver_new(&ports, NULL);
	ASSERT(world.r && resolver_set_sandbox(world.r, &box) == 0);
}

static void ask(uint16_t type, bool inside, bool dnssec_ok)
{
	struct client c = {.slot = 1, .port = 1};
	struct dns_ask a = {.id = 1, .qtype = type, .edns = true, .dnssec_ok = dnssec_ok,
		.name = {.len = 3, .wire = "\1a"}};
	uint8_t wire[DNS_ASK_MAX], out[RESOLVER_ANSWER_MAX];
	if (inside)
		a.name = (struct dns_name){.len = 5, .wire = "\1b\1a"};
	int len = resolver_query(world.r, &c, wire, dns_ask_write(&a, wire), out);

	ASSERT(len >= 0);
	if (len)
		check_answer(&c, out, (size_t)len);
}

/* The bytes, behind a header and question that match: 8 bytes of it (flags, counts) are the input's. */
static void answer(const uint8_t *data, size_t size, bool raw)
{
	static uint8_t wire[DNS_MESSAGE_MAX];
	struct dns_ask a = world.ask;
	size_t len;

	world.asked = false;
	if (raw || size < 8 || size > 60000) {
		resolver_upstream_answer(world.r, world.ask_ref, data, size < DNS_MESSAGE_MAX ? size : DNS_MESSAGE_MAX);
		return;
	}
	len = dns_ask_write(&a, wire);
	wire[2] = (uint8_t)(0x80 | (data[0] & 0x02)); /* QR, TC */
	wire[3] = data[1] & 0x0f;
	memcpy(wire + 6, data + 2, 6);
	memcpy(wire + len, data + 8, size - 8);
	resolver_upstream_answer(world.r, world.ask_ref, wire, len + size - 8);
}

static void grant(uint8_t bits)
{
	struct msg_pin_reply m = {.h.seq = world.pin.h.seq, .granted = bits * 0x01010101u, .lifetime_ms = 90000};

	world.pinning = false;
	world.granted = m.granted;
	resolver_pin_reply(world.r, &m);
}

/* Longer than clients wait, shorter than the gate is waited for. */
static void wait_in_vain(void)
{
	for (unsigned int i = 0; i < 10 && !world.pinning; i++)
		resolver_advance(world.r, world.now_ms += 500);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_HTTPS, DNS_TYPE_TXT, DNS_TYPE_CNAME,
		DNS_TYPE_MX, DNS_TYPE_SVCB, DNS_TYPE_SOA};

	if (!world.r)
		set_up();
	if (size < 2)
		return 0;
	world.n_asks = world.n_answers = 0;
	world.granted = 0;
	world.pinning = world.asked = false;
	resolver_set_image(world.r, world.im, ++world.generation);
	ask(types[data[0] & 7], data[0] & 32, data[0] & 128);
	while (world.asked && world.n_answers == 0)
		answer(data + 2, size - 2, data[0] & 8);
	if (world.pinning)
		grant(data[1]);
	if (world.n_answers == 1 && (data[0] & 16)) { /* again, from the cache */
		world.n_answers = 0;
		ask(types[data[0] & 7], data[0] & 32, data[0] & 128);
	}
	if (world.n_answers == 1 && (data[0] & 64)) { /* again, past its end */
		world.now_ms += 301000;
		resolver_advance(world.r, world.now_ms);
		world.n_answers = 0;
		ask(types[data[0] & 7], data[0] & 32, data[0] & 128);
		wait_in_vain();
		if (world.pinning)
			grant((uint8_t)(data[1] >> 1));
	}
	world.now_ms += 60000;
	resolver_advance(world.r, world.now_ms); /* whatever still waits fails */
	resolver_advance(world.r, world.now_ms += 60000);
	resolver_advance(world.r, world.now_ms += 60000);
	ASSERT(world.n_answers == 1);
	return 0;
}
