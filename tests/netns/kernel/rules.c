/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue rule, the snapshot, the tamper watch, and loading a file.
 */
#include "kernel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys.h"
#include "load.h"
#include "queue_rule.h"
#include "snapshot.h"
#include "watch.h"

#define QUEUE 4711

/* Rules of chain miss: nft prints the target with a complaint of libxtables in the inet family. */
static int queue_rules(void)
{
	return atoi(shell_output("nft -a list chain inet postern miss 2>/dev/null | grep -c 'NFQUEUE\\|queue'"));
}

void test_queue_rule(struct bench *b)
{
	bool native;

	CHECK(queue_rules() == 0);
	CHECK(queue_rule_add(b->nft, QUEUE, &b->queue_native) == 0);
	printf("%s\n", shell_output("nft list chain inet postern miss"));
	CHECK(queue_rules() == 1);
	CHECK(queue_rule_add(b->nft, QUEUE, &native) == 0 && native == b->queue_native);
	CHECK(queue_rules() == 1);
	CHECK(queue_rule_add(b->nft, QUEUE + 1, &native) == -EEXIST);
	CHECK(queue_rules() == 1);
	CHECK(shell("nft delete table inet postern") == 0);
	CHECK(queue_rule_add(b->nft, QUEUE, &native) == -ENOENT);
	CHECK(shell("nft add table inet postern") == 0);
	CHECK(queue_rule_add(b->nft, QUEUE, &native) == -ENOENT);
}

/* Without counters (-s) and without what elements have left of their time. */
static char *listing(void)
{
	return strdup(shell_output("nft -s list table inet postern 2>&1 | sed -E 's/ expires [0-9a-z]+//g'"));
}

static const struct {
	const char *what, *command;
} tampering[] = {
	{ "a rule more", "nft insert rule inet postern output accept" },
	{ "a rule less", "nft flush chain inet postern refuse" },
	{ "a base chain's policy", "nft add chain inet postern forward '{ policy accept; }'" },
	{ "a chain deleted", "nft flush chain inet postern forward && nft delete chain inet postern forward" },
	{ "a chain more", "nft add chain inet postern mine '{ type filter hook output priority -300; policy accept; }'" },
	{ "a set more", "nft add set inet postern mine '{ type ipv4_addr; }'" },
	{ "an address less in never4", "nft delete element inet postern never4 '{ 169.254.169.254 }'" },
	{ "a prefix less in private4", "nft delete element inet postern private4 '{ 10.0.0.0/8 }'" },
	{ "an address more in never6", "nft add element inet postern never6 '{ 2001:db8::1 }'" },
	{ "all rules flushed", "nft flush table inet postern" },
	{ "the queue rule gone", "nft flush chain inet postern miss" },
	{ "dormant", "nft add table inet postern '{ flags dormant; }'" },
	{ "the table deleted", "nft delete table inet postern" },
	{ "everything flushed", "nft flush ruleset" },
};

static void tamper_and_restore(struct bench *b, const struct snapshot *s, size_t i, const struct nft_change *c, size_t n)
{
	char *before = listing(), *after;
	bool intact = true;

	kernel_row(tampering[i].what);
	CHECK(snapshot_intact(b->nft, s, &intact) == 0 && intact);
	CHECK(shell("%s", tampering[i].command) == 0);
	CHECK(snapshot_intact(b->nft, s, &intact) == 0 && !intact);
	CHECK(snapshot_restore(b->nft, s, c, n) == 0);
	CHECK(strcmp(nft_error(b->nft), "") == 0);
	CHECK(snapshot_intact(b->nft, s, &intact) == 0 && intact);
	after = listing();
	CHECK(strcmp(before, after) == 0);
	if (strcmp(before, after) != 0) {
		FILE *f = fopen("/run/before", "w"), *g = fopen("/run/after", "w");

		fputs(before, f), fclose(f);
		fputs(after, g), fclose(g);
		CHECK(shell("diff /run/before /run/after | head -40") == 0);
	}
	free(before);
	free(after);
}

