/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One-question netlink dialogues. All are answered inside sendto(2), so one non-blocking receive
 * follows; answers are read with libmnl's validated attributes. The name of an interface is asked for in the same way:
 * if_indextoname(3) opens a socket of its own, which the gate's filter does not permit.
 */
#include "owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define BUFFER_BYTES 8192
#define INET_DIAG_CGROUP_ID_ATTR 21 /* since 5.9; not in every header */

#define ROUTES 1024 /* remembered; a further one takes the place of another */

struct route {
	struct addr to; /* ADDR_NONE: unused */
	bool local;
	uint32_t oif;
	char interface[SELECTOR_IFNAME_MAX]; /* not local */
};

struct owners {
	struct mnl_socket *route, *diag;
	unsigned int seq;
	struct hash_key hash;
	struct route routes[ROUTES];
};

int owners_open(struct owners **ret_owners)
{
	struct owners *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	hash_key_init(&o->hash);
	o->route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	o->diag = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!o->route || !o->diag || mnl_socket_bind(o->route, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_bind(o->diag, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno; /* the caller exits */
	*ret_owners = o;
	return 0;
}

/* Sends @nlh and gives its one answer to @read. */
static int ask(struct owners *o, struct mnl_socket *s, struct nlmsghdr *nlh, mnl_cb_t read, void *context)
{
	char buf[BUFFER_BYTES];
	ssize_t n;

	nlh->nlmsg_seq = ++o->seq;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(s, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	return mnl_cb_run(buf, (size_t)n, o->seq, mnl_socket_get_portid(s), read, context) < 0 ? -errno : 0;
}

void owners_forget(struct owners *o)
{
	memset(o->routes, 0, sizeof(o->routes));
}

static int read_route(const struct nlmsghdr *nlh, void *context)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	struct route *r = context;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*rt)))
		return MNL_CB_ERROR;
	r->local = rt->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, nlh, sizeof(*rt))
		if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			r->oif = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int ask_route(struct owners *o, const struct addr *a, struct route *ret_route)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(nlh, sizeof(*rt));
	uint16_t len = addr_bits(a) / 8;

	nlh->nlmsg_type = RTM_GETROUTE;
	rt->rtm_family = a->family == ADDR_V4 ? AF_INET : AF_INET6;
	rt->rtm_dst_len = addr_bits(a);
	mnl_attr_put(nlh, RTA_DST, len, a->bytes);
	return ask(o, o->route, nlh, read_route, ret_route);
}

static int read_name(const struct nlmsghdr *nlh, void *context)
{
	struct route *r = context;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || nlh->nlmsg_len < mnl_nlmsg_size(sizeof(struct ifinfomsg)))
		return MNL_CB_ERROR;
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
			mnl_attr_get_payload_len(attr) <= sizeof(r->interface))
			memcpy(r->interface, mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
	return MNL_CB_OK;
}

static int ask_name(struct owners *o, struct route *r)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	int rc;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)r->oif;
	rc = ask(o, o->route, nlh, read_name, r);
	return rc == 0 && !r->interface[0] ? -ENODEV : rc;
}

static int find_route(struct owners *o, const struct addr *a, const struct route **ret_route)
{
	struct route *r = &o->routes[hash_bytes(&o->hash, a, sizeof(*a)) % ROUTES];
	int rc = 0;

	if (!addr_equal(&r->to, a)) {
		*r = (struct route){0};
		rc = ask_route(o, a, r);
		if (rc == 0 && !r->local)
			rc = ask_name(o, r);
		if (rc == 0)
			r->to = *a;
	}
	*ret_route = r;
	return rc;
}

static int read_socket(const struct nlmsghdr *nlh, void *context)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	struct owner *owner = context;
	const struct nlattr *attr;

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*m)))
		return MNL_CB_ERROR;
	owner->has_socket = true;
	owner->uid = m->idiag_uid;
	mnl_attr_for_each(attr, nlh, sizeof(*m))
		if (mnl_attr_get_type(attr) == INET_DIAG_CGROUP_ID_ATTR && mnl_attr_validate(attr, MNL_TYPE_U64) == 0)
			owner->cgroup_id = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

/* UDP is looked up from the kernel's side of the packet: source and destination change places. */
static int find_socket(struct owners *o, const struct owner_query *q, struct owner *ret_owner)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(nlh, sizeof(*r));
	bool turned = q->protocol == IPPROTO_UDP;
	const struct addr *from = turned ? &q->far : &q->near, *to = turned ? &q->near : &q->far;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r->sdiag_family = q->near.family == ADDR_V4 ? AF_INET : AF_INET6;
	r->sdiag_protocol = q->protocol;
	r->idiag_states = ~0u;
	memcpy(r->id.idiag_src, from->bytes, 16);
	memcpy(r->id.idiag_dst, to->bytes, 16);
	r->id.idiag_sport = htons(turned ? q->far_port : q->near_port);
	r->id.idiag_dport = htons(turned ? q->near_port : q->far_port);
	r->id.idiag_cookie[0] = r->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return ask(o, o->diag, nlh, read_socket, ret_owner);
}

int owner_find(struct owners *o, const struct owner_query *q, struct owner *ret_owner)
{
	struct owner owner = {0};
	const struct route *route;
	int rc = find_route(o, &q->near, &route);

	if (rc < 0)
		return rc;
	owner.local = route->local;
	memcpy(owner.interface, route->interface, sizeof(owner.interface));
	if (route->local && (q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP))
		(void)!find_socket(o, q, &owner); /* without a socket it is the host's */
	*ret_owner = owner;
	return 0;
}
