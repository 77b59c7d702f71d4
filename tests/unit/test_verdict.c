/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict core in virtual time: judgements, attribution while held, windows of events, limits. */
#include "check.h"
#include "verdict_kit.h"

#include <errno.h>

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

static void lab_open(bool with_cgroup)
{
	CHECK(verdict_new(&lab.v) == 0);
	lab.im = kit_image(WINDOW_MS, &lab.data);
	memset(&lab.out, 0, sizeof(lab.out));
	lab.now = (struct verdict_time){START_MS, 1000000};
	lab.next_id = 1;
	verdict_set_image(lab.v, lab.im);
	kit_sandboxes(lab.v, with_cgroup);
}

static void lab_close(void)
{
	verdict_free(lab.v);
	image_unmap(lab.im);
	free(lab.data);
}

static void out_clear(void)
{
	lab.out.decisions.n = lab.out.n_asks = lab.out.n_events = 0;
}

static uint64_t count(unsigned int counter)
{
	uint64_t c[COUNTER_VERDICT_COUNT];

	verdict_counters(lab.v, c);
	return c[counter];
}

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
};

static void send_packet(const struct sent *s)
{
	uint8_t bytes[128];
	struct verdict_packet m = {.id = lab.next_id++, .hook = s->hook, .mark = s->mark, .data = bytes,
		.has_uid = s->uid >= 0, .uid = (uint32_t)s->uid, .in_confined = s->confined};

	m.len = m.wire_len = kit_packet(bytes, s->from, s->to, s->protocol, s->port);
	if (s->flags)
		bytes[(bytes[0] >> 4 == 4 ? 20 : 40) + 13] = s->flags;
	strcpy(m.in, s->in ? s->in : "");
	strcpy(m.out, s->out ? s->out : "");
	verdict_packet(lab.v, &m, lab.now, &lab.out);
}

static void reply(uint32_t seq, const char *exe, const char *cgroup, uint32_t uid)
{
	struct msg_attribute_reply r = {.h.seq = seq, .by = {.found = true, .uid = uid, .pid = exe ? 77 : 0}};

	strcpy(r.by.exe, exe ? exe : "");
	strcpy(r.by.cgroup, cgroup);
	verdict_attributed(lab.v, &r, lab.now, &lab.out);
}

/* The only event there is once all windows ended. */
static const struct event *only_event(void)
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

