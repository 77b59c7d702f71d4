/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least that a packet queue can cost: one process that receives in batches, reads each packet's number
 * and drops it, in batches. What postern's refusals are held against (refused.py).
 *
 * Prints "ready"; for each line on stdin "counters decisions=N", the packets dropped so far.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nfq.h"
#include "queue_rule.h"

#define QUEUE 4711
#define BATCH DECISIONS_MAX
#define DATAGRAM_MAX 2048

struct bare {
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	uint64_t buffers[BATCH][DATAGRAM_MAX / sizeof(uint64_t)];
};

static size_t read_ids(struct bare *b, int n, struct nfq_entry *entries)
{
	size_t found = 0;

	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)b->buffers[i];
		const struct nlattr *attr;

		if (nlh->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
			continue;
		mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
			if (mnl_attr_get_type(attr) == NFQA_PACKET_HDR) {
				const struct nfqnl_msg_packet_hdr *hdr = mnl_attr_get_payload(attr);

				entries[found++] = (struct nfq_entry){ntohl(hdr->packet_id), DECISION_DROP};
				break;
			}
	}
	return found;
}

/* Returns how many were dropped, or a negative number. */
static int drop_batch(struct bare *b, int fd)
{
	struct nfq_entry entries[BATCH];
	size_t found;
	int n;

	for (unsigned int i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){b->buffers[i], DATAGRAM_MAX};
		b->messages[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
	}
	n = recvmmsg(fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
	found = read_ids(b, n, entries);
	return found && nfq_verdicts(fd, QUEUE, entries, found) < 0 ? -1 : (int)found;
}

int main(void)
{
	static struct bare b;
	unsigned long long dropped = 0;
	struct nft *nft;
	bool native;
	int fd;

	if (nft_open(&nft) < 0 || nfq_open(QUEUE, &fd) < 0 || queue_rule_add(nft, QUEUE, &native) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
		char line[64];
		int n;

		if (poll(fds, 2, -1) < 0)
			return 1;
		n = drop_batch(&b, fd);
		if (n < 0)
			return 1;
		dropped += (unsigned int)n;
		if (!fds[1].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		printf("counters decisions=%llu\n", dropped);
		fflush(stdout);
	}
}
