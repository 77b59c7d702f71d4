/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool of ports towards upstreams (src/resolver/shell/udp.c) on real sockets of a network namespace of its own: which port a question
 * leaves from, what is taken for its answer, and what happens when there are no more. The core is a few functions of this file that count.
 */
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/image_build.h"

#include "../../src/resolver/shell/shell.h"
#include "shell_kit.h"

/* As in udp.c, whose promises these are. */
#define PORTS_EACH 64
#define PORTS_MAX 2048
#define PORT_USES 256
#define PORT_MS 10000
#define PORT_STRAYS 16

#define LENGTH 20 /* of what is asked and answered here */

static struct shell s;
static struct {
	int fd; /* the upstream */
	bool fixed; /* shell_random() */
	uint32_t random;
	unsigned int answers, failed, strays;
	uint32_t last_ref, next_ref;
	void *image;
} world;

/* ---- the core and the rest of the shell, as far as udp.c calls them */

uint32_t shell_random(void)
{
	uint32_t value;

	if (world.fixed)
		return world.random;
	CHECK(getrandom(&value, sizeof(value), 0) == sizeof(value));
	return value;
}

void resolver_upstream_answer(struct resolver *r, uint32_t ref, const uint8_t *data, size_t len)
{
	(void)r;
	CHECK(len == LENGTH && data[2] == 'a');
	world.answers++;
	world.last_ref = ref;
	CHECK(udp_forget(&s, ref)); /* as the core does */
}

void resolver_upstream_failed(struct resolver *r, uint32_t ref)
{
	(void)r;
	world.failed++;
	world.last_ref = ref;
}

void resolver_count(struct resolver *r, unsigned int counter)
{
	(void)r;
	CHECK(counter == COUNTER_RESOLVER_upstream_mismatches);
	world.strays++;
}

/* ---- */

static int bind_any(struct sockaddr_in *ret_sa)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	*ret_sa = sa;
	return fd;
}

/* What the process never does: it keeps its tables to its end. */
static void tear_down(void)
{
	if (!s.udp)
		return;
	for (uint32_t ref = 0; ref < RESOLVER_ASKS_MAX; ref++)
		(void)(udp_forget(&s, ref) || udp_forget(&s, ref + RESOLVER_ASKS_MAX));
	udp_reset(&s);
	loop_fini(&s.loop);
	close(world.fd);
	free(s.udp);
	image_unmap(s.im);
	free(world.image);
}

static void set_up(void)
{
	struct image_builder *b = image_builder_new();
	struct image_upstream up = {.addr = {ADDR_V4, {127, 0, 0, 1}}};
	struct sockaddr_in sa;
	size_t len;

	tear_down();
	memset(&world, 0, sizeof(world));
	memset(&s, 0, sizeof(s));
	world.fd = bind_any(&sa);
	up.port = ntohs(sa.sin_port);
	image_build_upstream(b, &up);
	CHECK(image_builder_finish(b, &world.image, &len) == 0 && image_view(world.image, len, &s.im) == 0);
	image_builder_free(b);
	s.udp = udp_new();
	s.now_ms = 1000;
	CHECK(s.udp && loop_init(&s.loop) == 0);
}

/* Asks with @id; the port it came from, or (negative) why it could not be asked. */
static int ask(uint16_t id, uint32_t *ret_ref)
{
	uint8_t wire[LENGTH] = {(uint8_t)(id >> 8), (uint8_t)id, 'q'}, got[LENGTH + 1];
	struct upstream_ask a = {.ref = world.next_ref++, .data = wire, .len = LENGTH};
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int rc = udp_ask(&s, &a);

	if (ret_ref)
		*ret_ref = a.ref;
	if (rc < 0)
		return rc;
	CHECK(recvfrom(world.fd, got, sizeof(got), 0, (struct sockaddr *)&from, &len) == LENGTH && memcmp(got, wire, LENGTH) == 0);
	return ntohs(from.sin_port);
}

