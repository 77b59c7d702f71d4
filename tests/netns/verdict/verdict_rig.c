/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict_rig POSTERN-VERDICT POSTERN-ATTRIBUTE: runs both with a real packet queue, in the place of the gate
 * and of the audit process. The ruleset has to be loaded. The policy and sandboxes are those of verdict_kit.h, without cgroup.
 *
 * Prints "ready", then one line for each event, members separated by tabs: kind, reason, action, count, sandbox, line,
 * inbound, destination, port, protocol, uid, pid, exe, command, names. Reads lines: "note SLOT NAME ADDRESS SECONDS"; "sandbox" sends
 * the cgroup sandbox "four" for the path in $RIG_CGROUP; "counters" prints the process's own ("counters packets=N ...").
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "../../unit/verdict_kit.h"
#include "nfq.h"
#include "postern/clock.h"
#include "postern/counters.h"
#include "postern/escape.h"
#include "queue_rule.h"
#include "spawn.h"

#define QUEUE 4711
#define WINDOW_MS 300

struct rig {
	struct channel verdict, attribute, events;
	int queue;
	uint64_t n_decisions;
};

static void send_image(struct rig *r)
{
	struct msg_image m = {.generation = 1};
	struct image_builder *b = kit_builder(WINDOW_MS);
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || image_builder_write(b, fd) < 0 || channel_send(&r->verdict, MSG_IMAGE, &m, &fd, 1) < 0)
		spawn_fail("image");
	image_builder_free(b);
	close(fd);
}

static void send_sandbox(struct rig *r, const struct sandbox *s)
{
	struct msg_sandbox m = {.sandbox = *s};

	if (channel_send(&r->verdict, MSG_SANDBOX, &m, NULL, 0) < 0)
		spawn_fail("sandbox");
}

static void open_queue(struct rig *r)
{
	struct msg_plain m = {0};
	struct nft *nft;
	bool native;
	int rc = nft_open(&nft);

	if (rc == 0)
		rc = nfq_open(QUEUE, &r->queue);
	if (rc == 0)
		rc = queue_rule_add(nft, QUEUE, &native);
	errno = -rc;
	if (rc < 0 || channel_send(&r->verdict, MSG_QUEUE, &m, &r->queue, 1) < 0)
		spawn_fail("queue");
	nft_close(nft);
}

static void start(struct rig *r, char **argv)
{
	struct sandbox boxes[KIT_SANDBOXES];
	int pair[2];

	spawn(ROLE_VERDICT, argv[1], &r->verdict);
	spawn(ROLE_ATTRIBUTE, argv[2], &r->attribute);
	if (channel_pair(pair) < 0)
		spawn_fail("channel");
	spawn_peer(&r->verdict, ROLE_ATTRIBUTE, pair[0]);
	spawn_peer(&r->attribute, ROLE_VERDICT, pair[1]);
	if (channel_pair(pair) < 0)
		spawn_fail("channel");
	spawn_peer(&r->verdict, ROLE_AUDIT, pair[0]);
	channel_init(&r->events, pair[1], ROLE_AUDIT, ROLE_VERDICT);
	send_image(r);
	kit_boxes(boxes);
	strcpy(boxes[0].selectors[0].ifname, "pa"); /* the names and addresses of rulelab.py */
	boxes[1].selectors[1].source = kit_prefix("2001:db8:b::/64");
	for (unsigned int i = 0; i < KIT_SANDBOXES - 1; i++)
		send_sandbox(r, &boxes[i]);
	open_queue(r);
}

static void print_event(const struct event *e)
{
	char addr[ADDR_TEXT_MAX], text[4 * EVENT_TEXT_MAX], name[DNS_NAME_TEXT_MAX];

	escape_bytes(text, sizeof(text), e->by.command, strlen(e->by.command));
	printf("%s\t%s\t%s\t%u\t%s\t%u\t%u\t%s\t%u\t%u\t%u\t%d\t%s\t%s\t", event_kind_text((enum event_kind)e->kind),
		reason_text((enum reason)e->reason), event_action_text((enum event_action)e->action), e->count, e->sandbox,
		e->line, e->inbound, addr_format(&e->destination, addr), e->destination_port, e->protocol,
		e->by.uid, e->by.pid, e->by.exe, text);
	for (unsigned int i = 0; i < e->n_names; i++)
		printf("%s%s", i ? " " : "", dns_name_to_text(&e->names[i], name));
	puts("");
	fflush(stdout);
}

