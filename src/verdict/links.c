/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces by index: see the header. rtnetlink works in our sendmsg(2): the answer is there when it
 * returns, so nothing here waits.
 */
#include "links.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/linkwatch.h"

#define ANSWER_BYTES 16384

struct links {
	int fd, watch_fd;
	uint32_t seq;
	struct link table[LINKS_MAX];
	uint64_t answer[ANSWER_BYTES / sizeof(uint64_t)];
};

static const struct link no_link;

int links_new(struct links **ret_links)
{
	struct links *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	l->watch_fd = l->fd < 0 ? -errno : linkwatch_open();
	if (l->watch_fd < 0) {
		int rc = l->watch_fd;

		if (l->fd >= 0)
			close(l->fd);
		free(l);
		return rc;
	}
	*ret_links = l;
	return 0;
}

void links_free(struct links *l)
{
	if (l) {
		close(l->fd);
		close(l->watch_fd);
	}
	free(l);
}

void links_refresh(struct links *l)
{
	if (linkwatch_changed(l->watch_fd))
		memset(l->table, 0, sizeof(l->table));
}

static int ask(struct links *l, uint32_t index)
{
	uint64_t buf[16] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {buf, 0};
	struct msghdr msg = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++l->seq;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = (int)index;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	iov.iov_len = nlh->nlmsg_len;
	return sendmsg(l->fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void read_link(const struct nlmsghdr *nlh, struct link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			strncpy(link->name, mnl_attr_get_str(attr), sizeof(link->name) - 1);
		if (mnl_attr_get_type(attr) == IFLA_GROUP && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			link->group = mnl_attr_get_u32(attr);
	}
}

/* The answer to the last question; older ones that were given up are passed over. */
static void receive(struct links *l, struct link *link)
{
	struct iovec iov = {l->answer, sizeof(l->answer)};

	for (;;) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)l->answer;
		ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT);

		if (n < 0)
			return;
		if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_seq != l->seq)
			continue;
		if (nlh->nlmsg_type == RTM_NEWLINK && mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct ifinfomsg))
			read_link(nlh, link);
		return;
	}
}

const struct link *links_find(struct links *l, uint32_t index, uint64_t now_ms)
{
	struct link *link = &l->table[index % LINKS_MAX];

	if (index == 0)
		return &no_link;
	if (link->index == index && link->until_ms > now_ms)
		return link;
	*link = (struct link){.index = index, .until_ms = now_ms + LINKS_KEEP_MS};
	if (ask(l, index) == 0)
		receive(l, link);
	if (!link->name[0])
		link->until_ms = now_ms; /* ask again */
	return link;
}
