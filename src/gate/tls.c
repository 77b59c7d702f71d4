/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-tls comes and goes with the policy: a TLS library's memory is a quarter of all that postern takes, and most have no upstream
 * over TLS. Nothing is asked in clear text meanwhile: the resolver has no other way to such an upstream than that process, and the
 * kernel none for the resolver.
 *
 * It comes before anybody hears of the image that needs it: the resolver's questions wait in its channel until it has started.
 * It goes when resolver and it both say that they have an image without such upstreams: so no question is lost, and its connections
 * have been closed in order.
 */
#include <string.h>
#include <sys/epoll.h>

#include "gate.h"
#include "postern/log.h"

static bool needed(const struct image *im)
{
	bool found = false;

	for (uint32_t i = 0; i < image_n_upstreams(im) && !found; i++)
		found = image_upstream_tls(im, i);
	return found;
}

int gate_tls_need(struct gate *g)
{
	struct child *tls = &g->children.all[ROLE_TLS];
	int rc;

	if (tls->channel.fd >= 0 || !needed(g->policy.image))
		return 0;
	rc = children_start_later(&g->children, ROLE_TLS);
	if (rc == 0)
		rc = loop_add(&g->loop, tls->channel.fd, EPOLLIN, (struct loop_ref){.kind = ROLE_TLS});
	return rc == 0 ? children_connect(&g->children, ROLE_RESOLVER, ROLE_TLS) : rc;
}

void gate_tls_settle(struct gate *g)
{
	const struct child *tls = &g->children.all[ROLE_TLS], *resolver = &g->children.all[ROLE_RESOLVER];

	if (tls->channel.fd < 0 || needed(g->policy.image) || tls->generation != g->policy.generation ||
		resolver->generation != g->policy.generation)
		return;
	loop_remove(&g->loop, tls->channel.fd);
	children_end(&g->children, ROLE_TLS);
	log_info("%s: no upstream is asked over TLS any more", role_executable(ROLE_TLS));
}
