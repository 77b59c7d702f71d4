/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sequence of packets, notes, sandbox changes, replies and time into the verdict core. What has to hold: every packet is
 * decided exactly once, and by the end of its wait; only what the policy of the kit lets through is accepted;
 * the packets that events tell of are as many as those that had a reason.
 *
 * Input: steps of one byte that says what, and the bytes that it needs. The core is used again for the next input,
 * since its tables are large to make: sandboxes, waits and windows are ended, only names are remembered.
 */
#include "../unit/verdict_kit.h"
#include "postern/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PACKETS_MAX 4096

struct run {
	struct verdict *v;
	struct bytes_reader r;
	struct verdict_out out;
	struct verdict_time now;
	uint32_t n_packets;
	uint32_t last_ask;
	uint64_t told;
	uint8_t decided[PACKETS_MAX];
};

static const char *const names[] = {"www.example.com", "example.com", "other.test", "a.example.com"};
static const char *const links[] = {"", "veth1", "eth0", "lo"};
static const char *const addrs[] = {"198.51.100.9", "198.51.100.200", "192.0.2.18", "192.0.2.2", "10.0.0.7", "169.254.169.254",
	"203.0.113.9", "2001:db8:51::1", "2001:db8:2::5", "2001:db8:80::1"};

static void take_out(struct run *f)
{
	const struct msg_decisions *d = &f->out.decisions;

	for (uint32_t i = 0; i < d->n; i++) {
		ASSERT(d->entries[i].packet_id < f->n_packets && d->entries[i].decision < DECISION_COUNT);
		ASSERT(!f->decided[d->entries[i].packet_id]++);
	}
	for (uint32_t i = 0; i < f->out.n_events; i++) {
		ASSERT(event_valid(&f->out.events[i]) && f->out.events[i].count > 0);
		f->told += f->out.events[i].count;
	}
	if (f->out.n_asks)
		f->last_ask = f->out.asks[f->out.n_asks - 1].h.seq;
	f->out.decisions.n = f->out.n_asks = f->out.n_events = 0;
}

static void step_packet(struct run *f)
{
	uint8_t bytes[256], how = bytes_read_u8(&f->r), which = bytes_read_u8(&f->r);
	struct verdict_packet m = {.id = f->n_packets, .hook = (uint8_t)(1 + how % 3), .has_uid = how & 8,
		.uid = how & 16 ? 1000 : 1001, .mark = how & 32 ? (which & 1 ? VERDICT_MARK_REPLY : VERDICT_MARK_INBOUND) : 0, .in_confined = how & 64,
		.data = bytes};

	if (f->n_packets == PACKETS_MAX)
		return;
	f->n_packets++;
	strcpy(m.in, links[which & 3]);
	strcpy(m.out, links[which >> 2 & 3]);
	if (how & 128) {
		const char *from = addrs[bytes_read_u8(&f->r) % ARRAY_LEN(addrs)], *to = addrs[which >> 4 & 7];

		if (!strchr(from, ':') != !strchr(to, ':'))
			from = to;
		m.len = kit_packet(bytes, from, to, which & 128 ? PROTOCOL_TCP : PROTOCOL_UDP, which & 1 ? 443 : 80);
	} else {
		m.len = bytes_read_u8(&f->r);
		if (m.len > bytes_left(&f->r))
			m.len = bytes_left(&f->r);
		bytes_read_copy(&f->r, bytes, m.len);
	}
	m.wire_len = m.len;
	verdict_packet(f->v, &m, f->now, &f->out);
}

static void step_note(struct run *f)
{
	uint8_t which = bytes_read_u8(&f->r);
	struct msg_pin_note n = kit_note(which & 3, names[which >> 2 & 3], addrs[(which >> 4) % ARRAY_LEN(addrs)],
		f->now.ms + bytes_read_u8(&f->r) * 100u);
	uint8_t spoil = bytes_read_u8(&f->r);

	if (spoil & 1)
		n.slot = bytes_read_u16(&f->r);
	if (spoil & 2)
		n.n_addrs = bytes_read_u8(&f->r);
	if (spoil & 4)
		n.n_services = bytes_read_u8(&f->r);
	if (spoil & 8)
		bytes_read_copy(&f->r, &n.name, bytes_left(&f->r) < 20 ? bytes_left(&f->r) : 20);
	if (spoil & 16)
		n.reason = bytes_read_u8(&f->r);
	(void)!verdict_note(f->v, &n, f->now.ms); /* refusing a bad one is right */
}

