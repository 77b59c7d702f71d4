/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nfqloop drop|refuse: what a packet in a queue costs at least: libnetfilter_queue, one recv, one verdict, nothing else.
 * `refuse` gives the verdict that postern gives (accept with the mark that the next chain rejects). The queue is filled by
 * postern's own rule (queue_rule.c), and as long and copied as far as postern's (src/gate/kernel/nfq.h, whose
 * names clash with those of the library).
 * On SIGTERM prints {"packets": N}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

#define QUEUE 7
#define QUEUE_LENGTH 4096
#define COPY_BYTES 256
#define REFUSE_MARK 0x706f7374u
#define RECEIVE_BYTES (4 << 20)

static volatile sig_atomic_t over;
static unsigned int packets;
static int refuse;

static void on_term(int signo)
{
	(void)signo;
	over = 1;
}

static int on_packet(struct nfq_q_handle *q, struct nfgenmsg *msg, struct nfq_data *data, void *ctx)
{
	uint32_t id = ntohl(nfq_get_msg_packet_hdr(data)->packet_id);

	(void)msg;
	(void)ctx;
	packets++;
	if (refuse)
		return nfq_set_verdict2(q, id, NF_ACCEPT, REFUSE_MARK, 0, NULL);
	return nfq_set_verdict(q, id, NF_DROP, 0, NULL);
}

int main(int argc, char **argv)
{
	struct sigaction term = {.sa_handler = on_term};
	struct nfq_handle *h = nfq_open();
	struct nfq_q_handle *q = h ? nfq_create_queue(h, QUEUE, on_packet, NULL) : NULL;
	static char buf[65536];
	ssize_t n;
	int fd;

	if (argc != 2 || !q)
		die("nfq");
	refuse = !strcmp(argv[1], "refuse");
	fd = nfq_fd(h);
	sigaction(SIGTERM, &term, NULL);
	if (nfq_set_mode(q, NFQNL_COPY_PACKET, COPY_BYTES) < 0 || nfq_set_queue_maxlen(q, QUEUE_LENGTH) < 0)
		die("queue mode");
	nfnl_rcvbufsiz(nfq_nfnlh(h), RECEIVE_BYTES);
	while (!over) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n > 0)
			nfq_handle_packet(h, buf, (int)n);
		else if (n < 0 && errno != EINTR && errno != ENOBUFS)
			die("recv");
	}
	printf("{\"packets\": %u}\n", packets);
	return 0;
}
