/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict core in virtual time: packets that wait for their attribution, and replies of local sandboxes. */
#include "check.h"
#include "verdict_lab.h"

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
	uint32_t seq;

	check_row("late");
	lab_open(false);
	send_packet(&local_sent);
	lab.now.ms += VERDICT_HOLD_MS - 1;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.decisions.n == 0);
	lab.now.ms += 1;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.decisions.n == 1);
	seq = lab.out.asks[0].h.seq;
	lab.now.ms += VERDICT_LATE_MS - 1; /* the decision stands, the event gains */
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out));
	reply(seq, "/usr/bin/curl", "user.slice", 1000);
	CHECK(lab.out.decisions.n == 1);
	CHECK(only_event()->by.pid == 77 && count(COUNTER_VERDICT_attribution_late) == 1);
	out_clear();
	send_packet(&local_sent);
	seq = lab.out.asks[0].h.seq;
	lab.now.ms += VERDICT_HOLD_MS;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out) && lab.out.decisions.n == 1);
	lab.now.ms += VERDICT_LATE_MS;
	CHECK(!verdict_tick(lab.v, lab.now, &lab.out));
	reply(seq, "/usr/bin/curl", "user.slice", 1000); /* too late for that as well */
	CHECK(count(COUNTER_VERDICT_attributed) == 1 && count(COUNTER_VERDICT_unattributed) == 1);
	e = lab.out.n_events ? &lab.out.events[0] : only_event();
	CHECK(e->by.found && e->by.uid == 1000 && e->by.pid == 0 && !e->by.exe[0]);
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

static void send_told(int told, int uid, unsigned int asks, enum decision decision, uint16_t slot)
{
	struct sent s = {LOCAL, "192.0.2.2", "198.51.100.200", PROTOCOL_TCP, 80, uid, 0, 0, false, told};

	out_clear();
	send_packet(&s);
	CHECK(lab.out.n_asks == asks);
	if (asks)
		reply(lab.out.asks[0].h.seq, "/bin/a", "box/a", (uint32_t)uid); /* its path does not count any more */
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == decision);
	CHECK(only_event()->slot == slot);
}

/* The ruleset knows the cgroup of a socket that is gone, and of one without lookup: nothing is left in doubt. */
static void test_told(void)
{
	check_row("told");
	lab_open(true);
	send_told(KIT_ZONE, 1000, 1, DECISION_DROP, 4);
	send_told(TOLD_OTHER, 1000, 1, DECISION_ACCEPT, 3);
	send_told(TOLD_OTHER, 1001, 1, DECISION_DROP, 5);
	send_told(KIT_ZONE, -1, 0, DECISION_DROP, 4);
	send_told(TOLD_OTHER, -1, 0, DECISION_DROP, 5);
	send_told(KIT_ZONE + 1, 1000, 1, DECISION_REFUSE, SANDBOX_NONE); /* not to be taken for the uid's */
	lab_close();
}

static void test_ping(void)
{
	const struct sent ping = {LOCAL, "192.0.2.2", "198.51.100.9", PROTOCOL_ICMP, 8, 1000, 0, 0, false, TOLD_OTHER};

	check_row("ping");
	lab_open(true);
	send_packet(&ping);
	CHECK(lab.out.n_asks == 1 && lab.out.asks[0].protocol == PROTOCOL_ICMP && lab.out.decisions.n == 0);
	reply(lab.out.asks[0].h.seq, "/bin/ping", "", 1000);
	CHECK(lab.out.decisions.n == 1 && lab.out.decisions.entries[0].decision == DECISION_REFUSE);
	CHECK(only_event()->by.pid == 77);
	lab_close();
}

/* Without that, who it was is known only from the reply; until then nothing is let through. */
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

static void reply_sent(const char *client, uint16_t server_port, uint32_t uid)
{
	uint8_t bytes[128];
	struct verdict_packet m = {.id = lab.next_id++, .hook = HOOK_OUTPUT, .out = "eth0", .data = bytes,
		.mark = VERDICT_MARK_REPLY};

	out_clear();
	m.len = m.wire_len = kit_packet(bytes, "192.0.2.2", client, PROTOCOL_TCP, 50000);
	bytes[20] = (uint8_t)(server_port >> 8);
	bytes[21] = (uint8_t)server_port;
	bytes[33] = TCP_SYN | TCP_ACK;
	verdict_packet(lab.v, &m, lab.now, &lab.out);
	CHECK(lab.out.n_asks == 1 && lab.out.decisions.n == 0);
	if (uid != UINT32_MAX)
		reply(lab.out.asks[0].h.seq, "/bin/server", "/", uid);
	else
		(void)verdict_finish(lab.v, lab.now, &lab.out);
	CHECK(lab.out.decisions.n == 1);
}

/* The queue has no uid for a SYN-ACK: whose port it is comes from attribution. */
static void test_reply_packet(void)
{
	struct sandbox open = kit_sandbox(6, SANDBOX_UID, "six", "quiet");
	const struct event *e;

	check_row("reply of a listening port");
	lab_open(false);
	open.selectors[0].uid = 1006;
	CHECK(verdict_set_sandbox(lab.v, &open) == 0);
	reply_sent("203.0.113.9", 5555, 1000);
	CHECK(lab.out.decisions.entries[0].decision == DECISION_REFUSE);
	e = only_event();
	CHECK(e->reason == REASON_INGRESS && e->slot == 3 && e->inbound && e->by.pid == 77);
	CHECK(e->destination_port == 5555 && e->source_port == 50000);
	CHECK(addr_equal(&e->source, &(struct addr){ADDR_V4, {203, 0, 113, 9}}));
	reply_sent("203.0.113.9", 3000, 1000);
	CHECK(lab.out.decisions.entries[0].decision == DECISION_ADMIT && only_event()->line == LINE_GUEST);
	/* a policy without ingress section takes what comes */
	reply_sent("203.0.113.9", 5555, 1006);
	CHECK(lab.out.decisions.entries[0].decision == DECISION_ADMIT);
	CHECK(!verdict_finish(lab.v, lab.now, &lab.out) && lab.out.n_events == 0);
	/* the owner was not found: it may have been anybody's */
	reply_sent("203.0.113.9", 3000, UINT32_MAX);
	CHECK(lab.out.decisions.entries[0].decision == DECISION_DROP);
	lab_close();
}

int main(void)
{
	test_attribution();
	test_late();
	test_bad_replies();
	test_told();
	test_ping();
	test_cgroup();
	test_held_share();
	test_reply_packet();
	return check_report();
}
