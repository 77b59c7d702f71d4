/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many clients that resolve a name and connect to the answer at once: the race between an answer and its pin, as a program.
 *
 * rounds RESOLVER NAME PORT CLIENTS ROUNDS [INTERVAL_MS]
 *
 * Each client is a process: query NAME (A; a `%u` in NAME becomes the client's number) over UDP, then connect(2) to the first
 * address of the answer, then close with a reset. Prints one line:
 *   rounds N connected N refused N timeout N no-answer N p50_us N p99_us N max_us N
 * where the times are of resolve and connect together. Exit code 0 always; the test judges.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 5000
#define CONNECT_TIMEOUT_MS 2000
#define BUCKETS 24 /* of powers of two microseconds, halved: enough for a quantile of a test */
#define STEPS 8

struct tally {
	uint64_t rounds, connected, refused, timeout, no_answer, max_us;
	uint64_t histogram[BUCKETS * STEPS];
};

struct job {
	const char *resolver;
	const char *name;
	uint16_t port;
	unsigned int rounds, interval_ms;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void count_time(struct tally *t, uint64_t us)
{
	unsigned int bucket = us ? 63 - (unsigned int)__builtin_clzll(us) : 0;
	uint64_t step = us ? (us - (1ull << bucket)) * STEPS >> bucket : 0;

	if (bucket >= BUCKETS)
		bucket = BUCKETS - 1;
	t->histogram[bucket * STEPS + step]++;
	if (us > t->max_us)
		t->max_us = us;
}

/* Upper edge of the bucket that holds the quantile. */
static uint64_t quantile(const struct tally *t, double q)
{
	uint64_t seen = 0, total = t->connected;

	for (unsigned int i = 0; i < BUCKETS * STEPS; i++) {
		seen += t->histogram[i];
		if (total && (double)seen >= q * (double)total)
			return (1ull << (i / STEPS)) + ((1ull << (i / STEPS)) * (i % STEPS + 1)) / STEPS;
	}
	return 0;
}

static size_t write_query(uint8_t *wire, uint16_t id, const char *name)
{
	size_t pos = 12;

	memcpy(wire, (uint8_t[]){id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 12);
	while (*name) {
		size_t len = strcspn(name, ".");

		wire[pos++] = (uint8_t)len;
		memcpy(wire + pos, name, len);
		pos += len;
		name += len + (name[len] == '.');
	}
	memcpy(wire + pos, (uint8_t[]){0, 0, 1, 0, 1}, 5);
	return pos + 5;
}

/* The first A record of an answer to @id; the names in it are skipped, not read. */
static int read_answer(const uint8_t *wire, size_t len, uint16_t id, struct in_addr *ret)
{
	size_t pos = 12;
	unsigned int n;

	if (len < 12 || wire[0] != id >> 8 || wire[1] != (id & 255))
		return -1;
	while (pos < len && wire[pos])
		pos += wire[pos] + 1u;
	pos += 5;
	for (n = (unsigned int)wire[6] << 8 | wire[7]; n; n--) {
		while (pos < len && wire[pos] && wire[pos] < 0xc0)
			pos += wire[pos] + 1u;
		pos += pos < len && wire[pos] ? 2 : 1;
		if (pos + 10 > len)
			return -1;
		size_t rdlen = (size_t)wire[pos + 8] << 8 | wire[pos + 9];

		if (wire[pos + 1] == 1 && rdlen == 4 && pos + 14 <= len) {
			memcpy(ret, wire + pos + 10, 4);
			return 0;
		}
		pos += 10 + rdlen;
	}
	return -1;
}

static int resolve(int fd, const char *name, struct in_addr *ret)
{
	uint8_t wire[1500];
	uint16_t id = (uint16_t)random();
	uint64_t deadline = now_us() + ANSWER_TIMEOUT_MS * 1000ull;

	if (send(fd, wire, write_query(wire, id, name), 0) < 0)
		return -1;
	while (now_us() < deadline) {
		struct pollfd p = {fd, POLLIN, 0};
		ssize_t len;

		if (poll(&p, 1, 100) <= 0)
			continue;
		len = recv(fd, wire, sizeof(wire), 0);
		if (len < 0)
			return -1;
		if (len >= 2 && wire[0] == id >> 8 && wire[1] == (id & 255))
			return read_answer(wire, (size_t)len, id, ret);
	}
	return -1;
}

static int try_connect(struct in_addr to, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = to};
	struct linger reset = {1, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
	socklen_t len = sizeof(err);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno != EINPROGRESS) {
		err = errno;
	} else {
		struct pollfd p = {fd, POLLOUT, 0};

		if (poll(&p, 1, CONNECT_TIMEOUT_MS) <= 0)
			err = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	}
	close(fd);
	return err;
}

static void one_round(int fd, const struct job *job, const char *name, struct tally *t)
{
	uint64_t began = now_us();
	struct in_addr to;
	int err;

	t->rounds++;
	if (resolve(fd, name, &to) < 0) {
		t->no_answer++;
		return;
	}
	err = try_connect(to, job->port);
	if (err == 0) {
		t->connected++;
		count_time(t, now_us() - began);
	} else if (err == ETIMEDOUT) {
		t->timeout++;
	} else {
		t->refused++;
	}
}

static void client(const struct job *job, unsigned int number, struct tally *t)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)};
	char name[256], digits[12];
	const char *mark = strstr(job->name, "%u");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, job->resolver, &sa.sin_addr);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return;
	snprintf(digits, sizeof(digits), "%u", number);
	if (mark)
		snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - job->name), job->name, digits, mark + 2);
	else
		snprintf(name, sizeof(name), "%s", job->name);
	srandom((unsigned int)getpid() ^ (unsigned int)now_us());
	for (unsigned int i = 0; i < job->rounds; i++) {
		one_round(fd, job, name, t);
		if (job->interval_ms)
			usleep(job->interval_ms * 1000);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: rounds RESOLVER NAME PORT CLIENTS ROUNDS [INTERVAL_MS]\n");
		return 2;
	}
	struct job job = {argv[1], argv[2], (uint16_t)strtoul(argv[3], NULL, 10), (unsigned int)strtoul(argv[5], NULL, 10),
		argc > 6 ? (unsigned int)strtoul(argv[6], NULL, 10) : 0};
	unsigned int n = (unsigned int)strtoul(argv[4], NULL, 10);
	struct tally *all = mmap(NULL, (n + 1) * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally *sum = all + n;

	for (unsigned int i = 0; i < n; i++) {
		if (fork() == 0) {
			client(&job, i, &all[i]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (unsigned int i = 0; i < n; i++) {
		sum->rounds += all[i].rounds;
		sum->connected += all[i].connected;
		sum->refused += all[i].refused;
		sum->timeout += all[i].timeout;
		sum->no_answer += all[i].no_answer;
		sum->max_us = all[i].max_us > sum->max_us ? all[i].max_us : sum->max_us;
		for (unsigned int b = 0; b < BUCKETS * STEPS; b++)
			sum->histogram[b] += all[i].histogram[b];
	}
	printf("rounds %llu connected %llu refused %llu timeout %llu no-answer %llu p50_us %llu p99_us %llu max_us %llu\n",
		(unsigned long long)sum->rounds, (unsigned long long)sum->connected, (unsigned long long)sum->refused,
		(unsigned long long)sum->timeout, (unsigned long long)sum->no_answer,
		(unsigned long long)quantile(sum, 0.5), (unsigned long long)quantile(sum, 0.99),
		(unsigned long long)sum->max_us);
	return 0;
}