static const struct {
	const char *name;
	struct sent sent;
	uint16_t slot;
	enum decision decision;
	enum reason reason;
	uint32_t line; /* of the deciding rule; 0: none */
} rows[] = {
	{"never resolved", {FWD, TCP4(443), -1}, 1, DECISION_REFUSE, REASON_NEVER_RESOLVED, LINE_CI},
	{"never resolved, IPv6", {FWD, "2001:db8::2", "2001:db8:51::1", PROTOCOL_TCP, 443, -1}, 1, DECISION_REFUSE,
		REASON_NEVER_RESOLVED, LINE_CI},
	{"udp never resolved", {FWD, "192.0.2.2", "198.51.100.9", PROTOCOL_UDP, 443, -1}, 1, DECISION_REFUSE,
		REASON_NEVER_RESOLVED, LINE_CI},
	{"ping, which nothing allows", {FWD, "192.0.2.2", "198.51.100.9", PROTOCOL_ICMP, 8, -1}, 1, DECISION_REFUSE,
		REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"ping6", {FWD, "2001:db8::2", "2001:db8:51::1", PROTOCOL_ICMPV6, 128, -1}, 1, DECISION_REFUSE,
		REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"gre", {FWD, "192.0.2.2", "198.51.100.9", 47, 0, -1}, 1, DECISION_REFUSE, REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"metadata", {FWD, "192.0.2.2", "169.254.169.254", PROTOCOL_TCP, 80, -1}, 1, DECISION_REFUSE,
		REASON_ALWAYS_DENIED, LINE_CI},
	{"metadata by a static rule's service", {FWD, "192.0.2.2", "169.254.169.254", PROTOCOL_UDP, 123, -1}, 1,
		DECISION_REFUSE, REASON_ALWAYS_DENIED, LINE_CI},
	{"private", {FWD, "192.0.2.2", "192.168.1.1", PROTOCOL_TCP, 443, -1}, 1, DECISION_REFUSE, REASON_PRIVATE_ADDRESS,
		LINE_CI},
	{"NAT64 form", {FWD, "2001:db8::2", "64:ff9b::c633:6409", PROTOCOL_TCP, 443, -1}, 1, DECISION_REFUSE,
		REASON_PRIVATE_ADDRESS, LINE_CI},
	{"6to4 form", {FWD, "2001:db8::2", "2002:c633:6409::1", PROTOCOL_TCP, 443, -1}, 1, DECISION_REFUSE,
		REASON_PRIVATE_ADDRESS, LINE_CI},
	{"another port of a static rule", {FWD, "192.0.2.2", "10.0.0.7", PROTOCOL_TCP, 23, -1}, 1, DECISION_REFUSE,
		REASON_PORT_NOT_ALLOWED, LINE_LAB},
	{"another protocol of a static rule", {FWD, "192.0.2.2", "10.0.0.7", PROTOCOL_UDP, 22, -1}, 1, DECISION_REFUSE,
		REASON_PROTOCOL_NOT_ALLOWED, LINE_LAB},
	{"an ALERT rule", {FWD, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 80, -1}, 1, DECISION_ACCEPT, REASON_ALERT,
		LINE_WATCH},
	{"a static ALLOW rule is the kernel's to apply", {FWD, "192.0.2.2", "198.51.100.9", PROTOCOL_UDP, 123, -1}, 1,
		DECISION_REFUSE, REASON_NEVER_RESOLVED, LINE_CI},
	{"an ALLOW rule behind it is ours as well", {FWD, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 81, -1}, 1,
		DECISION_ACCEPT, REASON_NONE, LINE_WIDE},
	{"by source", {FWD2, "192.0.2.18", "198.51.100.9", PROTOCOL_TCP, 443, -1}, 2, DECISION_REFUSE,
		REASON_NEVER_RESOLVED, LINE_CI},
	{"by source, IPv6", {FWD2, "2001:db8:2::5", "2001:db8:51::1", PROTOCOL_TCP, 443, -1}, 2, DECISION_REFUSE,
		REASON_NEVER_RESOLVED, LINE_CI},
	{"interface before source", {FWD, "192.0.2.18", "198.51.100.9", PROTOCOL_TCP, 443, -1}, 1, DECISION_REFUSE,
		REASON_NEVER_RESOLVED, LINE_CI},
	{"just outside the source prefix", {FWD2, "192.0.2.32", "198.51.100.9", PROTOCOL_TCP, 443, -1}, SANDBOX_NONE,
		DECISION_REFUSE, REASON_NO_SANDBOX, 0},
	{"to the host's services", {HOOK_INPUT, "veth1", NULL, "192.0.2.2", "192.0.2.1", PROTOCOL_TCP, 22, -1}, 1,
		DECISION_REFUSE, REASON_PRIVATE_ADDRESS, LINE_CI},
	{"to the stub's port", {HOOK_INPUT, "veth1", NULL, "192.0.2.2", "192.0.2.1", PROTOCOL_UDP, 15300, -1, MARKED}, 1,
		DECISION_REFUSE, REASON_ALWAYS_DENIED, LINE_CI},
	{"inbound, no rule", {HOOK_FORWARD, "eth0", "veth1", "203.0.113.9", "192.0.2.2", PROTOCOL_TCP, 3001, -1, MARKED}, 1,
		DECISION_REFUSE, REASON_INGRESS, LINE_CI},
	{"inbound, an ALERT rule", {HOOK_FORWARD, "eth0", "veth1", "203.0.113.9", "192.0.2.2", PROTOCOL_TCP, 3000, -1,
		MARKED}, 1, DECISION_ADMIT, REASON_ALERT, LINE_GUEST},
	{"the same from an unowned confined interface", {HOOK_FORWARD, "eth7", "veth1", "203.0.113.9", "192.0.2.2",
		PROTOCOL_TCP, 3000, -1, MARKED, 0, true}, 1, DECISION_REFUSE, REASON_INGRESS, LINE_CI},
	{"sandbox to sandbox: the receiver's ALERT rule is not enough", {HOOK_FORWARD, "veth1", "br0", "203.0.113.9",
		"192.0.2.18", PROTOCOL_TCP, 3000, -1, MARKED}, 1, DECISION_REFUSE, REASON_NEVER_RESOLVED, LINE_CI},
	{"inbound to the host", {HOOK_INPUT, "eth0", NULL, "203.0.113.9", "10.0.0.10", PROTOCOL_TCP, 22, -1, MARKED}, 5,
		DECISION_DROP, REASON_INGRESS, LINE_QUIET},
	{"to nobody", {HOOK_FORWARD, "eth0", "eth1", "203.0.113.9", "198.51.100.9", PROTOCOL_TCP, 22, -1, MARKED},
		SANDBOX_NONE, DECISION_REFUSE, REASON_NO_SANDBOX, 0},
	{"orphan: whose it was is not known", {LOCAL, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 80, -1}, 5,
		DECISION_DROP, REASON_NEVER_RESOLVED, LINE_QUIET},
	{"ping of a local uid", {LOCAL, "192.0.2.2", "198.51.100.9", PROTOCOL_ICMP, 8, 1000}, 3, DECISION_REFUSE,
		REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"null flags", {FWD, TCP4(443), -1, 0, 0x20}, 1, DECISION_REFUSE, REASON_MALFORMED, LINE_CI},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct event *e;

		check_row(rows[i].name);
		lab_open(false);
		send_packet(&rows[i].sent);
		CHECK(lab.out.n_asks == 0 && lab.out.decisions.n == 1);
		CHECK(lab.out.decisions.entries[0].packet_id == 1);
		CHECK(lab.out.decisions.entries[0].decision == rows[i].decision);
		if (rows[i].reason == REASON_NONE) {
			CHECK(!verdict_finish(lab.v, lab.now, &lab.out) && lab.out.n_events == 0);
			lab_close();
			continue;
		}
		e = only_event();
		CHECK(e->kind == (rows[i].reason == REASON_ALERT ? EVENT_ALERT : EVENT_REFUSAL));
		CHECK_STR(reason_text((enum reason)e->reason), reason_text(rows[i].reason));
		CHECK(e->slot == rows[i].slot && e->line == rows[i].line && e->count == 1);
		CHECK(event_valid(e) && (rows[i].slot == SANDBOX_NONE) == (e->sandbox[0] == '\0'));
		lab_close();
	}
}

