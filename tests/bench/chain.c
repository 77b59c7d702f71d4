/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain PORT UPSTREAM: the least that a pinned answer can take. Two processes with nothing in them but the way of the bytes:
 *
 *   client ── UDP ──► relay ── UDP ──► UPSTREAM port 53
 *                       │  ▲
 *    socketpair (2 bytes)▼  │
 *                     pinner: adds one element to pin6_iface, one transaction, waits for its acknowledgement
 *
 * The same hops in the same order as postern's, each a blocking call: no policy, no parsing, no caps, no books, no log, no
 * privilege dropped, no room for a second question. One question at a time; the answer goes back as the upstream sent it.
 */
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "bench.h"
#include "element.h"

#define MESSAGE_MAX 1500

static void pin(int fd)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	uint32_t n = 0;
	char go[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	while (recv(fd, go, sizeof(go), 0) > 0) {
		commit_one(nl, 0x800000 + n++); /* not those of the row's names */
		if (send(fd, go, sizeof(go), 0) < 0)
			die("send");
	}
}

static void relay(int stub, int up, int pinner)
{
	static uint8_t m[MESSAGE_MAX];
	struct sockaddr_storage from;
	char go[2] = {0};

	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(stub, m, sizeof(m), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0 || send(up, m, (size_t)n, 0) < 0)
			die("question");
		n = recv(up, m, sizeof(m), 0);
		if (n < 0 || send(pinner, go, sizeof(go), 0) < 0 || recv(pinner, go, sizeof(go), 0) < 0)
			die("answer");
		if (sendto(stub, m, (size_t)n, 0, (struct sockaddr *)&from, from_len) < 0)
			die("sendto");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET}, there = {.sin_family = AF_INET, .sin_port = htons(53)};
	int stub = socket(AF_INET, SOCK_DGRAM, 0), up = socket(AF_INET, SOCK_DGRAM, 0), pair[2];

	if (argc != 3 || inet_pton(AF_INET, argv[2], &there.sin_addr) != 1)
		return 2;
	here.sin_port = htons((uint16_t)atoi(argv[1]));
	if (bind(stub, (struct sockaddr *)&here, sizeof(here)) < 0 || connect(up, (struct sockaddr *)&there, sizeof(there)) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		die("sockets");
	if (fork() == 0)
		pin(pair[1]);
	else
		relay(stub, up, pair[0]);
	return 0;
}
