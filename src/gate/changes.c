/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing list of changes; comments are copies that the list owns. */
#include "changes.h"

#include <stdlib.h>
#include <string.h>

void changes_init(struct changes *c)
{
	*c = (struct changes){0};
}

void changes_fini(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free((char *)(uintptr_t)c->v[i].comment);
	free(c->v);
	*c = (struct changes){0};
}

struct nft_change *changes_push(struct changes *c, enum nft_op op)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		struct nft_change *v = reallocarray(c->v, cap, sizeof(*v));

		if (!v) {
			c->failed = true;
			c->n = c->n ? c->n - 1 : 0; /* its place serves as scratch: the list is lost anyway */
			if (!c->v)
				abort();	    /* not even 40 kB: shut */
		} else {
			c->v = v;
			c->cap = cap;
		}
	}
	c->v[c->n] = (struct nft_change){.op = (uint8_t)op};
	return &c->v[c->n++];
}

void changes_pop(struct changes *c)
{
	c->n--;
}

void changes_comment(struct changes *c, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		c->failed = true;
	c->v[c->n - 1].comment = copy;
}
