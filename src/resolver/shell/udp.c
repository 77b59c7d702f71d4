/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP to upstreams: a pool of source ports for each, one of them drawn at random for every question.
 *
 * What a forger has to guess is what RFC 5452 asks for: a port, an id, and the case of the name. A question is bound to its socket,
 * which is connected: only datagrams from the upstream's address and port arrive on it at all, and of these only one with the
 * id of a question that left from this very socket goes to the core, which compares the rest. The ports are the kernel's random
 * choice, and each is given up for another after PORT_USES questions or PORT_MS, or when somebody seems to be guessing on it
 * (PORT_STRAYS): so there is no time to search for them, and finding one leaves the odds of the draw.
 * A socket for each question would cost a connect, a disconnect and a conntrack flow a question: a third of its price.
 *
 * A port that is given up takes no new question and is closed when its last one is forgotten. Errors that a socket reports may
 * be meant for any of its questions: all of them fail, at the end of the turn, as one is often noticed while the core is asking.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell.h"

#define PORTS_EACH 64	   /* of an upstream, opened as they are drawn */
#define PORTS_MAX 2048	   /* of all, with those that wait for their last answers */
#define PORT_USES 256
#define PORT_MS 10000
#define PORT_STRAYS 16
#define DRAWS 4		   /* until a port without a question of the same id is found */
#define DATAGRAM_MAX 4096  /* more than we say we take, so that a lying server is seen as such */
#define BATCH 8		   /* of one socket before the next gets its turn: somebody may be guessing */
#define ID_LEN 2
#define NONE UINT16_MAX

struct question {
	uint32_t ref;
	uint16_t port; /* plus one; 0: not under way, as fresh pages are */
	uint16_t id;
	uint16_t next, prev; /* of the same port */
};

struct port {
	int fd;
	uint16_t generation;
	uint16_t uses, strays;
	uint16_t first, n; /* questions */
	bool open, given_up, broken;
	uint64_t opened_ms;
};

struct udp {
	uint16_t drawn[RESOLVER_UPSTREAMS_MAX][PORTS_EACH]; /* plus one; 0: none yet */
	uint16_t looked_at; /* for a free port */
	bool any_broken;
	struct port ports[PORTS_MAX];
	struct question questions[RESOLVER_ASKS_MAX];
	struct mmsghdr in[BATCH];
	struct iovec iov[BATCH];
	uint8_t data[BATCH][DATAGRAM_MAX];
};

struct udp *udp_new(void)
{
	struct udp *u = calloc(1, sizeof(*u));

	for (unsigned int i = 0; u && i < BATCH; i++) {
		u->iov[i] = (struct iovec){u->data[i], DATAGRAM_MAX};
		u->in[i].msg_hdr = (struct msghdr){.msg_iov = &u->iov[i], .msg_iovlen = 1};
	}
	return u;
}

static void close_port(struct port *p)
{
	close(p->fd);
	p->open = false;
	p->generation++;
}

static void give_up(struct port *p)
{
	p->given_up = true;
	if (!p->n)
		close_port(p);
}

static bool worn(const struct port *p, uint64_t now_ms)
{
	return p->uses >= PORT_USES || p->strays >= PORT_STRAYS || now_ms - p->opened_ms >= PORT_MS || p->broken;
}

/* ---- questions of a port ---- */

static void link_question(struct udp *u, uint16_t port, uint16_t at)
{
	struct port *p = &u->ports[port];
	struct question *q = &u->questions[at];

	q->port = (uint16_t)(port + 1);
	q->prev = NONE;
	q->next = p->n ? p->first : NONE;
	if (p->n)
		u->questions[p->first].prev = at;
	p->first = at;
	p->n++;
}

static void unlink_question(struct udp *u, uint16_t at)
{
	struct question *q = &u->questions[at];
	struct port *p = &u->ports[q->port - 1];

	if (q->prev != NONE)
		u->questions[q->prev].next = q->next;
	else
		p->first = q->next;
	if (q->next != NONE)
		u->questions[q->next].prev = q->prev;
	q->port = 0;
	p->n--;
	if (p->given_up && !p->n)
		close_port(p);
}

static struct question *find(struct udp *u, const struct port *p, uint16_t id)
{
	uint16_t at = p->first;

	for (unsigned int i = 0; i < p->n; i++, at = u->questions[at].next)
		if (u->questions[at].id == id)
			return &u->questions[at];
	return NULL;
}

/* ---- ports ---- */

/* A place without a socket; in a full table that of one that nobody waits on. -EMFILE: there is none. */
static int free_port(struct udp *u)
{
	int idle = -EMFILE;

	for (unsigned int i = 0; i < PORTS_MAX; i++) {
		unsigned int at = (u->looked_at + i) % PORTS_MAX;

		if (!u->ports[at].open) {
			u->looked_at = (uint16_t)(at + 1);
			return (int)at;
		}
		if (idle < 0 && !u->ports[at].n)
			idle = (int)at;
	}
	if (idle < 0)
		return idle;
	close_port(&u->ports[idle]);
	for (unsigned int i = 0; i < RESOLVER_UPSTREAMS_MAX * PORTS_EACH; i++)
		if (u->drawn[i / PORTS_EACH][i % PORTS_EACH] == idle + 1)
			u->drawn[i / PORTS_EACH][i % PORTS_EACH] = 0;
	return idle;
}

