/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load ADDRESS PORT ZONE FIRST NAMES QUERIES WINDOW SOCKETS answer|v4|echo|blocked [SOURCE STEP]
 *
 * Asks AAAA (v4: A) of the names n<FIRST>.ZONE, n<FIRST+1>.ZONE, ..., NAMES of them in turn, QUERIES in all, never more than WINDOW
 * unanswered on each of SOCKETS sockets, and checks every answer: `answer` and `v4` the address of bench.h, `echo` the query with QR,
 * `blocked` NOERROR or NXDOMAIN without a record. A query without an answer after a second is lost; a single one
 * after a minute.
 * Prints one line of JSON: good, wrong, lost, ns (first query to last answer), p50_ns, p99_ns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

#define SOCKETS_MAX 64
#define WINDOW_MAX 256
#define BATCH 32
#define QUERY_MAX 128
#define ANSWER_MAX 1500
#define LOST_NS 1000000000ull
#define LOST_ALONE_NS 60000000000ull /* of a query that waits for a server to start */
#define SAMPLES_MAX (1u << 20)

enum mode { ANSWER, ECHO, BLOCKED };

struct slot {
	uint64_t sent_ns; /* 0: free */
	uint32_t n;
	uint16_t round;
};

struct line {
	int fd;
	unsigned int busy;
	struct slot slots[WINDOW_MAX];
};

static struct {
	enum mode mode;
	unsigned int qtype;
	const char *zone;
	uint32_t first, names, queries, window, n_lines;
	uint32_t next, good, wrong, lost;
	uint64_t lost_ns;
	struct line lines[SOCKETS_MAX];
	uint32_t took_ns[SAMPLES_MAX];
} load;

/* The query number n with that id. */
static size_t make_query(uint8_t *m, uint32_t n, unsigned int id)
{
	uint8_t *p = m + 12;
	const char *label = load.zone;

	memset(m, 0, 12);
	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
	m[2] = 1;
	m[5] = 1;
	*p = (uint8_t)snprintf((char *)p + 1, 32, "n%u", load.first + n % load.names);
	p += *p + 1;
	while (*label) {
		size_t len = strcspn(label, ".");

		*p++ = (uint8_t)len;
		memcpy(p, label, len);
		p += len;
		label += len + (label[len] == '.');
	}
	memcpy(p, (uint8_t[]){0, 0, (uint8_t)load.qtype, 0, 1}, 5);
	return (size_t)(p + 5 - m);
}

static int is_good(const uint8_t *m, size_t len, uint32_t n)
{
	uint8_t query[QUERY_MAX];
	size_t question = make_query(query, n, (unsigned int)m[0] << 8 | m[1]);
	uint8_t addr[16];
	size_t addr_len;

	if (len < question || !(m[2] & 0x80) || memcmp(m + 12, query + 12, question - 12) != 0)
		return 0;
	if (load.mode == ECHO)
		return len == question;
	if (load.mode == BLOCKED)
		return (m[3] & 0xf) % 3 == 0 && m[6] == 0 && m[7] == 0;
	if (len < question + 16 || (m[3] & 0xf) || m[7] != 1)
		return 0;
	addr_len = bench_address(load.first + n % load.names, load.qtype, addr);
	return len >= question + 12 + addr_len && memcmp(m + question + 12, addr, addr_len) == 0;
}

static void refill(struct line *l)
{
	static uint8_t data[BATCH][QUERY_MAX];
	static struct iovec iov[BATCH];
	static struct mmsghdr out[BATCH];
	uint64_t now = now_ns();
	unsigned int n = 0;

	for (unsigned int i = 0; i < load.window && n < BATCH && load.next < load.queries; i++) {
		struct slot *s = &l->slots[i];

		if (s->sent_ns)
			continue;
		s->n = load.next++;
		s->sent_ns = now;
		s->round++;
		iov[n] = (struct iovec){data[n], make_query(data[n], s->n, (unsigned int)(i | s->round << 8) & 0xffff)};
		out[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
		n++;
		l->busy++;
	}
	for (unsigned int sent = 0; sent < n;) {
		int rc = sendmmsg(l->fd, out + sent, n - sent, 0);

		if (rc < 0 && errno != ECONNREFUSED && errno != EINTR)
			die("sendmmsg");
		sent += rc > 0 ? (unsigned int)rc : 0;
	}
}

static void take(struct line *l, const uint8_t *m, size_t len, uint64_t now)
{
	struct slot *s = &l->slots[m[1]];

	if (len < 12 || !s->sent_ns || (s->round & 0xff) != m[0]) {
		load.wrong++;
		return;
	}
	if (is_good(m, len, s->n))
		load.took_ns[load.good++ % SAMPLES_MAX] = (uint32_t)(now - s->sent_ns);
	else
		load.wrong++;
	s->sent_ns = 0;
	l->busy--;
}

/* Answers taken. */
static int receive(struct line *l)
{
	static uint8_t data[BATCH][ANSWER_MAX];
	static struct iovec iov[BATCH];
	static struct mmsghdr in[BATCH];
	uint64_t now;
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], ANSWER_MAX};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	n = recvmmsg(l->fd, in, BATCH, MSG_DONTWAIT, NULL);
	now = now_ns();
	for (int i = 0; i < n; i++)
		take(l, data[i], in[i].msg_len, now);
	return n;
}