static const struct sent https_sent = {FWD, TCP4(443), -1, 0, 0, false};

static enum decision decide(const struct sent *s)
{
	out_clear();
	send_packet(s);
	CHECK(lab.out.decisions.n == 1);
	return (enum decision)lab.out.decisions.entries[0].decision;
}

static enum reason reason_of(const struct sent *s)
{
	(void)decide(s);
	return (enum reason)only_event()->reason;
}

static void note(uint16_t slot, const char *name, const char *addr, uint64_t expires_ms)
{
	struct msg_pin_note n = kit_note(slot, name, addr, expires_ms);

	CHECK(verdict_note(lab.v, &n, lab.now.ms) == 0);
}

static void test_pins(void)
{
	struct sent other_port = https_sent, other_protocol = https_sent, local = https_sent;
	struct msg_pin_note n;

	check_row("pins");
	other_port.port = 8443;
	other_protocol.protocol = PROTOCOL_UDP;
	local = (struct sent){HOOK_INPUT, "veth1", NULL, TCP4(443), -1, 0, 0, false};
	lab_open(false);
	note(1, "www.example.com", "198.51.100.9", START_MS + 1000);
	CHECK(decide(&https_sent) == DECISION_ACCEPT && count(COUNTER_VERDICT_races_settled) == 1);
	CHECK(reason_of(&other_port) == REASON_PORT_NOT_ALLOWED);
	CHECK(reason_of(&other_protocol) == REASON_PROTOCOL_NOT_ALLOWED);
	CHECK(reason_of(&local) == REASON_PRIVATE_ADDRESS); /* a pin does not open the host's own services */
	lab.now.ms += 1000;
	CHECK(reason_of(&https_sent) == REASON_PIN_EXPIRED);
	CHECK(lab.out.events[0].n_names == 1 && lab.out.events[0].line == LINE_WEB);
	note(1, "www.example.com", "198.51.100.9", lab.now.ms + 1000);
	CHECK(decide(&https_sent) == DECISION_ACCEPT);
	/* what the policy says now counts, not what was pinned once */
	note(2, "other.test", "198.51.100.10", lab.now.ms + 1000);
	CHECK(reason_of(&(struct sent){FWD2, "192.0.2.18", "198.51.100.10", PROTOCOL_TCP, 443, -1, 0, 0, false}) ==
		REASON_BLOCKED_NAME);
	CHECK(lab.out.events[0].line == LINE_REST);
	/* withheld */
	n = kit_note(1, "www.example.com", "198.51.100.11", lab.now.ms + 1000);
	n.reason = REASON_QUOTA;
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == 0);
	CHECK(reason_of(&(struct sent){FWD, "192.0.2.2", "198.51.100.11", PROTOCOL_TCP, 443, -1, 0, 0, false}) == REASON_QUOTA);
	/* a pin of one is not a pin of the other, but its name is a candidate */
	CHECK(reason_of(&(struct sent){FWD2, "192.0.2.18", "198.51.100.9", PROTOCOL_TCP, 443, -1, 0, 0, false}) ==
		REASON_NEVER_RESOLVED);
	CHECK(lab.out.events[0].n_names == 1);
	verdict_unset_sandbox(lab.v, 1);
	kit_sandboxes(lab.v, false);
	CHECK(reason_of(&https_sent) == REASON_NEVER_RESOLVED);
	lab_close();
}

