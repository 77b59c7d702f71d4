/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to upstreams over TLS: handed to postern-tls, which is there while the policy has such upstreams, and which has the keys, the certificates and the connections. What comes back
 * is a server's answer still, as hostile as any; that it is whole and in order is postern-tls's part, and what is
 * not ends the daemon.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shell.h"

#define BURST_MAX 64

static void disconnect(struct shell *s)
{
	if (s->tls.channel.fd >= 0)
		loop_remove(&s->loop, s->tls.channel.fd);
	channel_fini(&s->tls.channel);
}

int tls_connect(struct shell *s, int fd)
{
	disconnect(s);
	channel_init(&s->tls.channel, fd, ROLE_RESOLVER, ROLE_TLS);
	return loop_add(&s->loop, fd, EPOLLIN, (struct loop_ref){.kind = SOURCE_TLS});
}

int tls_ask(struct shell *s, const struct upstream_ask *ask)
{
	struct msg_tls_ask m = {.generation = s->generation, .upstream = ask->upstream, .ref = ask->ref, .len = (uint16_t)ask->len};

	ASSERT(ask->len <= sizeof(m.data));
	memcpy(m.data, ask->data, ask->len);
	return s->tls.channel.fd < 0 ? -ENOTCONN : channel_send(&s->tls.channel, MSG_TLS_ASK, &m, NULL, 0);
}

void tls_forget(struct shell *s, uint32_t ref)
{
	struct msg_tls_ref m = {.ref = ref};

	if (s->tls.channel.fd >= 0)
		(void)!channel_send(&s->tls.channel, MSG_TLS_FORGET, &m, NULL, 0); /* full: an answer comes that nobody wants */
}

static int on_answer(struct shell *s, const struct msg_tls_answer *m)
{
	struct parts *p = &s->tls.answer;
	int rc = parts_take(p, m);

	if (rc == 1) {
		ask_ended(s, p->ref);
		resolver_upstream_answer(s->core, p->ref, p->bytes, p->total);
	}
	return rc < 0 ? rc : 0;
}

static int on_message(struct shell *s, const union message_buffer *m)
{
	const struct msg_tls_ref *failed = (const struct msg_tls_ref *)m;

	if (m->h.type == MSG_TLS_ANSWER)
		return on_answer(s, (const struct msg_tls_answer *)m);
	if (m->h.type != MSG_TLS_FAILED)
		return -EPROTO;
	ask_ended(s, failed->ref);
	resolver_upstream_failed(s->core, failed->ref);
	return 0;
}

int tls_receive(struct shell *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = s->tls.channel.fd >= 0; /* or an event of before it ended */

	for (unsigned int i = 0; (i < BURST_MAX || channel_waiting(&s->tls.channel)) && rc == 1; i++) {
		rc = channel_recv(&s->tls.channel, &m, fds);
		if (rc == 1 && on_message(s, &m) < 0)
			return -EPROTO;
	}
	if (rc == -EPIPE) { /* its end is the gate's business; until there is another, such an upstream fails */
		disconnect(s);
		return 0;
	}
	return rc < 0 ? rc : 0;
}
