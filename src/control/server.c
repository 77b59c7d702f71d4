/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits, and what happens at each: a client above CLIENTS_MAX gets an error object and is closed; one that
 * sends no whole request, or reads no reply, for CLIENT_IDLE_MS is closed, as is one whose question the gate does not
 * answer for GATE_ANSWER_MS (it drops answers when this process does not keep up); a peer without permission gets an error
 * object. Partial input does not prolong a deadline. What has to be waited for is waited for in the loop only.
 */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"

#define WARN_EVERY_MS 10000
#define SEQ_WINDOW 65536u

void server_init(struct server *s)
{
	s->listener = s->audit.channel.fd = -1;
	s->group = GID_NONE;
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
}

int server_listen(struct server *s, int fd)
{
	struct loop_ref ref = {.kind = LOOP_LISTENER};

	if (s->listener >= 0) {
		loop_remove(&s->loop, s->listener);
		close(s->listener);
	}
	s->listener = fd;
	s->group = peer_group(fd);
	if (s->group == GID_NONE)
		log_notice("control socket: no group of its own: only root may use it");
	return loop_add(&s->loop, fd, EPOLLIN, ref);
}

static void client_close(struct server *s, struct client *c)
{
	loop_remove(&s->loop, c->fd);
	close(c->fd);
	c->fd = -1;
	c->generation++;
	session_fini(&c->session);
	s->n_clients--;
}

