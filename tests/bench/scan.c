/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan NET COUNT: sends COUNT UDP packets to the addresses of NET (a /25), as fast as it can, from SOURCES addresses in
 * different /24 of 198.19.0.0/16, so that no flood meter (one bucket for each of them) cuts them off.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bench.h"

#define SOURCES 200u
#define FROM 0xc6130001u	/* 198.19.0.1 */

static int source_socket(unsigned int i)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FROM + (i << 8))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("bind");
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4433)};
	unsigned int count = argc == 3 ? (unsigned int)atoi(argv[2]) : 0, sent = 0;
	struct in_addr net;
	int fds[SOURCES];

	if (!count || inet_pton(AF_INET, argv[1], &net) != 1)
		return 2;
	for (unsigned int i = 0; i < SOURCES; i++)
		fds[i] = source_socket(i);
	for (unsigned int i = 0; i < count; i++) {
		to.sin_addr.s_addr = htonl(ntohl(net.s_addr) + i / SOURCES % 128);
		sent += sendto(fds[i % SOURCES], "scan", 4, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) == 4;
	}
	printf("{\"sent\": %u}\n", sent);
	return 0;
}
