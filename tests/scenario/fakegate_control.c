/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gate for postern-control: fakegate_control EXE SOCKET GID N_PINS [DIAGNOSTICS]. Makes the control socket with that group and
 * answers: N_PINS pins of sandbox "ci", sandboxes as they are added and removed, a reload that says what is in the file
 * DIAGNOSTICS (with errors where its name ends in ".bad"). Prints "ready", and a line for each event that
 * postern-control sends to the audit process. Commands, one a line:
 *
 *	ping        counters
 *	hold N      the next N questions get no answer
 *	unasked     an answer to a question that nobody asked
 *	end         closes the channel, prints the exit code
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fakegate.h"
#include "postern/clock.h"
#include "postern/counters.h"

#define BOXES_MAX 64

static struct fakegate gate;
static struct channel audit;
static struct sandbox boxes[BOXES_MAX];
static unsigned int n_boxes, n_pins, hold;
static const char *diagnostics;

static int listen_at(const char *path, gid_t gid)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chown(path, 0, gid) < 0 ||
		chmod(path, 0666) < 0 || listen(fd, 64) < 0) {
		perror(path);
		exit(3);
	}
	return fd;
}

static void pins(const struct msg_cursor *q)
{
	struct msg_pins m = {.h.seq = q->h.seq};
	uint32_t at = q->cursor;

	while ((!q->sandbox[0] || strcmp(q->sandbox, "ci") == 0) && at < n_pins && m.n < PINS_PER_MESSAGE) {
		struct pin_row *row = &m.rows[m.n++];
		char name[64];

		snprintf(name, sizeof(name), "host-%u.example", at);
		if (dns_name_from_text(at ? name : "api.openai.com", &row->name) < 0)
			exit(3);
		event_set_text(row->sandbox, sizeof(row->sandbox), "ci");
		event_set_text(row->rule, sizeof(row->rule), "llm");
		row->addr = (struct addr){.family = ADDR_V4, .bytes = {203, 0, (uint8_t)(113 + (at >> 8)), (uint8_t)(at + 7)}};
		row->service = (struct service){6, 443, 443};
		row->expires_in_ms = 299000;
		at++;
	}
	m.next = m.n && at < n_pins ? at : 0;
	fakegate_send(&gate, MSG_PINS, &m, -1);
}

static void sandboxes(const struct msg_cursor *q)
{
	struct msg_sandboxes m = {.h.seq = q->h.seq};
	uint32_t at = q->cursor;

	for (; at < n_boxes && m.n < SANDBOXES_PER_MESSAGE; at++)
		if (!q->sandbox[0] || strcmp(q->sandbox, boxes[at].name) == 0)
			m.rows[m.n++] = boxes[at];
	m.next = at < n_boxes ? at : 0;
	fakegate_send(&gate, MSG_SANDBOXES, &m, -1);
}

static unsigned int find(const char *name)
{
	unsigned int i = 0;

	while (i < n_boxes && strcmp(boxes[i].name, name) != 0)
		i++;
	return i;
}

static void change(const struct msg_sandbox *q)
{
	struct msg_result m = {.h.seq = q->h.seq};
	unsigned int at = find(q->sandbox.name);

	if (q->h.type == MSG_SANDBOX_ADD && (at < n_boxes || n_boxes == BOXES_MAX)) {
		m.error = -EEXIST;
		snprintf(m.text, sizeof(m.text), "sandbox \"%s\" exists: remove it first", q->sandbox.name);
	} else if (q->h.type == MSG_SANDBOX_ADD) {
		boxes[n_boxes++] = q->sandbox;
	} else if (at == n_boxes) {
		m.error = -ENOENT;
	} else {
		boxes[at] = boxes[--n_boxes];
	}
	fakegate_send(&gate, MSG_RESULT, &m, -1);
}

static void reload(const struct message_header *h)
{
	struct msg_result m = {.h.seq = h->seq, .n_warnings = 1};
	int fd = open(diagnostics ? diagnostics : "/dev/null", O_RDONLY | O_CLOEXEC);

	if (diagnostics && strstr(diagnostics, ".bad")) {
		m.error = -EINVAL;
		m.n_errors = 2;
		event_set_text(m.text, sizeof(m.text), "the policy has errors: the old one stays");
	}
	fakegate_send(&gate, MSG_RELOADED, &m, fd);
	close(fd);
}

/* A root that changes its key, an older one still configured, and a zone that is not validated; where $FAKEGATE_ANCHORS says so. */
static void fill_anchors(struct msg_status *m, struct anchors *a)
{
	a->n_zones = 2;
	a->zones[0] = (struct anchor_zone){.name.len = 1, .seen_s = 1795500000};
	if (dns_name_from_text("zone.test", &a->zones[1].name) < 0)
		abort();
	a->keys[a->n_keys++] = (struct anchor_key){.since_s = 1795000000, .until_s = 1797592000, .state = ANCHOR_REVOKED, .configured = 1};
	a->keys[a->n_keys++] = (struct anchor_key){.since_s = 1790000000, .state = ANCHOR_VALID};
	a->keys[a->n_keys++] = (struct anchor_key){.since_s = 1795500000, .until_s = 1798092000, .state = ANCHOR_PENDING};
	for (unsigned int i = 0; i < a->n_keys; i++)
		a->keys[i].ds = (struct anchor_ds){(uint16_t)(20326 + i), 8, 2, 32, {0xe0, (uint8_t)i}};
	m->anchors_managed = m->anchors_kept = 1;
	m->anchor_file = IMAGE_ANCHORS_BAD;
	m->anchors_error = -ENOSPC;
	m->negative[m->n_negative++] = (struct negative_row){a->zones[1].name, 1795600000};
}

