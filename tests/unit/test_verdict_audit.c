/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Audit mode in the verdict core: every sandbox of the kit is in it. What a policy refuses is let through and recorded with the
 * reason and the rule of the refusal; what no policy can allow is refused as ever.
 */
#include "check.h"
#include "verdict_lab.h"

static const struct {
	const char *name;
	struct sent sent;
	uint16_t slot;
	enum decision decision;
	enum reason reason;
	uint32_t line;
} rows[] = {
	{"never resolved", {FWD, TCP4(443), -1}, 1, DECISION_ACCEPT, REASON_NEVER_RESOLVED, LINE_CI},
	{"IPv6", {FWD, "2001:db8::2", "2001:db8:51::1", PROTOCOL_TCP, 443, -1}, 1, DECISION_ACCEPT, REASON_NEVER_RESOLVED, LINE_CI},
	{"ping", {FWD, "192.0.2.2", "198.51.100.9", PROTOCOL_ICMP, 8, -1}, 1, DECISION_ACCEPT, REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"gre", {FWD, "192.0.2.2", "198.51.100.9", 47, 0, -1}, 1, DECISION_ACCEPT, REASON_PROTOCOL_NOT_ALLOWED, LINE_CI},
	{"private", {FWD, "192.0.2.2", "192.168.1.1", PROTOCOL_TCP, 443, -1}, 1, DECISION_ACCEPT, REASON_PRIVATE_ADDRESS, LINE_CI},
	{"another port of a static rule", {FWD, "192.0.2.2", "10.0.0.7", PROTOCOL_TCP, 23, -1}, 1, DECISION_ACCEPT,
		REASON_PORT_NOT_ALLOWED, LINE_LAB},
	{"by source", {FWD2, "192.0.2.18", "198.51.100.9", PROTOCOL_TCP, 443, -1}, 2, DECISION_ACCEPT, REASON_NEVER_RESOLVED, LINE_CI},
	{"by uid", {LOCAL, TCP4(443), 1000, .told = TOLD_OTHER}, 3, DECISION_ACCEPT, REASON_NEVER_RESOLVED, LINE_CI},
	{"host, whose policy drops", {LOCAL, TCP4(443), 0, .told = TOLD_OTHER}, 5, DECISION_ACCEPT, REASON_NEVER_RESOLVED, LINE_QUIET},
	{"the machine's services", {HOOK_INPUT, "veth1", NULL, "192.0.2.2", "192.0.2.1", PROTOCOL_TCP, 22, -1}, 1, DECISION_ACCEPT,
		REASON_PRIVATE_ADDRESS, LINE_CI},
	{"inbound, no rule", {HOOK_FORWARD, "eth0", "veth1", "203.0.113.9", "192.0.2.2", PROTOCOL_TCP, 3001, -1, MARKED}, 1,
		DECISION_ADMIT, REASON_INGRESS, LINE_CI},
	{"inbound to the host", {HOOK_INPUT, "eth0", NULL, "203.0.113.9", "10.0.0.10", PROTOCOL_TCP, 22, -1, MARKED}, 5,
		DECISION_ADMIT, REASON_INGRESS, LINE_QUIET},
	{"sandbox to sandbox: the sender's refusal is recorded", {HOOK_FORWARD, "veth1", "br0", "203.0.113.9", "192.0.2.18",
		PROTOCOL_TCP, 3001, -1, MARKED}, 1, DECISION_ADMIT, REASON_NEVER_RESOLVED, LINE_CI},
	/* no policy opens these */
	{"metadata", {FWD, "192.0.2.2", "169.254.169.254", PROTOCOL_TCP, 80, -1}, 1, DECISION_REFUSE, REASON_ALWAYS_DENIED, LINE_CI},
	{"metadata by a rule's service", {FWD, "192.0.2.2", "169.254.169.254", PROTOCOL_UDP, 123, -1}, 1, DECISION_REFUSE,
		REASON_ALWAYS_DENIED, LINE_CI},
	{"the stub's port", {HOOK_INPUT, "veth1", NULL, "192.0.2.2", "192.0.2.1", PROTOCOL_UDP, 15300, -1, MARKED}, 1,
		DECISION_REFUSE, REASON_ALWAYS_DENIED, LINE_CI},
	{"the stub's port, from outside", {HOOK_INPUT, "eth0", NULL, "203.0.113.9", "10.0.0.10", PROTOCOL_UDP, 15300, -1, MARKED}, 5,
		DECISION_DROP, REASON_INGRESS, LINE_QUIET},
	{"forged source", {HOOK_PREROUTING, "veth1", NULL, "198.51.100.7", "198.51.100.200", PROTOCOL_TCP, 80, -1,
		VERDICT_MARK_FORGED}, 1, DECISION_DROP, REASON_FORGED_SOURCE, LINE_CI},
	{"malformed", {FWD, TCP4(443), -1, 0, 0x20}, 1, DECISION_REFUSE, REASON_MALFORMED, LINE_CI},
	{"nobody's", {FWD2, "192.0.2.32", "198.51.100.9", PROTOCOL_TCP, 443, -1}, SANDBOX_NONE, DECISION_REFUSE, REASON_NO_SANDBOX, 0},
	{"to nobody", {HOOK_FORWARD, "eth0", "eth1", "203.0.113.9", "198.51.100.9", PROTOCOL_TCP, 22, -1, MARKED}, SANDBOX_NONE,
		DECISION_REFUSE, REASON_NO_SANDBOX, 0},
	{"from an unowned confined interface", {HOOK_FORWARD, "eth7", "veth1", "203.0.113.9", "192.0.2.2", PROTOCOL_TCP, 3001, -1,
		MARKED, 0, true}, 1, DECISION_REFUSE, REASON_INGRESS, LINE_CI},
	{"an orphan, whose it was is not known", {LOCAL, TCP4(80), -1}, 5, DECISION_DROP, REASON_NEVER_RESOLVED, LINE_QUIET},
	/* what is allowed is no finding */
	{"an ALERT rule", {FWD, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 80, -1}, 1, DECISION_ACCEPT, REASON_ALERT, LINE_WATCH},
	{"inbound, an ALERT rule", {HOOK_FORWARD, "eth0", "veth1", "203.0.113.9", "192.0.2.2", PROTOCOL_TCP, 3000, -1, MARKED}, 1,
		DECISION_ADMIT, REASON_ALERT, LINE_GUEST},
};

