/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: lookup_cares NAME
 *
 * c-ares asks for A and AAAA in one loop of its own. Prints "address A" for each, or its error; ends with 0 where there was one.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/select.h>

static void found(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
	char text[64];

	(void)timeouts;
	*(int *)arg = status;
	if (status != ARES_SUCCESS) {
		fprintf(stderr, "%s\n", ares_strerror(status));
		return;
	}
	for (struct ares_addrinfo_node *n = result->nodes; n; n = n->ai_next) {
		const void *a = n->ai_family == AF_INET ? (const void *)&((struct sockaddr_in *)(void *)n->ai_addr)->sin_addr :
			(const void *)&((struct sockaddr_in6 *)(void *)n->ai_addr)->sin6_addr;

		printf("address %s\n", inet_ntop(n->ai_family, a, text, sizeof(text)));
	}
	ares_freeaddrinfo(result);
}

int main(int argc, char **argv)
{
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	ares_channel channel;
	int status = ARES_ENODATA;

	if (argc != 2 || ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 2;
	ares_getaddrinfo(channel, argv[1], "443", &hints, found, &status);
	for (;;) {
		fd_set readable, writable;
		struct timeval patience;
		int n;

		FD_ZERO(&readable);
		FD_ZERO(&writable);
		n = ares_fds(channel, &readable, &writable);
		if (n == 0)
			break;
		select(n, &readable, &writable, NULL, ares_timeout(channel, NULL, &patience));
		ares_process(channel, &readable, &writable);
	}
	ares_destroy(channel);
	return status != ARES_SUCCESS;
}