static void test_bad_notes(void)
{
	struct msg_pin_note n;

	check_row("bad notes");
	lab_open(false);
	n = kit_note(SANDBOX_MAX, "a.test", "198.51.100.9", 1);
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == -EBADMSG);
	n = kit_note(1, "a.test", "198.51.100.9", 1);
	n.n_addrs = PIN_ADDRS_MAX + 1;
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == -EBADMSG);
	n = kit_note(1, "a.test", "198.51.100.9", 1);
	n.n_services = PIN_SERVICES_MAX + 1;
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == -EBADMSG);
	n = kit_note(1, "a.test", "198.51.100.9", 1);
	n.name.len = 0;
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == -EBADMSG);
	n = kit_note(1, "a.test", "198.51.100.9", 1);
	n.addrs[0].family = 9;
	CHECK(verdict_note(lab.v, &n, lab.now.ms) == -EBADMSG);
	CHECK(count(COUNTER_VERDICT_notes) == 0);
	lab_close();
}

/* Own names newest first, then those of others; never more than the event holds, none twice. */
static void test_candidates(void)
{
	static const char *const names[] = {"b.example.com", "a.example.com", "foreign.test", "second.test"};
	char text[DNS_NAME_TEXT_MAX];
	const struct event *e;

	check_row("candidates");
	lab_open(false);
	for (unsigned int i = 0; i < 6; i++) {
		char name[32];

		snprintf(name, sizeof(name), "extra%u.test", i);
		note(3, name, "198.51.100.9", START_MS + 9000);
	}
	note(2, "second.test", "198.51.100.9", START_MS + 9000);
	note(2, "foreign.test", "198.51.100.9", START_MS + 9000);
	note(1, "a.example.com", "198.51.100.9", START_MS - 1);
	note(1, "B.example.com", "198.51.100.9", START_MS - 1);
	note(2, "b.EXAMPLE.com", "198.51.100.9", START_MS + 9000);
	CHECK(decide(&https_sent) == DECISION_REFUSE);
	e = only_event();
	CHECK(e->n_names == 4);
	for (unsigned int i = 0; i < e->n_names; i++) {
		struct dns_name want;

		CHECK(dns_name_from_text(names[i], &want) == 0);
		check_row(dns_name_to_text(&e->names[i], text));
		CHECK(dns_name_equal(&e->names[i], &want));
	}
	lab_close();
}