/* All sandboxes in @mode, or but one. */
static void set_mode(enum sandbox_mode mode, uint16_t but)
{
	struct sandbox s[KIT_SANDBOXES];

	kit_boxes(s);
	for (unsigned int i = 0; i < KIT_SANDBOXES - 1; i++) {
		s[i].mode = s[i].slot == but ? SANDBOX_ENFORCE : (uint8_t)mode;
		CHECK(verdict_set_sandbox(lab.v, &s[i]) == 0);
	}
}

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool spared = (rows[i].decision == DECISION_ACCEPT || rows[i].decision == DECISION_ADMIT) && rows[i].reason != REASON_ALERT;
		const struct event *e;

		check_row(rows[i].name);
		lab_open(false);
		set_mode(SANDBOX_AUDIT, SANDBOX_NONE);
		send_packet(&rows[i].sent);
		if (lab.out.n_asks) /* who sent it: for the record only */
			reply(lab.out.asks[0].h.seq, "/bin/x", "", (uint32_t)rows[i].sent.uid);
		CHECK(lab.out.decisions.n == 1);
		CHECK(lab.out.decisions.entries[0].decision == rows[i].decision);
		CHECK(count(COUNTER_VERDICT_would_block) == spared && count(COUNTER_VERDICT_races_settled) == 0);
		e = only_event();
		CHECK(e->kind == (spared || rows[i].reason == REASON_ALERT ? EVENT_ALERT : EVENT_REFUSAL));
		CHECK(e->action == (spared ? EVENT_WOULD_BLOCK : rows[i].reason == REASON_ALERT ? EVENT_ALERTED :
			rows[i].decision == DECISION_DROP ? EVENT_DROPPED : EVENT_REFUSED));
		CHECK_STR(reason_text((enum reason)e->reason), reason_text(rows[i].reason));
		CHECK(e->slot == rows[i].slot && e->line == rows[i].line && e->count == 1 && event_valid(e));
		lab_close();
	}
	check_row("");
}

static enum decision decide(const struct sent *s)
{
	out_clear();
	send_packet(s);
	CHECK(lab.out.decisions.n == 1);
	return (enum decision)lab.out.decisions.entries[0].decision;
}

/* The mode is a sandbox's own, and what it lets through is never counted together with what it refuses. */
static void test_change(void)
{
	static const struct sent out = {FWD, TCP4(443), -1};
	static const struct sent across = {HOOK_FORWARD, "veth1", "br0", "192.0.2.2", "192.0.2.18", PROTOCOL_TCP, 3001, -1, MARKED};

	check_row("change");
	lab_open(false);
	CHECK(decide(&out) == DECISION_REFUSE);
	set_mode(SANDBOX_AUDIT, SANDBOX_NONE);
	CHECK(decide(&out) == DECISION_ACCEPT && decide(&out) == DECISION_ACCEPT);
	set_mode(SANDBOX_ENFORCE, SANDBOX_NONE);
	CHECK(decide(&out) == DECISION_REFUSE);
	out_clear();
	CHECK(!verdict_finish(lab.v, lab.now, &lab.out) && lab.out.n_events == 2);
	CHECK(lab.out.events[0].action == EVENT_REFUSED && lab.out.events[0].count == 2);
	CHECK(lab.out.events[1].action == EVENT_WOULD_BLOCK && lab.out.events[1].count == 2);
	/* a receiver that enforces is not opened by its sender's mode, nor a sender by its receiver's */
	set_mode(SANDBOX_AUDIT, 2);
	CHECK(decide(&across) == DECISION_REFUSE);
	set_mode(SANDBOX_AUDIT, 1);
	CHECK(decide(&across) == DECISION_REFUSE);
	set_mode(SANDBOX_AUDIT, SANDBOX_NONE);
	CHECK(decide(&across) == DECISION_ADMIT);
	lab_close();
}

/* Without a policy, or without an image, the mode means nothing. */
static void test_missing(void)
{
	static const struct sent out = {FWD, TCP4(443), -1};
	struct sandbox s[KIT_SANDBOXES];

	check_row("missing policy");
	lab_open(false);
	kit_boxes(s);
	s[0].mode = SANDBOX_AUDIT;
	strcpy(s[0].policy, "gone");
	CHECK(verdict_set_sandbox(lab.v, &s[0]) == 0 && decide(&out) == DECISION_REFUSE);
	strcpy(s[0].policy, "ci");
	CHECK(verdict_set_sandbox(lab.v, &s[0]) == 0 && decide(&out) == DECISION_ACCEPT);
	verdict_set_image(lab.v, NULL);
	CHECK(decide(&out) == DECISION_REFUSE);
	lab_close();
}

int main(void)
{
	test_rows();
	test_change();
	test_missing();
	return check_report();
}