static void step_reply(struct run *f)
{
	struct msg_attribute_reply r = {.h.seq = f->last_ask - bytes_read_u8(&f->r) % 4 * VERDICT_HELD_MAX};
	uint8_t how = bytes_read_u8(&f->r);

	r.by = (struct attribution){.found = how & 1, .uid = how & 2 ? 1000 : 1001, .pid = how >> 4};
	strcpy(r.by.cgroup, how & 4 ? "box/a" : how & 8 ? "/" : "");
	verdict_attributed(f->v, &r, f->now, &f->out);
}

static void step_mode(struct run *f)
{
	struct sandbox s[KIT_SANDBOXES];
	uint8_t which = bytes_read_u8(&f->r);

	kit_boxes(s);
	for (unsigned int i = 0; i < KIT_SANDBOXES; i++) {
		s[i].mode = which >> i & 1 ? SANDBOX_AUDIT : SANDBOX_ENFORCE;
		ASSERT(verdict_set_sandbox(f->v, &s[i]) == 0);
	}
}

static void step_time(struct run *f)
{
	f->now.ms += bytes_read_u16(&f->r);
	f->now.wall_us += 7;
	for (bool more = true; more;) {
		more = verdict_tick(f->v, f->now, &f->out);
		take_out(f);
	}
	ASSERT(verdict_due_ms(f->v) > f->now.ms);
}

static uint64_t since(const uint64_t *after, const uint64_t *before, unsigned int counter)
{
	return after[counter] - before[counter];
}

static void finish(struct run *f, const uint64_t *before)
{
	uint64_t c[COUNTER_VERDICT_COUNT], judged;

	for (bool more = true; more;) {
		more = verdict_finish(f->v, f->now, &f->out);
		take_out(f);
	}
	for (uint32_t i = 0; i < f->n_packets; i++)
		ASSERT(f->decided[i] == 1);
	verdict_counters(f->v, c);
	judged = since(c, before, COUNTER_VERDICT_accepted) + since(c, before, COUNTER_VERDICT_refused) +
		since(c, before, COUNTER_VERDICT_dropped);
	ASSERT(since(c, before, COUNTER_VERDICT_packets) == f->n_packets && judged == f->n_packets);
	ASSERT(f->told + since(c, before, COUNTER_VERDICT_races_settled) == f->n_packets);
	for (uint16_t slot = 0; slot < 8; slot++)
		verdict_unset_sandbox(f->v, slot);
}

static void step(struct run *f)
{
	uint8_t what = bytes_read_u8(&f->r);

	if (what < 0x80)
		step_packet(f);
	else if (what < 0xb0)
		step_note(f);
	else if (what < 0xd0)
		step_reply(f);
	else if (what < 0xf0)
		step_time(f);
	else if (what < 0xf8)
		verdict_unset_sandbox(f->v, bytes_read_u8(&f->r) % 8);
	else if (what < 0xfc)
		kit_sandboxes(f->v, what & 1);
	else
		step_mode(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run f;
	static struct verdict *v;
	static struct image *im;
	static void *image;
	uint64_t before[COUNTER_VERDICT_COUNT];

	if (!v) {
		im = kit_image(1000, &image);
		ASSERT(verdict_new(&v) == 0);
		verdict_set_image(v, im);
	}
	memset(&f, 0, sizeof(f));
	f.v = v;
	f.now.ms = 1000000;
	bytes_reader_init(&f.r, data, size);
	verdict_counters(v, before);
	kit_sandboxes(f.v, size & 1);
	while (bytes_left(&f.r)) {
		step(&f);
		take_out(&f);
	}
	finish(&f, before);
	return 0;
}
