/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to upstreams: which way each goes. Over UDP from a pool of ports (udp.c), over TCP on kept connections (conns.c), over
 * TLS by postern-tls (tls.c). A place in the table is the reference modulo its size.
 */
#include <stdlib.h>

#include "shell.h"

struct ask {
	uint32_t ref;
	bool tls; /* ref is a question that postern-tls has */
};

struct asks {
	struct ask all[RESOLVER_ASKS_MAX];
};

struct asks *asks_new(void)
{
	return calloc(1, sizeof(struct asks));
}

static struct ask *ask_of(struct shell *s, uint32_t ref)
{
	return &s->asks->all[ref % RESOLVER_ASKS_MAX];
}

void ask_close(struct shell *s, uint32_t ref)
{
	const struct ask *a = ask_of(s, ref);

	if (a->tls && a->ref == ref)
		tls_forget(s, ref);
	else if (!udp_forget(s, ref))
		pipeline_forget(conns_book(s), ref);
	ask_ended(s, ref);
}

void ask_ended(struct shell *s, uint32_t ref)
{
	struct ask *a = ask_of(s, ref);

	if (a->ref == ref)
		a->tls = false;
}

int ask_open(struct shell *s, const struct upstream_ask *ask)
{
	struct ask *a = ask_of(s, ask->ref);

	*a = (struct ask){.ref = ask->ref, .tls = image_upstream_tls(s->im, ask->upstream)};
	if (a->tls)
		return tls_ask(s, ask);
	if (ask->stream)
		return pipeline_ask(conns_book(s), ask->upstream, ask->ref, ask->data, ask->len);
	return udp_ask(s, ask);
}