static const struct sent local_sent = {LOCAL, TCP4(443), 1000, 0, 0, false};

static void test_attribution(void)
{
	const struct event *e;
	uint32_t seq;

	check_row("attribution");
	lab_open(false);
	send_packet(&local_sent);
	CHECK(lab.out.decisions.n == 0 && lab.out.n_asks == 1);
	CHECK(lab.out.asks[0].protocol == PROTOCOL_TCP && lab.out.asks[0].destination_port == 443);
	CHECK(verdict_due_ms(lab.v) == START_MS + VERDICT_HOLD_MS);
	seq = lab.out.asks[0].h.seq;
	reply(seq + VERDICT_HELD_MAX, "/bin/wrong", "x", 1000); /* nobody waits for it */
	CHECK(lab.out.decisions.n == 0);
	reply(seq, "/usr/bin/curl", "user.slice", 1000);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_REFUSE);
	reply(seq, "/usr/bin/curl", "user.slice", 1000);
	CHECK(lab.out.decisions.n == 1); /* exactly one decision */
	/* the next packet to the same destination needs no question */
	out_clear();
	send_packet(&local_sent);
	CHECK(lab.out.decisions.n == 1 && lab.out.n_asks == 0);
	e = only_event();
	CHECK(e->count == 2 && e->by.pid == 77 && e->by.uid == 1000 && e->slot == 3);
	CHECK_STR(e->by.exe, "/usr/bin/curl");
	CHECK(count(COUNTER_VERDICT_attributed) == 1);
	lab_close();
}

static void test_late(void)
{
	const struct event *e;

	check_row("late");
	lab_open(false);
	send_packet(&local_sent);
	lab.now.ms += VERDICT_HOLD_MS - 1;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.decisions.n == 0);
	lab.now.ms += 1;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.decisions.n == 1);
	reply(lab.out.asks[0].h.seq, "/usr/bin/curl", "user.slice", 1000);
	CHECK(lab.out.decisions.n == 1);
	e = only_event();
	CHECK(e->by.found && e->by.uid == 1000 && e->by.pid == 0 && !e->by.exe[0]);
	CHECK(count(COUNTER_VERDICT_attribution_late) == 1);
	lab_close();
}

/* A reply for another uid's socket, and one whose strings do not end, are no attribution. */
static void test_bad_replies(void)
{
	struct msg_attribute_reply r = {.by = {.found = true, .uid = 1000, .pid = 5}};

	check_row("bad replies");
	lab_open(false);
	send_packet(&local_sent);
	reply(lab.out.asks[0].h.seq, "/bin/other", "", 1001);
	CHECK(lab.out.decisions.n == 1 && only_event()->by.pid == 0);
	out_clear();
	send_packet(&local_sent);
	memset(r.by.command, 'x', sizeof(r.by.command));
	r.h.seq = lab.out.asks[0].h.seq;
	verdict_attributed(lab.v, &r, lab.now, &lab.out);
	CHECK(lab.out.decisions.n == 1 && only_event()->by.pid == 0);
	lab_close();
}

