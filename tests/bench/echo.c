/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * echo PORT: what a datagram costs at least. Returns every datagram to its sender with the QR bit set: recvmmsg, sendmmsg,
 * nothing else. One thread, IPv4, wildcard address with IP_PKTINFO, like a stub of postern.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

#define BATCH 32
#define DATAGRAM_MAX 2048
#define CONTROL_MAX 64

static _Alignas(8) uint8_t data[BATCH][DATAGRAM_MAX], controls[BATCH][CONTROL_MAX];
static struct sockaddr_in from[BATCH];
static struct iovec iov[BATCH];
static struct mmsghdr in[BATCH];

static void serve(int fd)
{
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], DATAGRAM_MAX};
		in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i],
			.msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = CONTROL_MAX};
	}
	n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++) {
		data[i][2] |= 0x80;
		iov[i].iov_len = in[i].msg_len;
	}
	for (int sent = 0; sent < n;) {
		int rc = sendmmsg(fd, in + sent, (unsigned int)(n - sent), 0);

		sent += rc > 0 ? rc : 1;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20, on = 1;

	if (argc != 2 || fd < 0)
		return 2;
	sa.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("bind");
	for (;;)
		serve(fd);
}
