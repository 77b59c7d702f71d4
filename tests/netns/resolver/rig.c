/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolver_rig POSTERN-RESOLVER: runs it in the place of the gate and of the audit process.
 *
 * Reads lines: those of a policy (tests/scenario/scenario.h) up to `load`; then
 *	sandbox SLOT POLICY interface NAME | source PREFIX | port PORT (a local one)
 *	gone SLOT
 *	grant MS | refuse | silent		what every pin request gets from now on
 *	counters
 *	end					closes the channel; prints "end CODE"
 * Prints "done" for each once the resolver has taken it, and as they come "pin SLOT NAME TTL ADDRESS..." and
 * "event NAME REASON ACTION COUNT SANDBOX SOURCE".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../scenario/fakegate.h"
#include "../../scenario/scenario.h"

static struct {
	struct fakegate gate;
	struct channel audit;
	struct policy_text *policy;
	uint32_t generation;
	uint32_t lifetime_ms;
	uint16_t reason;
	bool silent;
} rig = {.lifetime_ms = 60000};

void scenario_fail(struct scenario *s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
}

static void on_pin(const struct msg_pin_request *m)
{
	struct msg_pin_reply reply = {.h.seq = m->h.seq, .reason = rig.reason, .lifetime_ms = rig.lifetime_ms};
	char name[DNS_NAME_TEXT_MAX], addr[ADDR_TEXT_MAX];

	printf("pin %u %s %u", m->slot, dns_name_to_text(&m->name, name), m->ttl_s);
	for (unsigned int i = 0; i < m->n_addrs; i++)
		printf(" %s", addr_format(&m->addrs[i], addr));
	printf("\n");
	reply.granted = rig.reason == REASON_NONE ? UINT32_MAX : 0;
	if (!rig.silent)
		fakegate_send(&rig.gate, MSG_PIN_REPLY, &reply, -1);
}

static void on_pong(const struct msg_pong *m)
{
	for (unsigned int i = 0; i < COUNTER_RESOLVER_COUNT; i++)
		printf("counter %s %llu\n", counter_name(ROLE_RESOLVER, i), (unsigned long long)m->counters[i]);
	printf("done\n");
}

/* Messages of the resolver to the gate, until there are none. False: the channel ended. */
static bool from_resolver(void)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX], rc;

	while ((rc = channel_recv(&rig.gate.channel, &m, fds)) == 1) {
		if (m.h.type == MSG_PIN_REQUEST)
			on_pin((const struct msg_pin_request *)&m);
		else if (m.h.type == MSG_PONG)
			on_pong((const struct msg_pong *)&m);
		else if (m.h.type == MSG_IMAGE_READY)
			printf("done\n");
	}
	return rc == 0;
}

static void from_audit(void)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	char name[DNS_NAME_TEXT_MAX], addr[ADDR_TEXT_MAX];

	while (channel_recv(&rig.audit, &m, fds) == 1) {
		const struct event *e = &((const struct msg_event *)&m)->event;

		printf("event %s %s %s %u %s %s\n", e->n_names ? dns_name_to_text(&e->names[0], name) : "-",
			reason_text((enum reason)e->reason), event_action_text((enum event_action)e->action), e->count,
			e->sandbox, addr_format(&e->source, addr));
		if (!event_valid(e))
			printf("event invalid\n");
	}
}

static void do_load(void)
{
	struct msg_image m = {.generation = ++rig.generation};
	void *data;
	struct image *im = policy_text_load(rig.policy, &data);
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (!im || fd < 0 || write(fd, data, image_size(im)) != (ssize_t)image_size(im) ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		printf("error image\n");
		return;
	}
	fakegate_send(&rig.gate, MSG_IMAGE, &m, fd);
	close(fd);
	image_unmap(im);
	free(data);
}

static void ping(void)
{
	struct msg_plain m = {0};

	fakegate_send(&rig.gate, MSG_PING, &m, -1);
}