void test_snapshot(struct bench *b)
{
	struct sandbox s = sandbox_source("192.0.2.0/28");
	struct sandbox u = sandbox_uid(4711);
	struct nft_change c[5] = { pin_change(NFT_ADD, 1, 600000, "one.example"),
		pin_change(NFT_ADD, 2, 600000, "two.example"), { .op = NFT_ADD, .comment = "box policy" },
		{ .op = NFT_ADD }, { .op = NFT_ADD } };
	struct nft_change pin = pin_change(NFT_ADD, 3, 600000, NULL);
	struct snapshot *snapshot = NULL, *none;
	bool intact = false;

	CHECK(key_sandbox(&s, 0, ADDR_V4, &c[2].key) == 0 && key_dns(&s, 0, ADDR_V4, &c[3].key, &c[3].data) == 0);
	u.zone = 4660;
	CHECK(key_zone(&u, 0, &c[4].key, &c[4].data) == 0);
	CHECK(queue_rule_add(b->nft, QUEUE, &b->queue_native) == 0);
	CHECK(snapshot_take(b->nft, &snapshot) == 0);
	if (!snapshot)
		return;
	CHECK(nft_commit(b->nft, c, 5, NULL) == 0);
	CHECK(snapshot_intact(b->nft, snapshot, &intact) == 0 && intact);
	for (size_t i = 0; i < ARRAY_LEN(tampering); i++)
		tamper_and_restore(b, snapshot, i, c, 5);
	kernel_row("what is no tampering");
	CHECK(nft_commit(b->nft, &pin, 1, NULL) == 0);
	CHECK(shell("nft add table inet other && nft add chain inet other c && nft reset counters table inet other; "
		    "ping -c1 -W1 127.0.0.1 >/dev/null; true") == 0);
	CHECK(snapshot_intact(b->nft, snapshot, &intact) == 0 && intact);
	kernel_row("a failed restore leaves all as it was");
	CHECK(shell("nft insert rule inet postern output accept") == 0);
	c[0].key.set = "pin4_nowhere";
	CHECK(snapshot_restore(b->nft, snapshot, c, 5) == -ENOENT);
	CHECK(shell("nft list chain inet postern output >/dev/null") == 0);
	CHECK(shell("nft delete table inet postern") == 0);
	CHECK(snapshot_take(b->nft, &none) == -ENOENT);
	snapshot_free(snapshot);
}

/* Datagrams as fast as they go. */
static void send_for_ever(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1030) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "192.0.2.9", &to.sin_addr);
	alarm(20); /* whatever becomes of the parent */
	for (;;)
		(void)!sendto(fd, "x", 1, 0, (void *)&to, sizeof(to));
}

static unsigned long dropped(void)
{
	const char *text = strstr(shell_output("nft list chain inet postern miss 2>/dev/null"), "counter packets ");

	return text ? strtoul(text + strlen("counter packets "), NULL, 10) : 0;
}

/* Rebuilds the table again and again under traffic; returns what was judged between. */
static unsigned long rebuild_often(struct bench *b, const struct snapshot *s)
{
	unsigned long judged = 0;

	for (int i = 0; i < 100; i++) {
		CHECK(snapshot_restore(b->nft, s, NULL, 0) == 0);
		if (i % 10 == 9) {
			usleep(5000);
			judged += dropped();
		}
	}
	return judged;
}

/*
 * While the table is rebuilt again and again, nothing leaves, with the queue rule and without it: for a moment the new base
 * chains have their rules and not yet their policy, so what came to their end (some hundred of 20,000 packets) would.
 */
