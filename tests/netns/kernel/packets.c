/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue and the flows, with packets. A veth pair with a neighbour that never answers: what leaves is counted
 * behind the last of our chains.
 */
#include "kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flows.h"
#include "keys.h"
#include "nfq.h"
#include "queue_rule.h"

#define QUEUE 4711
#define PEER "192.0.2.9"

static void make_counter(void)
{
	CHECK(shell("nft 'table inet seen { counter n { }; chain post { type filter hook postrouting priority 500; "
		    "ip daddr " PEER " counter name n; }; }'") == 0);
}

void make_link(void)
{
	CHECK(shell("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && "
		    "ip addr add 192.0.2.1/24 dev v0 && ip neigh add " PEER " lladdr 02:00:00:00:00:09 dev v0") == 0);
	make_counter();
}

int seen(void)
{
	return atoi(shell_output("nft list counter inet seen n | sed -n 's/.*packets //p'"));
}

/* A socket connected to PEER; TCP has sent its SYN, UDP one datagram. */
static int say(int type, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

	CHECK(inet_pton(AF_INET, PEER, &to.sin_addr) == 1);
	rc = connect(fd, (void *)&to, sizeof(to));
	if (type == SOCK_DGRAM)
		CHECK(rc == 0 && (send(fd, "x", 1, 0) == 1 || errno == EPERM)); /* EPERM: dropped by a rule */
	else
		CHECK(rc == -1 && errno == EINPROGRESS);
	return fd;
}

/* 0 where none came within 300 ms. */
static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	struct pollfd p = { .fd = fd };

	poll(&p, 1, 300);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	return error;
}

