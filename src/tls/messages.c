/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channels. The gate gives the image; the resolver asks. Both are trusted no further than the table of messages: what it does
 * not allow ends the process, and the daemon with it.
 *
 * Questions count upstreams by an image. The gate tells this process of a new one before the resolver: so a question of a newer
 * image means that ours waits in the gate's channel, and one of an older image is about to be asked again.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"
#include "shell.h"

#define BURST_MAX 64
#define SEND_WAIT_MS 500 /* for a resolver that does not keep up; then the answer is lost, and the question times out */

static int send_to_resolver(struct shell *s, enum message_type type, void *m)
{
	uint64_t deadline_ms = clock_now_ms() + SEND_WAIT_MS;

	for (;;) {
		int rc = channel_send(&s->resolver, type, m, NULL, 0);
		struct pollfd p = {.fd = s->resolver.fd, .events = POLLOUT};

		if (rc != -EAGAIN || clock_now_ms() >= deadline_ms)
			return rc;
		(void)poll(&p, 1, 50); /* the deadline bounds the loop */
	}
}

void send_answer(void *ctx, uint32_t ref, const uint8_t *data, size_t len)
{
	static struct msg_tls_answer m;
	struct shell *s = ctx;

	s->counters[COUNTER_TLS_answers]++;
	m.ref = ref;
	m.total = (uint32_t)len;
	for (m.offset = 0; m.offset < len; m.offset += m.len) {
		m.len = (uint32_t)(len - m.offset < sizeof(m.data) ? len - m.offset : sizeof(m.data));
		memcpy(m.data, data + m.offset, m.len);
		memset(m.data + m.len, 0, sizeof(m.data) - m.len); /* nothing of an earlier answer */
		if (send_to_resolver(s, MSG_TLS_ANSWER, &m) < 0)
			return;
	}
}

void send_failed(void *ctx, uint32_t ref)
{
	struct msg_tls_ref m = {.ref = ref};
	struct shell *s = ctx;

	s->counters[COUNTER_TLS_failures]++;
	(void)!send_to_resolver(s, MSG_TLS_FAILED, &m); /* lost: the question times out */
}

static int on_ask(struct shell *s, const struct msg_tls_ask *m)
{
	int rc;

	if (m->len > sizeof(m->data))
		return -EPROTO;
	if (m->generation != s->generation) { /* ours is on its way, or the resolver's */
		rc = gate_receive(s);
		if (rc < 0 || m->generation != s->generation)
			return rc;
	}
	if (!s->im || m->upstream >= image_n_upstreams(s->im) || m->upstream >= PIPELINE_UPSTREAMS_MAX)
		return -EPROTO;
	s->counters[COUNTER_TLS_questions]++;
	if (pipeline_ask(s->book, m->upstream, m->ref, m->data, m->len) < 0)
		send_failed(s, m->ref);
	return 0;
}

int resolver_receive(struct shell *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	for (unsigned int i = 0; (i < BURST_MAX || channel_waiting(&s->resolver)) && rc == 1; i++) {
		rc = channel_recv(&s->resolver, &m, fds);
		if (rc != 1)
			break;
		if (m.h.type == MSG_TLS_ASK && on_ask(s, (const struct msg_tls_ask *)&m) < 0)
			return -EPROTO;
		if (m.h.type == MSG_TLS_FORGET)
			pipeline_forget(s->book, ((const struct msg_tls_ref *)&m)->ref);
	}
	return rc < 0 ? rc : 0;
}

static int on_image(struct shell *s, struct msg_image *m, int fd)
{
	struct image *old = s->im, *im;
	int rc = image_map(fd, &im);

	close(fd);
	if (rc < 0)
		return rc;
	s->renewing = true;
	pipeline_reset(s->book);
	s->renewing = false;
	s->im = im;
	s->generation = m->generation;
	conns_renew(s);
	image_unmap(old);
	return channel_send(&s->gate, MSG_IMAGE_READY, m, NULL, 0);
}

static int on_peer(struct shell *s, const struct msg_peer *m, int fd)
{
	if (m->role != ROLE_RESOLVER || s->resolver.fd >= 0) {
		close(fd);
		return -EPROTO;
	}
	channel_init(&s->resolver, fd, ROLE_TLS, ROLE_RESOLVER);
	return loop_add(&s->loop, fd, EPOLLIN, (struct loop_ref){.kind = SOURCE_RESOLVER});
}

static int on_ping(struct shell *s, const struct message_header *h)
{
	struct msg_pong pong = {.h.seq = h->seq};

	memcpy(pong.counters, s->counters, sizeof(s->counters));
	return channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
}

static int on_gate(struct shell *s, union message_buffer *m, int fd)
{
	if (m->h.type == MSG_PING)
		return on_ping(s, &m->h);
	if (m->h.type == MSG_IMAGE)
		return on_image(s, (struct msg_image *)m, fd);
	if (m->h.type == MSG_PEER)
		return on_peer(s, (const struct msg_peer *)m, fd);
	return -EPROTO;
}

int gate_receive(struct shell *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	while (rc == 1) {
		rc = channel_recv(&s->gate, &m, fds);
		if (rc == 1 && on_gate(s, &m, fds[0]) < 0) {
			log_err("gate: broke the protocol message=%s", message_text((enum message_type)m.h.type));
			return -EPROTO;
		}
	}
	return rc < 0 ? rc : 0;
}