/* With cgroup sandboxes, who it was is known only from the reply; until then nothing is let through. */
static void test_cgroup(void)
{
	const struct sent watched = {LOCAL, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 80, 1000, 0, 0, false};

	check_row("cgroup");
	lab_open(true);
	send_packet(&watched);
	CHECK(lab.out.n_asks == 1);
	reply(lab.out.asks[0].h.seq, "/bin/a", "box/a/deep", 1000);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_DROP);
	CHECK(only_event()->slot == 4);
	out_clear();
	send_packet(&watched);
	reply(lab.out.asks[0].h.seq, "/bin/a", "box/ab", 1000);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_ACCEPT);
	CHECK(only_event()->slot == 3);
	out_clear();
	send_packet(&watched);
	lab.now.ms += VERDICT_HOLD_MS;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out));
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_REFUSE);
	CHECK(only_event()->reason == REASON_OVERLOAD);
	lab_close();
}

/* One uid's packets take their share of the places and no more; every packet is decided once. */
static void test_held_share(void)
{
	struct sent s = local_sent;
	unsigned int decided = 0;

	check_row("held share");
	lab_open(false);
	for (uint16_t i = 0; i < 200; i++) {
		out_clear();
		s.port = (uint16_t)(1000 + i);
		send_packet(&s);
		CHECK(lab.out.decisions.n + lab.out.n_asks == 1);
		CHECK(lab.out.n_asks == (i < VERDICT_HELD_SHARE));
		decided += lab.out.decisions.n;
	}
	s.uid = 1002; /* another uid still finds a place */
	out_clear();
	send_packet(&s);
	CHECK(lab.out.n_asks == 1);
	lab.now.ms += VERDICT_HOLD_MS;
	for (bool more = true; more;) {
		out_clear();
		more = verdict_tick(lab.v, lab.now, &lab.out);
		decided += lab.out.decisions.n;
	}
	CHECK(decided == 201 && count(COUNTER_VERDICT_held_full) == 200 - VERDICT_HELD_SHARE);
	lab_close();
}

static void test_windows(void)
{
	check_row("windows");
	lab_open(false);
	for (int i = 0; i < 1000; i++) {
		out_clear();
		send_packet(&https_sent);
		lab.now.wall_us += 10;
	}
	CHECK(verdict_due_ms(lab.v) == START_MS + WINDOW_MS);
	lab.now.ms += WINDOW_MS - 1;
	out_clear();
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.n_events == 0);
	lab.now.ms += 1;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.n_events == 1);
	CHECK(lab.out.events[0].count == 1000);
	CHECK(lab.out.events[0].wall_us == 1000000 && lab.out.events[0].last_wall_us == 1000000 + 9990);
	CHECK(verdict_due_ms(lab.v) == UINT64_MAX);
	out_clear();
	send_packet(&https_sent); /* a new window */
	CHECK(only_event()->count == 1);
	lab_close();
}

/* A scan fills its share; the rest is counted, and the other sandbox still gets its event. */
static void test_scan(void)
{
	struct sent s = https_sent;
	uint64_t told = 0, suppressed = 0, other = 0;

	check_row("scan");
	lab_open(false);
	for (uint16_t port = 1; port <= 3000; port++) {
		out_clear();
		s.port = port;
		send_packet(&s);
		CHECK(lab.out.decisions.n == 1);
	}
	s.in = "br0";
	s.from = "192.0.2.18";
	send_packet(&s);
	lab.now.ms += WINDOW_MS;
	for (bool more = true; more;) {
		out_clear();
		more = verdict_tick(lab.v, lab.now, &lab.out);
		for (unsigned int i = 0; i < lab.out.n_events; i++) {
			const struct event *e = &lab.out.events[i];

			CHECK(event_valid(e));
			if (e->slot == 2)
				other += e->count;
			else if (e->kind == EVENT_SUPPRESSED && e->reason == REASON_NEVER_RESOLVED)
				suppressed += e->count;
			else
				told += e->count;
		}
	}
	CHECK(told + suppressed == 3000 && told == 512 && other == 1);
	CHECK(count(COUNTER_VERDICT_aggregate_full) == suppressed);
	lab_close();
}