/* The id of the next packet in the queue; other messages are skipped and counted. */
static uint32_t next_packet(int fd, int *ret_errors)
{
	_Alignas(8) uint8_t buf[4096];
	const struct nlmsghdr *h = (const void *)buf;
	const struct nlattr *a;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	*ret_errors = 0;
	while (poll(&p, 1, 1000) > 0 && (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (h->nlmsg_type == NLMSG_ERROR) {
			++*ret_errors;
			continue;
		}
		mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
			if (mnl_attr_get_type(a) == NFQA_PACKET_HDR)
				return ntohl(((const struct nfqnl_msg_packet_hdr *)mnl_attr_get_payload(a))->packet_id);
	}
	CHECK(!"a packet in the queue");
	return 0;
}

static void decide(int fd, enum decision d)
{
	int errors;
	struct nfq_entry e = { .packet_id = next_packet(fd, &errors), .decision = d };

	CHECK(errors == 0);
	CHECK(nfq_verdicts(fd, QUEUE, &e, 1) == 0);
}

static void outcomes(int fd)
{
	int s, before = seen();

	kernel_row("accept");
	s = say(SOCK_DGRAM, 1001);
	decide(fd, DECISION_ACCEPT);
	CHECK(seen() == before + 1);
	close(s);
	kernel_row("refuse");
	s = say(SOCK_STREAM, 1002);
	decide(fd, DECISION_REFUSE);
	CHECK(socket_error(s) == ECONNREFUSED);
	close(s);
	s = say(SOCK_DGRAM, 1002);
	decide(fd, DECISION_REFUSE);
	CHECK(socket_error(s) == EHOSTUNREACH);
	close(s);
	CHECK(seen() == before + 1);
	kernel_row("drop");
	s = say(SOCK_DGRAM, 1003);
	decide(fd, DECISION_DROP);
	CHECK(socket_error(s) == 0);
	CHECK(seen() == before + 1);
	close(s);
}

/* Chain miss_inbound marks what is denied because of its receiver. */
static void marked(int fd)
{
	int s, before = seen();

	kernel_row("marked as inbound");
	CHECK(shell("nft insert rule inet postern miss udp dport { 1005, 1006 } meta mark set 0x706f7369") == 0);
	s = say(SOCK_DGRAM, 1005);
	decide(fd, DECISION_ACCEPT);
	CHECK(seen() == before);
	close(s);
	s = say(SOCK_DGRAM, 1006);
	decide(fd, DECISION_ADMIT);
	CHECK(seen() == before + 1);
	close(s);
}

static void many(int fd)
{
	struct nfq_entry e[DECISIONS_MAX + 1];
	int s = say(SOCK_DGRAM, 1010), before = seen(), errors, all = 0;
	size_t n = 40;

	kernel_row("many");
	for (size_t i = 1; i < n; i++)
		CHECK(send(s, "x", 1, 0) == 1);
	for (size_t i = 0; i < n; i++)
		e[i] = (struct nfq_entry){ next_packet(fd, &errors), i % 2 ? DECISION_DROP : DECISION_ACCEPT };
	CHECK(nfq_verdicts(fd, QUEUE, e, n) == 0);
	CHECK(seen() == before + (int)n / 2);
	kernel_row("an id that is not in the queue");
	CHECK(nfq_verdicts(fd, QUEUE, e, 1) == 0);
	close(s);
	s = say(SOCK_DGRAM, 1011);
	e[0].packet_id = next_packet(fd, &all);
	CHECK(all == 1);
	kernel_row("what is no decision");
	e[0].decision = DECISION_COUNT;
	CHECK(nfq_verdicts(fd, QUEUE, e, 1) == -EINVAL);
	CHECK(nfq_verdicts(fd, QUEUE, e, DECISIONS_MAX + 1) == -EINVAL);
	CHECK(nfq_verdicts(fd, QUEUE, e, 0) == 0);
	e[0].decision = DECISION_DROP;
	CHECK(nfq_verdicts(fd, QUEUE, e, 1) == 0);
	close(s);
}

/* The socket's uid is that of who opened it. */
static void say_as(const struct sandbox *s)
{
	setfsuid(s->selectors[0].uid);
	close(say(SOCK_DGRAM, 1007));
	setfsuid(0);
}

/* Confines @s, opens one port for it, and says whether a packet to it leaves. */
static void opened_for(struct bench *b, const struct sandbox *s, bool with_range, const char *row)
{
	struct prefix peer = { { ADDR_V4, { 192, 0, 2, 9 } }, 32 };
	struct service port = { IPPROTO_UDP, 1007, with_range ? 1009 : 1007 };
	struct nft_change c[2] = { { .op = NFT_ADD }, { .op = NFT_ADD } };
	int before = seen();

	kernel_row(row);
	CHECK(key_sandbox(s, 0, ADDR_V4, &c[0].key) == 0);
	CHECK(key_rule(KEY_EGRESS, s, 0, &peer, &port, &c[1].key) == 0);
	CHECK(nft_commit(b->nft, c, 1, NULL) == 0);
	say_as(s);
	CHECK(seen() == before);
	CHECK(nft_commit(b->nft, c, 2, NULL) == 0);
	printf("%s", shell_output("nft list set inet postern %s | grep elements", c[1].key.set));
	say_as(s);
	CHECK(seen() == before + 1);
	c[0].op = c[1].op = NFT_DELETE;
	CHECK(nft_commit(b->nft, c, 2, NULL) == 0);
}

/* Numbers in keys of sets with intervals: what nft(8)'s rules look up is what we wrote. */
static void numbers(struct bench *b)
{
	const char *group = getenv("POSTERN_TEST_CGROUP");
	struct sandbox s = sandbox_uid(66051); /* 0x010203: not the same when turned round */
	struct stat st;

	opened_for(b, &s, false, "a uid's one port");
	opened_for(b, &s, true, "a uid's range of ports");
	if (!group || stat(group, &st) || shell("echo %d > %s/cgroup.procs", getpid(), group))
		return;
	s = sandbox_cgroup(st.st_ino);
	opened_for(b, &s, false, "a cgroup's one port");
	opened_for(b, &s, true, "a cgroup's range of ports");
}

void test_queue(struct bench *b)
{
	int fd = -1, other, before, waiting, full, overrun;

	make_link();
	CHECK(queue_rule_add(b->nft, QUEUE, &b->queue_native) == 0);
	CHECK(nfq_open(QUEUE, &fd) == 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	other = nfq_open(QUEUE, &other);
	CHECK(other == -EBUSY || other == -EPERM);
	printf("%s", shell_output("cat /proc/net/netfilter/nfnetlink_queue"));
	outcomes(fd);
	many(fd);
	marked(fd);
	CHECK(sscanf(shell_output("cat /proc/net/netfilter/nfnetlink_queue"), "%*u %*u %d %*d %*d %d %d", &waiting, &full,
		      &overrun) == 3);
	CHECK(waiting == 0 && full == 0 && overrun == 0);
	kernel_row("nobody listens");
	close(fd);
	CHECK(strcmp(shell_output("cat /proc/net/netfilter/nfnetlink_queue"), "") == 0);
	before = seen();
	close(say(SOCK_DGRAM, 1020));
	CHECK(seen() == before);
	fresh_table(b);
	make_counter();
	numbers(b);
	CHECK(shell("ip link del v0") == 0);
}

struct kept {
	struct flow flows[16];
	unsigned int n;
};

static int keep_flow(void *context, const struct flow *f)
{
	struct kept *k = context;

	if (k->n < ARRAY_LEN(k->flows))
		k->flows[k->n++] = *f;
	return 0;
}

static const char *flow_text(const struct flow *f)
{
	static char text[256];
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX], c[ADDR_TEXT_MAX], d[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "%u %s %u > %s %u, %s %u > %s %u, %x %u/%u", f->protocol,
		addr_format(&f->original.source, a), f->original.source_port, addr_format(&f->original.destination, b),
		f->original.destination_port, addr_format(&f->reply.source, c), f->reply.source_port,
		addr_format(&f->reply.destination, d), f->reply.destination_port, f->mark, f->zone,
		f->original_zone);
	return text;
}

static const struct {
	const char *create, *text; /* "": not ours */
} entries[] = {
	{ "-p tcp -s 192.0.2.1 -d 203.0.113.7 --sport 1024 --dport 443 --state ESTABLISHED -u ASSURED --mark 0x100000",
		"6 192.0.2.1 1024 > 203.0.113.7 443, 203.0.113.7 443 > 192.0.2.1 1024, 100000 0/0" },
	{ "-p tcp -s 192.0.2.1 -d 203.0.113.7 --sport 1025 --dport 443 --state ESTABLISHED --mark 0x300001",
		"6 192.0.2.1 1025 > 203.0.113.7 443, 203.0.113.7 443 > 192.0.2.1 1025, 300001 0/0" },
	{ "-p tcp -s 192.0.2.1 -d 203.0.113.7 --sport 1026 --dport 443 --state ESTABLISHED --mark 0x200001", "" },
	{ "-p udp -s 192.0.2.1 -d 203.0.113.8 --sport 1024 --dport 53 --reply-src 127.0.0.1 --reply-dst 192.0.2.1 "
	  "--reply-port-src 5301 --reply-port-dst 1024 --mark 0x100000",
		"17 192.0.2.1 1024 > 203.0.113.8 53, 127.0.0.1 5301 > 192.0.2.1 1024, 100000 0/0" },
	{ "-p udp -s 2001:db8::1 -d 2001:db8:113::7 --sport 1024 --dport 123 --mark 0x100000",
		"17 2001:db8::1 1024 > 2001:db8:113::7 123, 2001:db8:113::7 123 > 2001:db8::1 1024, 100000 0/0" },
	{ "-p icmp -s 192.0.2.1 -d 203.0.113.7 --icmp-type 8 --icmp-code 0 --icmp-id 77 --mark 0x100000",
		"1 192.0.2.1 77 > 203.0.113.7 2048, 203.0.113.7 77 > 192.0.2.1 2048, 100000 0/0" },
	/* the same tuple in zones: another tool's, and a sandbox's, whose answers go to another port */
	{ "-p udp -s 2001:db8::1 -d 2001:db8:113::7 --sport 1024 --dport 123 --zone 9 --mark 0x100000",
		"17 2001:db8::1 1024 > 2001:db8:113::7 123, 2001:db8:113::7 123 > 2001:db8::1 1024, 100000 9/0" },
	{ "-p udp -s 2001:db8::1 -d 2001:db8:113::7 --sport 1024 --dport 123 --reply-src 2001:db8:113::7 "
	  "--reply-dst 2001:db8::1 --reply-port-src 123 --reply-port-dst 1500 --orig-zone 65535 --mark 0x100000",
		"17 2001:db8::1 1024 > 2001:db8:113::7 123, 2001:db8:113::7 123 > 2001:db8::1 1500, 100000 0/65535" },
};

static const struct flow *find_flow(const struct kept *k, const char *text)
{
	for (unsigned int i = 0; i < k->n; i++)
		if (strcmp(flow_text(&k->flows[i]), text) == 0)
			return &k->flows[i];
	return NULL;
}

static int conntrack_count(void)
{
	return atoi(shell_output("conntrack -C"));
}

static void make_entries(void)
{
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		kernel_row(entries[i].create);
		CHECK(shell("conntrack -I %s --timeout 300 >/dev/null 2>&1", entries[i].create) == 0);
	}
}

