/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. Every length is another process's word: nothing is copied before all of them fit. */
#include "parts.h"

#include <errno.h>
#include <string.h>

int parts_take(struct parts *p, const struct msg_tls_answer *m)
{
	if (m->offset == 0) {
		p->ref = m->ref;
		p->total = m->total;
		p->have = 0;
	}
	if (m->ref != p->ref || m->total != p->total || m->offset != p->have || m->total > sizeof(p->bytes))
		return -EPROTO;
	if (m->len == 0 || m->len > sizeof(m->data) || m->len > m->total - m->offset)
		return -EPROTO;
	memcpy(p->bytes + p->have, m->data, m->len);
	p->have += m->len;
	return p->have == p->total;
}