/* From @fd to the port. */
static void say(int fd, int port, uint16_t id)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
	uint8_t wire[LENGTH] = {(uint8_t)(id >> 8), (uint8_t)id, 'a'};

	(void)sendto(fd, wire, LENGTH, 0, (struct sockaddr *)&to, sizeof(to)); /* to a closed one: an error for later */
}

/* What the process does in its turns, until nothing comes. */
static void turn(void)
{
	struct loop_event events[16];
	int n;

	while ((n = loop_wait(&s.loop, events, ARRAY_LEN(events), 0)) > 0)
		for (int i = 0; i < n; i++)
			udp_event(&s, events[i].ref);
	udp_turn_end(&s);
}

static bool answered(int port, uint16_t id, uint32_t ref)
{
	unsigned int before = world.answers;

	say(world.fd, port, id);
	turn();
	return world.answers == before + 1 && world.last_ref == ref;
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* ---- */

/* Nobody can tell from which port the next question leaves, however many went before. */
static void test_random(void)
{
	enum { N = 40000 };
	static int ports[N], sorted[N];
	unsigned int repeated = 0, near = 0, distinct = 0, low = 0;
	uint32_t ref;

	check_row("random ports");
	set_up();
	for (int i = 0; i < N; i++) {
		ports[i] = ask((uint16_t)i, &ref);
		CHECK(ports[i] > 0 && udp_forget(&s, ref));
		if (ports[i] <= 0)
			return;
		if (i) {
			repeated += ports[i] == ports[i - 1];
			near += abs(ports[i] - ports[i - 1]) <= 2 && ports[i] != ports[i - 1];
		}
	}
	memcpy(sorted, ports, sizeof(sorted));
	qsort(sorted, N, sizeof(*sorted), by_value);
	for (int i = 0; i < N; i++) {
		bool fresh = i == 0 || sorted[i] != sorted[i - 1];

		distinct += fresh;
		low += fresh && sorted[i] < 46868; /* the middle of the range, 32768 to 60999 */
	}
	/* One draw of 64: 625 repetitions are expected, of deviation 25. Eight deviations are one run in 10^15. */
	CHECK(repeated > 625 - 200 && repeated < 625 + 200);
	/* Ports close to each other: of 64 in 28,232 numbers hardly any, where they are not counted up. */
	CHECK(near < N / 50);
	/* 40,000 questions wear at least 156 ports; all over the range. */
	CHECK(distinct >= N / PORT_USES && low > distinct / 4 && low < distinct - distinct / 4);
	check_row("");
}

/* Each place is given another port after so many questions, or so much time. */
static void test_worn(void)
{
	int first, port = 0, fds;
	uint32_t ref;

	set_up();
	world.fixed = true;
	check_row("worn by questions");
	fds = kit_open_fds();
	first = ask(1, &ref);
	CHECK(udp_forget(&s, ref));
	for (unsigned int i = 1; i < PORT_USES; i++) {
		CHECK(ask(1, &ref) == first && udp_forget(&s, ref));
	}
	port = ask(1, &ref);
	CHECK(port > 0 && port != first && kit_open_fds() == fds + 1); /* and the old one is closed */
	check_row("worn by time");
	CHECK(udp_forget(&s, ref));
	s.now_ms += PORT_MS - 1;
	CHECK(ask(2, &ref) == port && udp_forget(&s, ref));
	s.now_ms++;
	CHECK(ask(2, &ref) != port && kit_open_fds() == fds + 1);
	check_row("one that is given up waits for its answers");
	port = ask(3, NULL);
	ref = world.next_ref - 1;
	s.now_ms += PORT_MS;
	CHECK(ask(4, NULL) != port && kit_open_fds() == fds + 2);
	CHECK(answered(port, 3, ref)); /* the port has still the question with id 2, of before */
	CHECK(udp_forget(&s, ref - 1) && kit_open_fds() == fds + 1);
}

/* What is not from the upstream does not arrive; what is not an answer to a question of this port is a stray. */
static void test_answers(void)
{
	struct sockaddr_in sa;
	int other = bind_any(&sa), port, next;
	uint32_t first, second;

	set_up();
	world.fixed = true;
	check_row("wrong peer");
	port = ask(0x1234, &first);
	say(other, port, 0x1234);
	turn();
	CHECK(world.answers == 0 && world.strays == 0);
	check_row("late, to a port in use");
	CHECK(udp_forget(&s, first) && !udp_forget(&s, first));
	CHECK(ask(0x2345, &second) == port);
	say(world.fd, port, 0x1234);
	turn();
	CHECK(world.answers == 0 && world.strays == 1);
	CHECK(answered(port, 0x2345, second));
	check_row("twice");
	say(world.fd, port, 0x2345);
	turn();
	CHECK(world.answers == 1 && world.strays == 2);
	check_row("to another port than the question's");
	CHECK(ask(0x3456, &first) == port);
	world.random++;
	next = ask(0x4567, &second);
	CHECK(next > 0 && next != port);
	say(world.fd, port, 0x4567);
	say(world.fd, next, 0x3456);
	turn();
	CHECK(world.answers == 1 && world.strays == 4 && answered(next, 0x4567, second) && answered(port, 0x3456, first));
	check_row("the place of a question that nobody forgot");
	CHECK(ask(0x5678, &first) == next);
	world.next_ref = first + RESOLVER_ASKS_MAX;
	CHECK(ask(0x6789, &second) == next && second == first + RESOLVER_ASKS_MAX);
	say(world.fd, next, 0x5678);
	turn();
	CHECK(world.strays == 5 && answered(next, 0x6789, second) && !udp_forget(&s, first));
	close(other);
}

/* The number of a port that was closed, and its event, are nobody's. */
static void test_closed(void)
{
	struct loop_event old;
	uint32_t first, second;
	int port, next;

	set_up();
	world.fixed = true;
	check_row("an event of the port before");
	port = ask(1, &first);
	say(world.fd, port, 1);
	CHECK(loop_wait(&s.loop, &old, 1, 0) == 1);
	CHECK(udp_forget(&s, first));
	for (unsigned int i = 1; i < PORTS_MAX; i++) { /* each worn by time: until the table's first place is used again */
		s.now_ms += PORT_MS;
		CHECK(ask(2, &second) > 0 && udp_forget(&s, second));
	}
	s.now_ms += PORT_MS;
	next = ask(1, &second);
	CHECK(next > 0 && next != port);
	say(world.fd, port, 1); /* late, to the closed port */
	turn();
	CHECK(world.answers == 0 && world.strays == 0);
	say(world.fd, next, 1);
	udp_event(&s, old.ref); /* takes nothing of what is the new port's */
	CHECK(world.answers == 0);
	turn();
	CHECK(world.answers == 1 && world.last_ref == second && world.strays == 0);
}

/* Somebody guesses ids on a port: it takes no new question, and those it has are answered all the same. */
static void test_guessing(void)
{
	uint32_t first, second;
	int port, fds;

	set_up();
	world.fixed = true;
	check_row("guessing");
	fds = kit_open_fds();
	port = ask(0xffff, &first);
	for (uint16_t id = 0; id < PORT_STRAYS - 1; id++)
		say(world.fd, port, id);
	turn();
	CHECK(world.strays == PORT_STRAYS - 1 && ask(0xfffe, &second) == port);
	say(world.fd, port, PORT_STRAYS);
	turn();
	CHECK(ask(0xfffd, NULL) != port && kit_open_fds() == fds + 2);
	CHECK(answered(port, 0xfffe, second) && answered(port, 0xffff, first));
	CHECK(kit_open_fds() == fds + 1);
}

/* Two questions with one id never share a port. */
static void test_same_id(void)
{
	uint32_t first, second;
	int port, next;

	set_up();
	world.fixed = true;
	check_row("the same id");
	port = ask(7, &first);
	CHECK(ask(7, NULL) == -EBUSY && ask(8, NULL) == port);
	world.fixed = false;
	next = ask(7, &second);
	CHECK(next > 0 && next != port && answered(port, 7, first) && answered(next, 7, second));
}

/* Nobody listens: all questions of the port fail at the end of the turn, and it is not used again. */
static void test_refused(void)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	uint32_t refs[3];
	int port;

	set_up();
	world.fixed = true;
	check_row("refused");
	CHECK(getsockname(world.fd, (struct sockaddr *)&sa, &len) == 0);
	port = ask(1, &refs[0]);
	CHECK(ask(2, &refs[1]) == port);
	close(world.fd);
	CHECK(udp_ask(&s, &(struct upstream_ask){.ref = world.next_ref++, .data = (const uint8_t *)"\0\3q", .len = 3}) == 0);
	turn(); /* the kernel's word for it */
	CHECK(world.failed == 3 && world.answers == 0);
	world.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(world.fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	CHECK(ask(4, &refs[2]) != port);
}

/* Every place of the table with a question under way: no more can be asked, until one is forgotten. */
static void test_exhausted(void)
{
	uint32_t refs[PORTS_MAX];
	unsigned int n = 0;
	int fds, port;

	set_up();
	world.fixed = true;
	check_row("the table is full");
	fds = kit_open_fds();
	for (; n < PORTS_MAX; n++) {
		s.now_ms += PORT_MS; /* each question from a fresh port, and none is forgotten */
		if (ask((uint16_t)n, &refs[n]) < 0)
			break;
	}
	CHECK(n == PORTS_MAX && kit_open_fds() == fds + PORTS_MAX);
	s.now_ms += PORT_MS;
	CHECK(ask(1, NULL) == -EMFILE && ask(2, NULL) == -EMFILE);
	CHECK(udp_forget(&s, refs[1000]));
	port = ask(3, NULL);
	CHECK(port > 0 && kit_open_fds() == fds + PORTS_MAX);
	check_row("one that nobody waits on gives way");
	CHECK(udp_forget(&s, world.next_ref - 1)); /* drawn, not given up, without a question */
	world.random++;			     /* for another place */
	CHECK(ask(4, NULL) > 0 && kit_open_fds() == fds + PORTS_MAX);
	world.random--;
	CHECK(ask(5, NULL) == -EMFILE); /* its place knows that it is gone: nobody else's port is used for it */
	check_row("all are closed when nobody waits any more");
	for (n = 0; n < PORTS_MAX; n++)
		(void)udp_forget(&s, refs[n]);
	(void)udp_forget(&s, world.next_ref - 2);
	udp_reset(&s);
	CHECK(kit_open_fds() == fds);
}

/* The process has no descriptors left. */
static void test_no_descriptors(void)
{
	struct rlimit before, none;
	int fds;

	set_up();
	check_row("no descriptors");
	fds = kit_open_fds();
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(ask(1, NULL) == -EMFILE && ask(2, NULL) == -EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK(kit_open_fds() == fds && ask(3, NULL) > 0);
}

/* A new image: no port is used for a further question, and those under way are answered. */
static void test_reset(void)
{
	uint32_t first, second;
	int port, next, fds;

	set_up();
	world.fixed = true;
	check_row("reset");
	fds = kit_open_fds();
	port = ask(1, &first);
	udp_reset(&s);
	CHECK(kit_open_fds() == fds + 1);
	next = ask(2, &second);
	CHECK(next != port && answered(port, 1, first) && kit_open_fds() == fds + 1 && answered(next, 2, second));
	udp_reset(&s);
	CHECK(kit_open_fds() == fds);
}

int main(void)
{
	kit_alone();
	test_random();
	test_worn();
	test_answers();
	test_closed();
	test_guessing();
	test_same_id();
	test_refused();
	test_exhausted();
	test_no_descriptors();
	test_reset();
	tear_down();
	return check_report();
}
