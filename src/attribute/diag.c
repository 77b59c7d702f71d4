/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sock_diag: see the header. The one file here that speaks libmnl.
 *
 * The kernel's exact lookup of UDP takes the addresses as an incoming datagram would have them: what is
 * the source of our packet stands in the destination. That of TCP does not. A connection that a listening socket
 * has not accepted yet is known, but not its owner: then the listening socket is asked for, which is what the
 * lookup finds for no peer at all. The kernel works in our sendmsg(2), so the answer is there when it returns.
 */
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 4096

struct diag {
	int fd;
	uint32_t seq;
	uint64_t answer[ANSWER_BYTES / sizeof(uint64_t)];
};

int diag_new(struct diag **ret_diag)
{
	struct diag *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (d->fd < 0) {
		free(d);
		return -errno;
	}
	*ret_diag = d;
	return 0;
}

void diag_free(struct diag *d)
{
	if (d)
		close(d->fd);
	free(d);
}

static void fill_id(struct inet_diag_sockid *id, const struct msg_attribute_ask *ask)
{
	bool swap = ask->protocol == IPPROTO_UDP;
	const struct addr *src = swap ? &ask->destination : &ask->source;
	const struct addr *dst = swap ? &ask->source : &ask->destination;

	memcpy(id->idiag_src, src->bytes, sizeof(id->idiag_src));
	memcpy(id->idiag_dst, dst->bytes, sizeof(id->idiag_dst));
	id->idiag_sport = htons(swap ? ask->destination_port : ask->source_port);
	id->idiag_dport = htons(swap ? ask->source_port : ask->destination_port);
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static int send_request(struct diag *d, const struct msg_attribute_ask *ask)
{
	uint64_t buf[16] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {buf, 0};
	struct msghdr msg = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++d->seq;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = ask->source.family == ADDR_V4 ? AF_INET : AF_INET6;
	req->sdiag_protocol = ask->protocol;
	req->idiag_states = UINT32_MAX;
	fill_id(&req->id, ask);
	iov.iov_len = nlh->nlmsg_len;
	return sendmsg(d->fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Returns the state of the socket (enum of tcp_states.h). */
static unsigned int read_socket(const struct nlmsghdr *nlh, struct diag_socket *s)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	*s = (struct diag_socket){.uid = m->idiag_uid, .inode = m->idiag_inode};
	mnl_attr_for_each(attr, nlh, sizeof(*m))
		if (mnl_attr_get_type(attr) == INET_DIAG_CGROUP_ID && mnl_attr_validate(attr, MNL_TYPE_U64) >= 0)
			s->cgroup_id = mnl_attr_get_u64(attr);
	return m->idiag_state;
}

static int read_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*e) && e->error < 0 ? e->error : -ENOENT;
}

static int lookup(struct diag *d, const struct msg_attribute_ask *ask, struct diag_socket *ret_socket,
	unsigned int *ret_state)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)d->answer;
	struct iovec iov = {d->answer, sizeof(d->answer)};
	int rc = send_request(d, ask);

	while (rc == 0) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = recvmsg(d->fd, &msg, MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN ? -ENOENT : -errno;
		if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_seq != d->seq)
			continue; /* the answer to a question that was given up */
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return read_error(nlh);
		if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
			mnl_nlmsg_get_payload_len(nlh) < sizeof(struct inet_diag_msg))
			return -ENOENT;
		*ret_state = read_socket(nlh, ret_socket);
		return 0;
	}
	return rc;
}

int diag_find(struct diag *d, const struct msg_attribute_ask *ask, struct diag_socket *ret_socket)
{
	struct msg_attribute_ask listener = *ask;
	unsigned int state;
	int rc;

	if (ask->protocol != IPPROTO_TCP && ask->protocol != IPPROTO_UDP)
		return -EPROTONOSUPPORT;
	rc = lookup(d, ask, ret_socket, &state);
	if (rc < 0 || ask->protocol != IPPROTO_TCP || state != TCP_SYN_RECV)
		return rc;
	memset(listener.destination.bytes, 0, sizeof(listener.destination.bytes));
	listener.destination_port = 0;
	return lookup(d, &listener, ret_socket, &state);
}
