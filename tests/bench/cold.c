/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cold PORT ZONE FIRST QUESTIONS PAUSE_US ADDRESS...: how long a first answer takes, of several servers side by side.
 *
 * Asks AAAA of the names n<FIRST>.ZONE, n<FIRST+1>.ZONE, ...; each name of one server after the other, the order turned round with
 * every name, and waits PAUSE_US after each answer. So all of them are asked by one process on the same processors in the same
 * milliseconds, and what one of them still has to do after its answer is not in the way of the next.
 * Every answer is checked (bench.h). Prints one line of JSON: a list with an object {p50_ns, p99_ns, mean_ns} for each server.
 */
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "bench.h"

#define SERVERS_MAX 8
#define QUESTIONS_MAX 4096
#define MESSAGE_MAX 1500
#define PATIENCE_MS 1000

static struct {
	int fd;
	uint32_t took_ns[QUESTIONS_MAX];
} servers[SERVERS_MAX];

static size_t put_question(uint8_t *m, uint32_t n, const char *zone, uint16_t id)
{
	uint8_t *p = m + 12;

	memset(m, 0, 12);
	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
	m[2] = m[5] = 1;
	*p = (uint8_t)snprintf((char *)p + 1, 32, "n%u", n);
	p += *p + 1;
	while (*zone) {
		size_t len = strcspn(zone, ".");

		*p++ = (uint8_t)len;
		memcpy(p, zone, len);
		p += len;
		zone += len + (zone[len] == '.');
	}
	memcpy(p, (uint8_t[]){0, 0, TYPE_AAAA, 0, 1}, 5);
	return (size_t)(p + 5 - m);
}

static void check(const uint8_t *m, size_t len, const uint8_t *question, size_t asked, uint32_t n)
{
	uint8_t addr[16];

	(void)bench_address(n, TYPE_AAAA, addr);
	if (len >= asked + 28 && memcmp(m, question, 2) == 0 && (m[2] & 0x80) && !(m[3] & 0xf) && m[7] == 1 &&
		memcmp(m + asked + 12, addr, sizeof(addr)) == 0)
		return;
	fprintf(stderr, "wrong answer about name %u\n", n);
	exit(1);
}

static uint32_t ask(int fd, uint32_t n, const char *zone)
{
	uint8_t question[128], answer[MESSAGE_MAX];
	size_t asked = put_question(question, n, zone, (uint16_t)n);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t began = now_ns();
	ssize_t got;

	if (send(fd, question, asked, 0) < 0)
		die("send");
	if (poll(&p, 1, PATIENCE_MS) != 1)
		die("no answer");
	got = recv(fd, answer, sizeof(answer), 0);
	began = now_ns() - began;
	if (got < 0)
		die("recv");
	check(answer, (size_t)got, question, asked, n);
	return (uint32_t)began;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void print(uint32_t *took_ns, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += took_ns[i];
	qsort(took_ns, n, sizeof(*took_ns), compare);
	printf("{\"p50_ns\": %u, \"p99_ns\": %u, \"mean_ns\": %u}", took_ns[n / 2], took_ns[n * 99ull / 100], (uint32_t)(sum / n));
}

int main(int argc, char **argv)
{
	uint32_t first, n, n_servers = argc > 6 ? (uint32_t)argc - 6 : 0;
	struct timespec pause = {0};

	if (n_servers == 0 || n_servers > SERVERS_MAX)
		return 2;
	first = (uint32_t)atoi(argv[3]);
	n = (uint32_t)atoi(argv[4]);
	pause.tv_nsec = atoi(argv[5]) * 1000L;
	if (n == 0 || n > QUESTIONS_MAX)
		return 2;
	for (uint32_t i = 0; i < n_servers; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};

		servers[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (inet_pton(AF_INET, argv[6 + i], &sa.sin_addr) != 1)
			return 2;
		if (servers[i].fd < 0 || connect(servers[i].fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			die("connect");
	}
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < n_servers; i++) {
			uint32_t s = k % 2 ? n_servers - 1 - i : i;

			servers[s].took_ns[k] = ask(servers[s].fd, first + k, argv[2]);
			if (pause.tv_nsec)
				nanosleep(&pause, NULL);
		}
	for (uint32_t i = 0; i < n_servers; i++) {
		printf(i ? ", " : "[");
		print(servers[i].took_ns, n);
	}
	printf("]\n");
	return 0;
}