static void test_reply_packet(void)
{
	struct sent s = {LOCAL, "192.0.2.2", "203.0.113.9", PROTOCOL_TCP, 5555, 1000, 0, TCP_SYN | TCP_ACK, false};
	const struct event *e;

	check_row("reply of a listening port");
	lab_open(false);
	send_packet(&s);
	CHECK(lab.out.n_asks == 1);
	reply(lab.out.asks[0].h.seq, "/bin/server", "", 1000);
	e = only_event();
	CHECK(e->reason == REASON_INGRESS && e->inbound && e->destination_port == 40000 && e->source_port == 5555);
	CHECK(addr_equal(&e->source, &(struct addr){ADDR_V4, {203, 0, 113, 9}}));
	lab_close();
}

static void test_no_image(void)
{
	check_row("before the first image");
	CHECK(verdict_new(&lab.v) == 0);
	memset(&lab.out, 0, sizeof(lab.out));
	kit_sandboxes(lab.v, false);
	note(1, "www.example.com", "198.51.100.9", START_MS + 1000);
	CHECK(decide(&https_sent) == DECISION_REFUSE);
	CHECK(only_event()->reason == REASON_NO_RULE);
	verdict_free(lab.v);
}

static void test_unparsable(void)
{
	uint8_t byte = 0x45;
	struct verdict_packet m = {.id = 9, .hook = HOOK_FORWARD, .in = "veth1", .data = &byte, .len = 1, .wire_len = 1};

	check_row("unparsable");
	lab_open(false);
	verdict_packet(lab.v, &m, lab.now, &lab.out);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_DROP);
	CHECK(only_event()->reason == REASON_MALFORMED && count(COUNTER_VERDICT_malformed) == 1);
	m.len = m.wire_len = 0;
	m.data = NULL;
	out_clear();
	verdict_packet(lab.v, &m, lab.now, &lab.out);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_DROP);
	lab_close();
}

/* Full tables lose notes, never anything else; what is over makes room. */
static void test_pin_table(void)
{
	struct msg_pin_note n = kit_note(1, "many.example.com", "198.51.100.9", START_MS + 1000);
	uint64_t lost;

	check_row("pin table");
	lab_open(false);
	n.n_addrs = PIN_ADDRS_MAX;
	for (uint32_t i = 0; i < 66000 / PIN_ADDRS_MAX; i++) {
		for (uint32_t k = 0; k < PIN_ADDRS_MAX; k++)
			n.addrs[k] = (struct addr){ADDR_V4, {203, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)k}};
		CHECK(verdict_note(lab.v, &n, lab.now.ms) == 0);
	}
	lost = count(COUNTER_VERDICT_pin_table_full);
	CHECK(lost == 66000 / PIN_ADDRS_MAX * PIN_ADDRS_MAX - 65536);
	lab.now.ms += 2000; /* all over: they make room although they are kept to be named */
	note(1, "new.example.com", "198.51.100.9", lab.now.ms + 1000);
	CHECK(count(COUNTER_VERDICT_pin_table_full) == lost);
	CHECK(decide(&https_sent) == DECISION_ACCEPT);
	lab_close();
}

int main(void)
{
	test_rows();
	test_pins();
	test_bad_notes();
	test_candidates();
	test_attribution();
	test_late();
	test_bad_replies();
	test_cgroup();
	test_held_share();
	test_windows();
	test_scan();
	test_reply_packet();
	test_no_image();
	test_unparsable();
	test_pin_table();
	return check_report();
}