static void status(const struct message_header *h)
{
	struct msg_anchors anchors = {.h.seq = h->seq};
	struct msg_status m = {.h.seq = h->seq, .generation = 4, .n_sandboxes = n_boxes, .n_pins = n_pins, .queue_native = 1,
		.started_wall_us = 1795500000000000ull, .loaded_wall_us = clock_wall_us()};

	m.pids[ROLE_GATE] = getpid();
	m.pids[ROLE_CONTROL] = gate.pid;
	m.counters[ROLE_GATE][COUNTER_GATE_pins_granted] = 1234567;
	m.counters[ROLE_GATE][COUNTER_GATE_tampers] = 2;
	m.n_upstreams = 2;
	m.upstreams[0] = (struct upstream_row){.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, 53}}, .port = 853, .tls = 1,
		.state = UPSTREAM_UP, .rtt_ms = 12, .answered = 34, .silent = 1};
	m.upstreams[1] = (struct upstream_row){.addr = {.family = ADDR_V6, .bytes = {0x20, 1, 0xd, 0xb8}}, .port = 53, .state = UPSTREAM_DOWN};
	if (getenv("FAKEGATE_ANCHORS"))
		fill_anchors(&m, &anchors.anchors);
	fakegate_send(&gate, MSG_ANCHORS, &anchors, -1);
	fakegate_send(&gate, MSG_STATUS, &m, -1);
}

static void on_message(const union message_buffer *m)
{
	if (hold && m->h.type != MSG_PONG) {
		hold--;
		return;
	}
	if (m->h.type == MSG_STATUS_ASK)
		status(&m->h);
	else if (m->h.type == MSG_PINS_ASK)
		pins((const struct msg_cursor *)m);
	else if (m->h.type == MSG_SANDBOXES_ASK)
		sandboxes((const struct msg_cursor *)m);
	else if (m->h.type == MSG_SANDBOX_ADD || m->h.type == MSG_SANDBOX_REMOVE)
		change((const struct msg_sandbox *)m);
	else if (m->h.type == MSG_RELOAD)
		reload(&m->h);
	else if (m->h.type == MSG_PONG)
		for (unsigned int i = 0; i < COUNTER_CONTROL_COUNT; i++)
			printf("%s=%llu%c", counter_name(ROLE_CONTROL, i),
				(unsigned long long)((const struct msg_pong *)m)->counters[i],
				i + 1 < COUNTER_CONTROL_COUNT ? ' ' : '\n');
}

static void on_audit(const union message_buffer *m)
{
	const struct event *e = &((const struct msg_event *)m)->event;

	printf("event kind=%s sandbox=%s uid=%u text=%s valid=%d\n", event_kind_text((enum event_kind)e->kind), e->sandbox,
		e->by.uid, e->text, event_valid(e));
}

static int receive(struct channel *c, void (*handle)(const union message_buffer *m))
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX], rc;

	while ((rc = channel_recv(c, &m, fds)) > 0)
		handle(&m);
	return rc;
}

static void command(const char *line)
{
	struct msg_plain plain = {0};

	if (strncmp(line, "ping", 4) == 0) {
		fakegate_send(&gate, MSG_PING, &plain, -1);
	} else if (sscanf(line, "hold %u", &hold) == 1) {
		printf("holding\n");
	} else if (strncmp(line, "unasked", 7) == 0) {
		struct msg_result m = {.h.seq = 1000000};

		fakegate_send(&gate, MSG_RESULT, &m, -1);
		printf("sent\n");
	} else {
		printf("exit %d\n", fakegate_end(&gate));
		exit(0);
	}
}

int main(int argc, char **argv)
{
	struct msg_plain m = {0};
	char line[256];
	int fd;

	if (argc < 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll(2) has to see what is left */
	n_pins = (unsigned int)strtoul(argv[4], NULL, 10);
	diagnostics = argv[5];
	fakegate_start(&gate, argv[1], ROLE_CONTROL);
	channel_init(&audit, fakegate_peer(&gate, ROLE_AUDIT), ROLE_AUDIT, ROLE_CONTROL);
	fd = listen_at(argv[2], (gid_t)strtoul(argv[3], NULL, 10));
	fakegate_send(&gate, MSG_LISTENER, &m, fd);
	close(fd);
	printf("ready\n");
	for (;;) {
		struct pollfd p[] = {{.fd = 0, .events = POLLIN}, {.fd = gate.channel.fd, .events = POLLIN},
			{.fd = audit.fd, .events = POLLIN}};

		if (poll(p, 3, -1) < 0)
			return 3;
		if (p[2].revents && receive(&audit, on_audit) < 0)
			channel_fini(&audit);
		if (p[1].revents && receive(&gate.channel, on_message) < 0)
			command("end");
		if (p[0].revents)
			command(fgets(line, sizeof(line), stdin) ? line : "end");
	}
}
