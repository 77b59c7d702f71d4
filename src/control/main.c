/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-control: speaks JSON with orchestrators and the postern command on the control socket
 * (postern-control(7)), and fixed-size messages with the gate.
 *
 * Started by posternd as the user postern-control, without capabilities, the channel to the gate on fd 3. It opens
 * nothing and makes no socket: the listening one comes from the gate. All it can do to the world is ask the
 * gate, and the gate checks again what it is asked.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "postern/child.h"

#include "server.h"

#define EVENTS_MAX 16

static struct server the_server;

static int on_peer(struct server *s, const struct msg_peer *m, int fd)
{
	if (m->role != ROLE_AUDIT) {
		close(fd);
		return -EPROTO;
	}
	channel_fini(&s->audit.channel);
	channel_init(&s->audit.channel, fd, ROLE_CONTROL, ROLE_AUDIT);
	return 0;
}

static int on_ping(struct server *s, const struct message_header *h)
{
	struct msg_pong pong = {.h.seq = h->seq};

	memcpy(pong.counters, s->counters, sizeof(s->counters));
	return channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
}

static int on_message(struct server *s, const union message_buffer *m, int fd)
{
	if (m->h.type == MSG_PING)
		return on_ping(s, &m->h);
	if (m->h.type == MSG_PEER)
		return on_peer(s, (const struct msg_peer *)m, fd);
	if (m->h.type == MSG_LISTENER)
		return server_listen(s, fd);
	return server_on_answer(s, m, fd);
}

static int on_channel(struct server *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = channel_recv(&s->gate, &m, fds);

	return rc > 0 ? on_message(s, &m, fds[0]) : rc;
}

static int on_event(struct server *s, const struct loop_event *e)
{
	switch ((enum loop_kind)e->ref.kind) {
	case LOOP_CHANNEL:
		return on_channel(s);
	case LOOP_LISTENER:
		server_accept(s);
		return 0;
	case LOOP_CLIENT:
		return server_on_client(s, e);
	}
	return -EPROTO;
}

static int run(void *shell)
{
	struct server *s = shell;
	struct loop_event events[EVENTS_MAX];
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&s->loop, events, ARRAY_LEN(events), server_expire(s));

		if (n < 0)
			return n;
		for (int i = 0; i < n && rc == 0; i++)
			rc = on_event(s, &events[i]);
	}
	return rc;
}

static int prepare(void *shell)
{
	request_setup();
	server_init(shell);
	return 0;
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_CONTROL, .prepare = prepare, .run = run};

	return child_main(&program, &the_server, &the_server.gate, &the_server.loop);
}