static void on_decisions(struct rig *r, const struct msg_decisions *m)
{
	struct nfq_entry entries[DECISIONS_MAX];

	if (m->n > DECISIONS_MAX)
		spawn_fail("decisions");
	for (uint32_t i = 0; i < m->n; i++)
		entries[i] = (struct nfq_entry){m->entries[i].packet_id, m->entries[i].decision};
	r->n_decisions += m->n;
	if (nfq_verdicts(r->queue, QUEUE, entries, m->n) < 0)
		spawn_fail("verdicts");
}

static void print_counters(const struct rig *r, const struct msg_pong *m)
{
	printf("counters decisions=%llu", (unsigned long long)r->n_decisions);
	for (unsigned int i = 0; i < COUNTER_VERDICT_COUNT; i++)
		printf(" %s=%llu", counter_name(ROLE_VERDICT, i), (unsigned long long)m->counters[i]);
	puts("");
	fflush(stdout);
}

/* Everything that is there now; false: the process is gone. */
static bool receive(struct rig *r, struct channel *c)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX], rc;

	while ((rc = channel_recv(c, &m, fds)) > 0) {
		if (m.h.type == MSG_DECISIONS)
			on_decisions(r, (const struct msg_decisions *)&m);
		else if (m.h.type == MSG_EVENT && event_valid(&((const struct msg_event *)&m)->event))
			print_event(&((const struct msg_event *)&m)->event);
		else if (m.h.type == MSG_PONG)
			print_counters(r, (const struct msg_pong *)&m);
		else if (m.h.type != MSG_IMAGE_READY)
			spawn_fail("unexpected message");
	}
	return rc == 0;
}

static void send_note(struct rig *r, unsigned int slot, const char *name, const char *addr, unsigned int seconds)
{
	struct msg_pin_note n = kit_note((uint16_t)slot, name, addr, clock_now_ms() + seconds * 1000u);

	if (channel_send(&r->verdict, MSG_PIN_NOTE, &n, NULL, 0) < 0)
		spawn_fail("note");
}

static void send_cgroup(struct rig *r)
{
	struct sandbox boxes[KIT_SANDBOXES], *s = &boxes[KIT_SANDBOXES - 1];

	kit_boxes(boxes);
	snprintf(s->selectors[0].cgroup, sizeof(s->selectors[0].cgroup), "%s", getenv("RIG_CGROUP"));
	send_sandbox(r, s);
}

/* False at the end. */
static bool command(struct rig *r)
{
	char line[512], name[256], addr[64];
	unsigned int slot, seconds;
	struct msg_plain ping = {0};

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "note %u %255s %63s %u", &slot, name, addr, &seconds) == 4)
		send_note(r, slot, name, addr, seconds);
	else if (strcmp(line, "sandbox\n") == 0)
		send_cgroup(r);
	else if (channel_send(&r->verdict, MSG_PING, &ping, NULL, 0) < 0)
		spawn_fail("ping");
	return true;
}

int main(int argc, char **argv)
{
	static struct rig r;
	bool going = true;

	if (argc != 3)
		return 2;
	setvbuf(stdin, NULL, _IONBF, 0);
	start(&r, argv);
	puts("ready");
	fflush(stdout);
	while (going) {
		struct pollfd fds[] = {{0, POLLIN, 0}, {r.verdict.fd, POLLIN, 0}, {r.events.fd, POLLIN, 0}};

		if (poll(fds, 3, -1) < 0)
			spawn_fail("poll");
		if (fds[1].revents && !receive(&r, &r.verdict))
			spawn_fail("postern-verdict is gone");
		if (fds[2].revents && !receive(&r, &r.events))
			spawn_fail("postern-verdict is gone");
		if (fds[0].revents)
			going = command(&r);
	}
	channel_fini(&r.verdict); /* it ends, and tells what it still holds */
	for (struct pollfd fd = {r.events.fd, POLLIN, 0}; poll(&fd, 1, SPAWN_WAIT_MS) > 0 && receive(&r, &r.events);)
		;
	return 0;
}
