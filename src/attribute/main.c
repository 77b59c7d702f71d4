/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-attribute: says which process sent a packet.
 *
 * Started by posternd as the user postern-attribute with CAP_SYS_PTRACE (other users' /proc/PID/fd) and
 * CAP_DAC_READ_SEARCH (a cgroup by its id), the channel to the gate on fd 3. It parses no packet and no DNS: questions
 * are fixed-size messages with addresses and ports, and what it reads is the kernel's.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "attribute.h"
#include "postern/channel.h"
#include "postern/child.h"

#define ASKS_MAX 64 /* of one turn: they share the budget */

enum ref_kind { REF_GATE, REF_VERDICT };

struct shell {
	struct loop loop;
	struct channel gate;
	struct channel verdict; /* fd -1: none (yet) */
	struct attribute *attribute;
	struct msg_attribute_ask asks[ASKS_MAX];
};

static struct shell the_shell;

static bool ask_valid(const struct msg_attribute_ask *ask)
{
	return (ask->source.family == ADDR_V4 || ask->source.family == ADDR_V6) &&
		ask->destination.family == ask->source.family;
}

/* An answer that the verdict loop has no room for is one that it does not wait for any more. */
static int answer(struct shell *s, const struct msg_attribute_ask *ask, uint64_t budget_us)
{
	struct msg_attribute_reply reply = {.h.seq = ask->h.seq};
	int rc;

	if (!ask_valid(ask))
		return -EPROTO;
	attribute_answer(s->attribute, ask, budget_us, &reply.by);
	rc = channel_send(&s->verdict, MSG_ATTRIBUTE_REPLY, &reply, NULL, 0);
	return rc == -EAGAIN ? 0 : rc;
}

static int on_verdict(struct shell *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	unsigned int n = 0;
	int rc = 0;

	while (n < ASKS_MAX && (rc = channel_recv(&s->verdict, &m, fds)) > 0)
		memcpy(&s->asks[n++], &m, sizeof(s->asks[0]));
	for (unsigned int i = 0; i < n && rc >= 0; i++)
		rc = answer(s, &s->asks[i], ATTRIBUTE_BUDGET_US / n);
	if (rc != -EPIPE)
		return rc < 0 ? rc : 0;
	loop_remove(&s->loop, s->verdict.fd); /* the gate sees its end itself */
	channel_fini(&s->verdict);
	return 0;
}

static int on_peer(struct shell *s, const struct msg_peer *m, int fd)
{
	struct loop_ref ref = {.kind = REF_VERDICT};

	if (m->role != ROLE_VERDICT || s->verdict.fd >= 0) {
		close(fd);
		return -EPROTO;
	}
	channel_init(&s->verdict, fd, ROLE_ATTRIBUTE, ROLE_VERDICT);
	return loop_add(&s->loop, fd, EPOLLIN, ref);
}

static int on_gate(struct shell *s)
{
	union message_buffer m;
	struct msg_pong pong = {0};
	int fds[CHANNEL_FDS_MAX];
	int rc = channel_recv(&s->gate, &m, fds);

	if (rc <= 0)
		return rc;
	if (m.h.type == MSG_PEER)
		return on_peer(s, (const struct msg_peer *)&m, fds[0]);
	if (m.h.type != MSG_PING)
		return -EPROTO;
	pong.h.seq = m.h.seq;
	attribute_counters(s->attribute, pong.counters);
	return channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
}

static int run(void *shell)
{
	struct shell *s = shell;
	struct loop_event events[4];
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&s->loop, events, ARRAY_LEN(events), -1);

		if (n < 0)
			return n;
		for (int i = 0; i < n && rc == 0; i++) {
			if (events[i].ref.kind == REF_GATE)
				rc = on_gate(s);
			else if (s->verdict.fd >= 0)
				rc = on_verdict(s);
		}
	}
	return rc;
}

static int prepare(void *shell)
{
	struct shell *s = shell;

	s->verdict.fd = -1;
	return attribute_new(&s->attribute);
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_ATTRIBUTE, .prepare = prepare, .run = run};

	return child_main(&program, &the_shell, &the_shell.gate, &the_shell.loop);
}
