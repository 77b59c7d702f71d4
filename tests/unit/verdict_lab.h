/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One verdict core with everything it needs, its clock, and what was sent to it: for the tests of the core. */
#ifndef POSTERN_TEST_VERDICT_LAB_H
#define POSTERN_TEST_VERDICT_LAB_H

#include "check.h"
#include "verdict_kit.h"

#define WINDOW_MS 1000
#define START_MS 5000000

/* One core with everything it needs, and the clock. */
struct lab {
	struct verdict *v;
	struct image *im;
	void *data;
	struct verdict_out out;
	struct verdict_time now;
	uint32_t next_id;
};

static struct lab lab;

static inline void lab_open(bool with_cgroup)
{
	CHECK(verdict_new(&lab.v) == 0);
	lab.im = kit_image(WINDOW_MS, &lab.data);
	memset(&lab.out, 0, sizeof(lab.out));
	lab.now = (struct verdict_time){START_MS, 1000000};
	lab.next_id = 1;
	verdict_set_image(lab.v, lab.im);
	kit_sandboxes(lab.v, with_cgroup);
}

static inline void lab_close(void)
{
	verdict_free(lab.v);
	image_unmap(lab.im);
	free(lab.data);
}

static inline void out_clear(void)
{
	lab.out.decisions.n = lab.out.n_asks = lab.out.n_events = 0;
}

static inline uint64_t count(unsigned int counter)
{
	uint64_t c[COUNTER_VERDICT_COUNT];

	verdict_counters(lab.v, c);
	return c[counter];
}

#define TOLD_OTHER (-1)

struct sent {
	enum verdict_hook hook;
	const char *in, *out;
	const char *from, *to;
	uint8_t protocol;
	uint16_t port;
	int uid; /* -1: none */
	uint32_t mark;
	uint8_t flags; /* TCP, 0: SYN */
	bool confined;
	int told; /* zone of the cgroup sandbox; TOLD_OTHER: of no such; 0: the ruleset said nothing */
};

static inline void send_packet(const struct sent *s)
{
	uint8_t bytes[128];
	struct verdict_packet m = {.id = lab.next_id++, .hook = s->hook, .mark = s->mark, .data = bytes,
		.has_uid = s->uid >= 0, .uid = (uint32_t)s->uid, .in_confined = s->confined, .told = s->told != 0,
		.zone = (uint16_t)(s->told > 0 ? s->told : 0)};

	m.len = m.wire_len = kit_packet(bytes, s->from, s->to, s->protocol, s->port);
	if (s->flags)
		bytes[(bytes[0] >> 4 == 4 ? 20 : 40) + 13] = s->flags;
	strcpy(m.in, s->in ? s->in : "");
	strcpy(m.out, s->out ? s->out : "");
	verdict_packet(lab.v, &m, lab.now, &lab.out);
}

static inline void reply(uint32_t seq, const char *exe, const char *cgroup, uint32_t uid)
{
	struct msg_attribute_reply r = {.h.seq = seq, .by = {.found = true, .uid = uid, .pid = exe ? 77 : 0}};

	strcpy(r.by.exe, exe ? exe : "");
	strcpy(r.by.cgroup, cgroup);
	verdict_attributed(lab.v, &r, lab.now, &lab.out);
}

/* The only event there is once all windows ended. */
static inline const struct event *only_event(void)
{
	static const struct event none;

	out_clear();
	CHECK(!verdict_finish(lab.v, lab.now, &lab.out));
	CHECK(lab.out.n_events == 1);
	return lab.out.n_events == 1 ? &lab.out.events[0] : &none;
}

#define FWD HOOK_FORWARD, "veth1", "eth0"
#define FWD2 HOOK_FORWARD, "br0", "eth0"
#define LOCAL HOOK_OUTPUT, NULL, "eth0"
#define TCP4(port) "192.0.2.2", "198.51.100.9", PROTOCOL_TCP, port
#define MARKED VERDICT_MARK_INBOUND

#endif