void test_leak(struct bench *b)
{
	struct snapshot *s;
	unsigned long judged;
	pid_t sender;

	make_link();
	sender = fork();
	if (sender == 0)
		send_for_ever();
	for (int queued = 0; queued < 2; queued++) {
		if (queued)
			CHECK(queue_rule_add(b->nft, QUEUE, &b->queue_native) == 0);
		CHECK(snapshot_take(b->nft, &s) == 0);
		judged = rebuild_often(b, s);
		snapshot_free(s);
		printf("%s queue rule: %lu packets judged between the restores, %d left\n", queued ? "with" : "without", judged, seen());
		CHECK(judged > 100);
		CHECK(seen() == 0);
	}
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	/* the counter would have told */
	CHECK(shell("nft insert rule inet postern output ip daddr 192.0.2.9 accept") == 0);
	CHECK(shell("nft list ruleset >/dev/null; ping -c1 -W1 192.0.2.9 >/dev/null; true") == 0);
	CHECK(seen() == 1);
	CHECK(shell("ip link del v0") == 0);
}

static bool next_report(struct watch *w, struct watch_report *r)
{
	struct pollfd p = { .fd = watch_fd(w), .events = POLLIN };
	int rc = watch_read(w, r);

	if (rc == 0 && poll(&p, 1, 1000) > 0)
		rc = watch_read(w, r);
	CHECK(rc >= 0);
	return rc == 1;
}

static void expect(struct watch *w, const char *command, bool ours, bool removed)
{
	struct watch_report r = { 0 };

	kernel_row(command);
	CHECK(shell("%s", command) == 0);
	CHECK(next_report(w, &r));
	CHECK(!r.resync && r.ours == ours && r.removed == removed);
	CHECK(r.pid > 0 && strcmp(r.name, "nft") == 0);
	CHECK(watch_read(w, &r) == 0);
}

static void overrun(struct watch *w)
{
	struct watch_report r = { 0 };
	int small = 0, reports = 0;
	bool resync = false;

	kernel_row("overrun");
	CHECK(setsockopt(watch_fd(w), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(shell("nft add element inet postern never4 '{ 198.51.100.0, 198.51.100.%d }'", i + 1) == 0);
	while (watch_read(w, &r) == 1 && reports++ < 100)
		resync |= r.resync;
	CHECK(resync);
}

void test_watch(struct bench *b)
{
	struct nft_change c = pin_change(NFT_ADD, 1, 60000, NULL);
	struct watch_report r;
	struct watch *w;

	CHECK(watch_open(nft_portid(b->nft), &w) == 0);
	CHECK(watch_read(w, &r) == 0);
	CHECK(nft_commit(b->nft, &c, 1, NULL) == 0);
	CHECK(watch_read(w, &r) == 0);
	expect(w, "nft add table inet other", false, false);
	expect(w, "nft add table ip postern", false, false);
	expect(w, "nft add element inet postern open_input '{ ipv4 }'", true, false);
	expect(w, "nft delete element inet postern open_input '{ ipv4 }'", true, true);
	expect(w, "nft insert rule inet postern output accept", true, false);
	expect(w, "nft flush chain inet postern output", true, true);
	expect(w, "nft delete table inet postern", true, true);
	expect(w, "nft flush ruleset", false, false);
	fresh_table(b);
	while (next_report(w, &r) && !r.ours)
		;
	CHECK(r.ours);
	expect(w, "nft flush ruleset", true, true);
	fresh_table(b);
	overrun(w);
	watch_close(w);
}

void test_load(struct bench *b)
{
	CHECK(shell("nft delete table inet postern") == 0);
	CHECK(load_ruleset(NULL, b->ruleset) == 0);
	CHECK(shell("nft list chain inet postern output >/dev/null") == 0);
	CHECK(load_ruleset(NULL, "/nowhere/postern.nft") == -EBADMSG);
	CHECK(shell("echo 'table inet postern { chain c { nonsense } }' > /run/bad.nft") == 0);
	CHECK(load_ruleset(NULL, "/run/bad.nft") == -EBADMSG);
	CHECK(load_ruleset("/nowhere/nft", b->ruleset) == -ENOENT);
	CHECK(load_ruleset("/bin/false", b->ruleset) == -EBADMSG);
}
