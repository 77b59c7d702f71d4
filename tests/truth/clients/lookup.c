/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: lookup NAME PORT
 *
 * What most programs do: getaddrinfo(3), then connect(2) to each address in turn. Prints "address A" for each address and
 * "connected A" for the first that takes the connection; ends with 0 then, 1 where nothing was found (the reason on standard
 * error), 2 where nothing could be connected to. Built against glibc and against musl.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char text[64] = "";
	int rc, fd;

	rc = argc == 3 ? getaddrinfo(argv[1], argv[2], &hints, &found) : EAI_FAIL;
	if (rc) {
		fprintf(stderr, "%s\n", gai_strerror(rc));
		return 1;
	}
	for (struct addrinfo *a = found; a; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		printf("address %s\n", text);
	}
	for (struct addrinfo *a = found; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
			getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
			printf("connected %s\n", text);
			return 0;
		}
		if (fd >= 0)
			close(fd);
	}
	return 2;
}