static void do_sandbox(const char *args)
{
	struct msg_sandbox m = {.sandbox = {.n_selectors = 1}};
	struct sandbox *s = &m.sandbox;
	char kind[16], selector[64];
	unsigned int slot;

	if (sscanf(args, "%u %63s %15s %63s", &slot, s->policy, kind, selector) != 4) {
		printf("error sandbox\n");
		return;
	}
	s->slot = (uint16_t)slot;
	snprintf(s->name, sizeof(s->name), "box%u", slot);
	s->kind = SANDBOX_UID;
	if (!strcmp(kind, "interface")) {
		s->kind = SANDBOX_INTERFACE;
		snprintf(s->selectors[0].ifname, sizeof(s->selectors[0].ifname), "%.15s", selector);
	} else if (!strcmp(kind, "source")) {
		s->kind = SANDBOX_SOURCE;
		if (prefix_parse(selector, &s->selectors[0].source) < 0)
			printf("error prefix\n");
	} else {
		s->stub_port = (uint16_t)strtoul(selector, NULL, 10);
	}
	fakegate_send(&rig.gate, MSG_SANDBOX, &m, -1);
	ping();
}

static void do_gone(const char *args)
{
	struct msg_sandbox m = {.sandbox = {.slot = (uint16_t)strtoul(args, NULL, 10)}};

	fakegate_send(&rig.gate, MSG_SANDBOX_GONE, &m, -1);
	ping();
}

/* False: the end. */
static bool on_line(char *line)
{
	if (!strcmp(line, "load")) {
		do_load();
	} else if (!strncmp(line, "sandbox ", 8)) {
		do_sandbox(line + 8);
	} else if (!strncmp(line, "gone ", 5)) {
		do_gone(line + 5);
	} else if (!strcmp(line, "counters")) {
		ping();
	} else if (!strncmp(line, "grant ", 6)) {
		rig.lifetime_ms = (uint32_t)strtoul(line + 6, NULL, 10);
		rig.reason = REASON_NONE;
		rig.silent = false;
		printf("done\n");
	} else if (!strcmp(line, "refuse")) {
		rig.reason = REASON_QUOTA;
		printf("done\n");
	} else if (!strcmp(line, "silent")) {
		rig.silent = true;
		printf("done\n");
	} else if (!strcmp(line, "end")) {
		return false;
	} else if (policy_text_line(rig.policy, line)) {
		printf("done\n");
	} else {
		printf("error not understood: %s\n", line);
	}
	return true;
}

/* Lines of standard input, which is read without stdio: poll(2) has to see what is left. False: the end. */
static bool from_input(void)
{
	static char buf[8192];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
	char *end;

	if (n <= 0)
		return false;
	len += (size_t)n;
	while ((end = memchr(buf, '\n', len))) {
		size_t used = (size_t)(end - buf) + 1;

		*end = '\0';
		if (!on_line(buf))
			return false;
		memmove(buf, buf + used, len - used);
		len -= used;
	}
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	rig.policy = policy_text_new();
	fakegate_start(&rig.gate, argv[1], ROLE_RESOLVER);
	channel_init(&rig.audit, fakegate_peer(&rig.gate, ROLE_AUDIT), ROLE_AUDIT, ROLE_RESOLVER);
	printf("ready %d\n", rig.gate.pid);
	for (bool on = true; on;) {
		struct pollfd p[3] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = rig.gate.channel.fd, .events = POLLIN},
			{.fd = rig.audit.fd, .events = POLLIN}};

		if (poll(p, 3, -1) < 0)
			return 1;
		if (p[2].revents & POLLIN)
			from_audit();
		if (p[1].revents)
			on = from_resolver();
		if (on && p[0].revents)
			on = from_input();
	}
	int code = fakegate_end(&rig.gate);

	from_audit();
	printf("end %d\n", code);
	return 0;
}