/* One line to somebody who gets no session; what does not go at once is dropped. */
static void turn_away(int fd, const char *code, const char *text)
{
	static const struct request none;
	static struct reply reply;

	reply.len = 0;
	reply.failed = false;
	reply_error(&reply, &none, code, text);
	if (send(fd, reply.data, reply.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static struct client *free_client(struct server *s, const struct peer *p)
{
	unsigned int max = p->uid == 0 ? CLIENTS_MAX : CLIENTS_MAX - CLIENTS_KEPT_FOR_ROOT;

	for (unsigned int i = 0; s->n_clients < max && i < CLIENTS_MAX; i++)
		if (s->clients[i].fd < 0)
			return &s->clients[i];
	return NULL;
}

static void refuse_peer(struct server *s, int fd, const struct peer *p)
{
	char text[128];
	uint64_t now_ms = clock_now_ms();

	s->counters[COUNTER_CONTROL_refused]++;
	snprintf(text, sizeof(text), "uid %u is neither root nor in the group of the socket: add the user to group postern",
		(unsigned int)p->uid);
	turn_away(fd, "not-permitted", text);
	if (now_ms < s->warn_ms)
		return;
	s->warn_ms = now_ms + WARN_EVERY_MS;
	log_warning("control socket: refused uid=%u pid=%d", (unsigned int)p->uid, (int)p->pid);
}

static int admit(struct server *s, int fd, const struct peer *p)
{
	struct client *c;
	struct loop_ref ref = {.kind = LOOP_CLIENT};

	if (!peer_allowed(fd, p, s->group)) {
		refuse_peer(s, fd, p);
		return -EPERM;
	}
	c = free_client(s, p);
	if (!c) {
		s->counters[COUNTER_CONTROL_refused]++;
		turn_away(fd, "busy", "too many connections: close one, or wait");
		return -EBUSY;
	}
	ref.index = (uint32_t)(c - s->clients);
	ref.generation = c->generation;
	if (loop_add(&s->loop, fd, EPOLLIN, ref) < 0)
		return -ENOMEM;
	c->fd = fd;
	c->events = EPOLLIN;
	c->peer = *p;
	c->deadline_ms = clock_now_ms() + CLIENT_IDLE_MS;
	session_init(&c->session);
	s->n_clients++;
	s->counters[COUNTER_CONTROL_connections]++;
	return 0;
}

void server_accept(struct server *s)
{
	struct peer p;
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return; /* gone already, or no memory: the loop comes back */
	if (peer_get(fd, &p) < 0 || admit(s, fd, &p) < 0)
		close(fd);
}

/* What was changed, by whom: the gate records the outcome, this the person. */
static void record_change(struct server *s, const struct client *c)
{
	struct event e = event_new(EVENT_SANDBOX);
	bool add = c->session.request.op == OP_SANDBOX_ADD;

	if (!add && c->session.request.op != OP_SANDBOX_REMOVE)
		return;
	event_set_text(e.sandbox, sizeof(e.sandbox), c->session.request.sandbox.name);
	event_set_text(e.text, sizeof(e.text), add ? "add requested" : "remove requested");
	e.by.found = true;
	e.by.uid = c->peer.uid;
	e.by.pid = c->peer.pid;
	event_send(&s->audit, &e);
}

static int ask_gate(struct server *s, struct client *c, union message_buffer *m, enum message_type type)
{
	int rc;

	if (c->session.cursor == 0)
		s->counters[COUNTER_CONTROL_requests]++;
	record_change(s, c);
	c->deadline_ms = clock_now_ms() + GATE_ANSWER_MS;
	rc = channel_send(&s->gate, type, m, NULL, 0);
	if (rc == -EAGAIN) {
		session_busy(&c->session);
		rc = 0;
	}
	return rc;
}

/* False: the client is gone. */
static bool client_write(struct client *c)
{
	const char *data;
	size_t len = session_output(&c->session, &data);
	ssize_t n;

	if (len == 0)
		return true;
	n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	session_sent(&c->session, (size_t)n);
	c->deadline_ms = clock_now_ms() + CLIENT_IDLE_MS;
	return true;
}

static bool client_read(struct client *c)
{
	char data[REQUEST_BYTES_MAX];
	size_t room = session_room(&c->session);
	ssize_t n;

	if (room == 0)
		return true;
	n = recv(c->fd, data, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		c->session.in_end = true;
	session_take(&c->session, data, (size_t)n);
	return true;
}

static bool client_wait(struct server *s, struct client *c)
{
	struct loop_ref ref = {.kind = LOOP_CLIENT, .generation = c->generation, .index = (uint32_t)(c - s->clients)};
	const char *data;
	uint32_t events = 0;

	if (session_room(&c->session))
		events |= EPOLLIN;
	if (session_output(&c->session, &data))
		events |= EPOLLOUT;
	if (events == c->events)
		return true;
	c->events = events;
	return loop_change(&s->loop, c->fd, events, ref) == 0;
}

/* Goes on until the session has to wait for the gate or for its client. */
static int client_run(struct server *s, struct client *c)
{
	bool alive = true, closing = c->session.closing;
	const char *data;
	int rc = 0;

	while (alive && rc == 0) {
		union message_buffer m;
		enum message_type type;

		if (session_step(&c->session, s->seq + 1, &m, &type)) {
			s->seq++;
			rc = ask_gate(s, c, &m, type);
		}
		if (session_output(&c->session, &data) == 0)
			break;
		alive = client_write(c);
		if (session_output(&c->session, &data))
			break; /* its socket is full */
	}
	if (c->session.closing && !closing)
		s->counters[COUNTER_CONTROL_malformed]++;
	if (!alive || session_over(&c->session) || !client_wait(s, c))
		client_close(s, c);
	return rc;
}

int server_on_client(struct server *s, const struct loop_event *e)
{
	struct client *c = &s->clients[e->ref.index];

	if (c->fd < 0 || c->generation != e->ref.generation)
		return 0; /* closed by an earlier event of the same batch */
	if ((e->events & (EPOLLHUP | EPOLLERR)) || !client_read(c)) {
		client_close(s, c);
		return 0;
	}
	return client_run(s, c);
}

int server_on_answer(struct server *s, const union message_buffer *m, int fd)
{
	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];
		int rc;

		if (c->fd < 0 || !c->session.asked || c->session.seq != m->h.seq)
			continue;
		rc = session_answer(&c->session, m, fd);
		if (rc < 0)
			return rc;
		c->deadline_ms = clock_now_ms() + CLIENT_IDLE_MS;
		return client_run(s, c);
	}
	if (fd >= 0)
		close(fd);
	/* The asker has left: fine. A number that was not given out lately: not. */
	return s->seq - m->h.seq <= SEQ_WINDOW ? 0 : -EPROTO;
}

int server_expire(struct server *s)
{
	uint64_t now_ms = clock_now_ms();
	int wait_ms = -1;

	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd < 0)
			continue;
		if (c->deadline_ms <= now_ms) {
			turn_away(c->fd, "timeout", c->session.asked ? "the daemon did not answer" : "no request for a minute");
			client_close(s, c);
			continue;
		}
		if (wait_ms < 0 || c->deadline_ms - now_ms < (uint64_t)wait_ms)
			wait_ms = (int)(c->deadline_ms - now_ms);
	}
	return wait_ms;
}
