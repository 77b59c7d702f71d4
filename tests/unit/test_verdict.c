/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict core in virtual time: judgements, pins, names, windows of events, limits. */
#include "check.h"
#include "verdict_lab.h"

#include <errno.h>

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
	{"forged source", {HOOK_PREROUTING, "veth1", NULL, "198.51.100.7", "198.51.100.200", PROTOCOL_TCP, 80, -1,
		VERDICT_MARK_FORGED}, 1, DECISION_DROP, REASON_FORGED_SOURCE, LINE_CI},
	{"forged source, forwarded", {HOOK_FORWARD, "veth1", "eth0", "198.51.100.7", "198.51.100.200", PROTOCOL_TCP, 80,
		-1, VERDICT_MARK_FORGED}, 1, DECISION_DROP, REASON_FORGED_SOURCE, LINE_CI},
	{"forged source, malformed", {HOOK_PREROUTING, "veth1", NULL, "198.51.100.7", "198.51.100.9", PROTOCOL_TCP, 80, -1,
		VERDICT_MARK_FORGED, 0x20}, 1, DECISION_DROP, REASON_FORGED_SOURCE, LINE_CI},
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
	test_windows();
	test_scan();
	test_no_image();
	test_unparsable();
	test_pin_table();
	return check_report();
}