static int open_port(struct shell *s, uint32_t upstream)
{
	const struct image_upstream *up = image_upstream(s->im, upstream);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&up->addr, up->port, &sa);
	int at = free_port(s->udp), rc = 0;
	struct port *p = &s->udp->ports[at < 0 ? 0 : at];

	if (at < 0)
		return at;
	*p = (struct port){.generation = p->generation, .opened_ms = s->now_ms};
	p->fd = socket(up->addr.family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	if (connect(p->fd, (const struct sockaddr *)&sa, len) < 0) /* binds to a random port */
		rc = -errno;
	if (rc == 0)
		rc = loop_add(&s->loop, p->fd, EPOLLIN, (struct loop_ref){.kind = SOURCE_UDP, .generation = p->generation,
			.index = (uint32_t)at});
	p->open = true;
	if (rc < 0)
		close_port(p);
	return rc < 0 ? rc : at;
}

/* A random one of the upstream's, fresh where the old one is worn. Its number, or why not. */
static int draw(struct shell *s, uint32_t upstream)
{
	uint16_t *place = &s->udp->drawn[upstream][shell_random() % PORTS_EACH];
	int at;

	if (*place && !worn(&s->udp->ports[*place - 1], s->now_ms))
		return *place - 1;
	if (*place)
		give_up(&s->udp->ports[*place - 1]);
	*place = 0;
	at = open_port(s, upstream);
	if (at >= 0)
		*place = (uint16_t)(at + 1);
	return at;
}

static int send_once(struct udp *u, struct port *p, const struct upstream_ask *ask)
{
	if (send(p->fd, ask->data, ask->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	if (errno != ECONNREFUSED) /* that is the answer to an earlier question */
		return -errno;
	u->any_broken = p->broken = true;
	return send(p->fd, ask->data, ask->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int udp_ask(struct shell *s, const struct upstream_ask *ask)
{
	uint16_t at = ask->ref % RESOLVER_ASKS_MAX, id;
	struct udp *u = s->udp;
	int port = -EBUSY, rc;

	if (u->questions[at].port)
		unlink_question(u, at);
	memcpy(&id, ask->data, ID_LEN);
	for (unsigned int i = 0; i < DRAWS; i++) {
		port = draw(s, ask->upstream);
		if (port < 0 || !find(u, &u->ports[port], id))
			break;
		port = -EBUSY;
	}
	if (port < 0)
		return port;
	rc = send_once(u, &u->ports[port], ask);
	if (rc < 0)
		return rc;
	u->ports[port].uses++;
	u->questions[at].ref = ask->ref;
	u->questions[at].id = id;
	link_question(u, (uint16_t)port, at);
	return 0;
}

bool udp_forget(struct shell *s, uint32_t ref)
{
	uint16_t at = ref % RESOLVER_ASKS_MAX;
	struct udp *u = s->udp;

	if (!u->questions[at].port || u->questions[at].ref != ref)
		return false;
	unlink_question(u, at);
	return true;
}

static void stray(struct shell *s, struct port *p)
{
	if (p->strays < PORT_STRAYS)
		p->strays++; /* from then on it is worn */
	resolver_count(s->core, COUNTER_RESOLVER_upstream_mismatches);
}

void udp_event(struct shell *s, struct loop_ref ref)
{
	struct udp *u = s->udp;
	struct port *p = &u->ports[ref.index];
	int n = -1;

	if (p->open && p->generation == ref.generation)
		n = recvmmsg(p->fd, u->in, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && p->open && p->generation == ref.generation && errno != EAGAIN && errno != EINTR)
		u->any_broken = p->broken = true;
	for (int i = 0; i < n && p->open && p->generation == ref.generation; i++) {
		const struct question *q = NULL;
		uint16_t id;

		if (u->in[i].msg_len >= ID_LEN) {
			memcpy(&id, u->data[i], ID_LEN);
			q = find(u, p, id);
		}
		if (q)
			resolver_upstream_answer(s->core, q->ref, u->data[i], u->in[i].msg_len);
		else
			stray(s, p);
	}
}

/* Its questions go to the core as failed; what it asks anew leaves from other ports. */
static void fail_port(struct shell *s, struct port *p)
{
	const uint16_t generation = p->generation;
	unsigned int n = p->n;

	while (n-- && p->open && p->generation == generation && p->n) {
		uint16_t at = p->first;
		uint32_t ref = s->udp->questions[at].ref;

		resolver_upstream_failed(s->core, ref);
		if (s->udp->questions[at].port && s->udp->questions[at].ref == ref)
			unlink_question(s->udp, at); /* the core has forgotten it already, if it knew it */
	}
}

void udp_turn_end(struct shell *s)
{
	struct udp *u = s->udp;

	if (!u->any_broken)
		return;
	u->any_broken = false;
	for (unsigned int i = 0; i < PORTS_MAX; i++)
		if (u->ports[i].open && u->ports[i].broken)
			fail_port(s, &u->ports[i]);
}

void udp_reset(struct shell *s)
{
	struct udp *u = s->udp;

	for (unsigned int i = 0; i < RESOLVER_UPSTREAMS_MAX * PORTS_EACH; i++) {
		uint16_t *place = &u->drawn[i / PORTS_EACH][i % PORTS_EACH];

		if (*place)
			give_up(&u->ports[*place - 1]);
		*place = 0;
	}
}