/* As another flow with the same addresses: the id makes the difference. */
static void exact(struct flows *f, const struct flow *flow)
{
	struct flow other = *flow;

	other.id ^= 1;
	CHECK(flows_delete(f, &other) == -ENOENT);
	other = *flow;
	other.original_zone ^= 1;
	CHECK(flows_delete(f, &other) == (flow->zone ? -EINVAL : -ENOENT)); /* one zone or the other */
	other = *flow;
	other.original.source_port ^= 0x100;
	CHECK(flows_delete(f, &other) == -ENOENT);
}

static int stop_at_once(void *context, const struct flow *flow)
{
	(void)flow;
	++*(int *)context;
	return 42;
}

void test_flows(struct bench *b)
{
	struct kept k = { .n = 0 };
	int left, calls = 0;
	struct flows *f;

	(void)b;
	CHECK(shell("conntrack -F >/dev/null 2>&1") == 0);
	make_entries();
	left = conntrack_count();
	CHECK(left == (int)ARRAY_LEN(entries));
	CHECK(flows_open(&f) == 0);
	CHECK(flows_dump(f, keep_flow, &k) == 0 && k.n == ARRAY_LEN(entries) - 1);
	CHECK(flows_dump(f, stop_at_once, &calls) == 42 && calls == 1);
	for (unsigned int i = 0; i < k.n; i++)
		printf("%s\n", flow_text(&k.flows[i]));
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		const struct flow *flow = find_flow(&k, entries[i].text);

		kernel_row(entries[i].create);
		CHECK(!flow == !entries[i].text[0]);
		if (!flow)
			continue;
		exact(f, flow);
		CHECK(conntrack_count() == left);
		CHECK(flows_delete(f, flow) == 0);
		CHECK(conntrack_count() == --left);
		CHECK(flows_delete(f, flow) == -ENOENT);
	}
	CHECK(left == 1);
	flows_close(f);
}