static void give_up(struct line *l, uint64_t now)
{
	for (unsigned int i = 0; i < load.window; i++) {
		struct slot *s = &l->slots[i];

		if (!s->sent_ns || now - s->sent_ns < load.lost_ns)
			continue;
		load.lost++;
		s->sent_ns = 0;
		l->busy--;
	}
}

static void run(void)
{
	struct pollfd fds[SOCKETS_MAX];

	for (;;) {
		unsigned int busy = 0;
		int got = 0;

		for (unsigned int i = 0; i < load.n_lines; i++) {
			struct line *l = &load.lines[i];

			if (l->busy && receive(l) > 0)
				got = 1;
			if (l->busy < load.window)
				refill(l);
			busy += l->busy;
			fds[i] = (struct pollfd){.fd = l->fd, .events = POLLIN};
		}
		if (!busy)
			return;
		if (!got && poll(fds, load.n_lines, 100) == 0)
			for (unsigned int i = 0; i < load.n_lines; i++)
				give_up(&load.lines[i], now_ns());
	}
}

/* Socket number i asks from the address SOURCE + i * STEP. */
static void bind_line(int fd, const char *source, uint32_t offset)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, source, &sa.sin_addr) != 1)
		exit(2);
	sa.sin_addr.s_addr = htonl(ntohl(sa.sin_addr.s_addr) + offset);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("bind");
}

static void open_lines(char **argv, const char *source, uint32_t step)
{
	const char *address = argv[1], *port = argv[2];
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, address, &sa.sin_addr) != 1)
		exit(2);
	for (unsigned int i = 0; i < load.n_lines; i++) {
		load.lines[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (load.lines[i].fd >= 0 && source)
			bind_line(load.lines[i].fd, source, i * step);
		if (load.lines[i].fd < 0 || connect(load.lines[i].fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			die("connect");
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	uint64_t began;
	uint32_t n;

	if (argc != 10 && argc != 12)
		return 2;
	load.zone = argv[3];
	load.first = (uint32_t)atoi(argv[4]);
	load.names = (uint32_t)atoi(argv[5]);
	load.queries = (uint32_t)atoi(argv[6]);
	load.window = (uint32_t)atoi(argv[7]);
	load.n_lines = (uint32_t)atoi(argv[8]);
	load.mode = argv[9][0] == 'e' ? ECHO : argv[9][0] == 'b' ? BLOCKED : ANSWER;
	load.qtype = argv[9][0] == 'v' ? TYPE_A : TYPE_AAAA;
	if (load.window > WINDOW_MAX || load.n_lines > SOCKETS_MAX || !load.names)
		return 2;
	load.lost_ns = load.queries == 1 ? LOST_ALONE_NS : LOST_NS;
	open_lines(argv, argc == 12 ? argv[10] : NULL, argc == 12 ? (uint32_t)atoi(argv[11]) : 0);
	began = now_ns();
	run();
	began = now_ns() - began;
	n = load.good < SAMPLES_MAX ? load.good : SAMPLES_MAX;
	qsort(load.took_ns, n, sizeof(load.took_ns[0]), compare);
	printf("{\"good\": %u, \"wrong\": %u, \"lost\": %u, \"ns\": %llu, \"p50_ns\": %u, \"p99_ns\": %u}\n", load.good, load.wrong,
		load.lost, (unsigned long long)began, load.took_ns[n / 2], load.took_ns[n * 99ull / 100]);
	return 0;
}
