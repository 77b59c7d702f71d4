/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sandbox can hold of the places and buffers for TCP (src/resolver/shell/streams.c), on real connections in a network namespace of
 * the test's own: 127.S.0.C is client C of sandbox S. The core is a few functions of this file: a question waits until it is answered here.
 */
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/resolver/shell/shell.h"
#include "shell_kit.h"

#define QUERY_LEN 20
#define BIG 60000
#define CONNS_MAX 2200

static struct shell s;
static struct {
	struct sockaddr_in to;
	unsigned int refused;
	struct client asker; /* of the last question */
	unsigned int asked;
	unsigned int n;
	int fds[CONNS_MAX];
	uint8_t slots[CONNS_MAX];
} world;

/* ---- the core and the rest of the shell, as far as streams.c calls them */

void stubs_refresh(struct shell *shell, const struct stub *stub)
{
	(void)shell;
	(void)stub;
}

uint16_t stub_owner(struct shell *shell, const struct stub *stub, uint32_t ifindex, const struct addr *source)
{
	(void)shell;
	(void)stub;
	(void)ifindex;
	return source->bytes[1];
}

bool resolver_take_connection(struct resolver *r, uint16_t slot, const struct addr *peer)
{
	(void)r;
	(void)slot;
	(void)peer;
	return true;
}

void resolver_count(struct resolver *r, unsigned int counter)
{
	(void)r;
	CHECK(counter == COUNTER_RESOLVER_connections_refused);
	world.refused++;
}

int resolver_query(struct resolver *r, const struct client *c, const uint8_t *data, size_t len, uint8_t out[static RESOLVER_ANSWER_MAX])
{
	(void)r;
	(void)data;
	(void)out;
	CHECK(len == QUERY_LEN && c->stream);
	world.asker = *c;
	world.asked++;
	return 0;
}

/* ---- */

static void turn(void)
{
	struct loop_event events[64];
	int n;

	streams_accept(&s, 0);
	while ((n = loop_wait(&s.loop, events, ARRAY_LEN(events), 0)) > 0)
		for (int i = 0; i < n; i++)
			stream_event(&s, events[i].ref, events[i].events);
}

static void set_up(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), small = 4096;

	memset(&world, 0, sizeof(world));
	memset(&s, 0, sizeof(s));
	s.now_ms = 1000;
	s.streams = streams_new();
	CHECK(s.streams && loop_init(&s.loop) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0); /* of what is accepted on it */
	CHECK(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 128) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	world.to = sa;
	s.stubs[0] = (struct stub){.open = true, .tcp_fd = fd, .udp_fd = -1, .family = ADDR_V4};
}

static void tear_down(void)
{
	for (uint16_t slot = 0; slot < 256; slot++)
		streams_close_slot(&s, slot);
	CHECK(!streams_any(&s));
	for (unsigned int i = 0; i < world.n; i++)
		close(world.fds[i]);
	close(s.stubs[0].tcp_fd);
	loop_fini(&s.loop);
	free(s.streams);
}

/* A connection of that client; its number here. */
static unsigned int open_one(uint8_t slot, uint8_t client)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(127u << 24 | (uint32_t)slot << 16 | client)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 2048;

	CHECK(world.n < CONNS_MAX && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	CHECK(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&world.to, sizeof(world.to)) == 0);
	turn();
	s.now_ms++; /* so that it is seen who came first */
	world.slots[world.n] = slot;
	world.fds[world.n] = fd;
	return world.n++;
}

static bool alive(unsigned int i)
{
	struct pollfd p = {.fd = world.fds[i], .events = POLLRDHUP};

	return poll(&p, 1, 0) == 0; /* not reset, nor closed from there; what is still to be read does not matter */
}

/* How many connections of the sandbox are open. */
static unsigned int alive_of(uint8_t slot)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < world.n; i++)
		n += world.slots[i] == slot && alive(i);
	return n;
}

static void ask(unsigned int i)
{
	static const uint8_t query[2 + QUERY_LEN] = {0, QUERY_LEN};
	unsigned int before = world.asked;

	CHECK(send(world.fds[i], query, sizeof(query), MSG_NOSIGNAL) == sizeof(query));
	turn();
	CHECK(world.asked == before + 1);
}

/* A connection that has been sent more than the kernel holds, and reads nothing. */
static unsigned int hold_buffer(uint8_t slot)
{
	static uint8_t answer[BIG];
	unsigned int i = open_one(slot, 1);

	for (unsigned int k = 0; k < BIG; k++)
		answer[k] = (uint8_t)(k * 7 + k / 251);
	ask(i);
	stream_answer(&s, &world.asker, answer, BIG);
	turn();
	return i;
}

/* Reads it to its end, whole and as it was sent. */
static bool read_whole(unsigned int i)
{
	static uint8_t got[2 + BIG];
	size_t n = 0;

	for (unsigned int idle = 0; n < sizeof(got) && idle < 1000; idle++) {
		ssize_t rc = recv(world.fds[i], got + n, sizeof(got) - n, MSG_DONTWAIT);

		if (rc == 0 || (rc < 0 && errno != EAGAIN))
			return false;
		if (rc > 0) {
			n += (size_t)rc;
			idle = 0;
		}
		turn();
		if (rc < 0)
			usleep(1000);
	}
	for (size_t k = 0; k < BIG && n == sizeof(got); k++)
		if (got[2 + k] != (uint8_t)(k * 7 + k / 251))
			return false;
	return n == sizeof(got) && (got[0] << 8 | got[1]) == BIG;
}

/* ---- */

/* Of one sandbox: so many and no more, and the client with most gives way. */
static void test_sandbox(void)
{
	unsigned int first, other, busy;

	set_up();
	check_row("places of a sandbox");
	first = open_one(1, 1);
	for (unsigned int i = 1; i < 100; i++)
		open_one(1, 1);
	CHECK(alive_of(1) == STREAMS_PER_SANDBOX && world.refused == 100 - STREAMS_PER_SANDBOX);
	CHECK(!alive(first) && alive(world.n - 1)); /* the oldest without a question */
	check_row("another client of it");
	other = open_one(1, 2);
	CHECK(alive(other) && alive_of(1) == STREAMS_PER_SANDBOX);
	for (unsigned int i = 0; i < 200; i++)
		open_one(1, 1);
	CHECK(alive(other));
	check_row("a question under way");
	busy = open_one(1, 3);
	ask(busy);
	for (unsigned int i = 0; i < 200; i++)
		open_one(1, (uint8_t)(10 + i));
	CHECK(alive(busy) && alive_of(1) == STREAMS_PER_SANDBOX);
	tear_down();
}

/* All places are taken: who has fewer gets some, who has most gives them, and nobody can take them back. */
static void test_places(void)
{
	enum { FULL = STREAMS_MAX / STREAMS_PER_SANDBOX, SHARE = STREAMS_MAX / (FULL + 1) };
	unsigned int least = STREAMS_PER_SANDBOX, total = 0, newcomer;

	set_up();
	check_row("all places");
	for (uint8_t slot = 1; slot <= FULL; slot++)
		for (unsigned int i = 0; i < STREAMS_PER_SANDBOX; i++)
			open_one(slot, 1);
	for (uint8_t slot = 1; slot <= FULL; slot++)
		CHECK(alive_of(slot) == STREAMS_PER_SANDBOX);
	CHECK(world.refused == 0);
	check_row("a newcomer");
	newcomer = open_one(100, 1);
	CHECK(alive(newcomer) && world.refused == 1);
	ask(newcomer);
	for (unsigned int i = 1; i < 200; i++)
		open_one(100, 1);
	for (uint8_t slot = 1; slot <= FULL; slot++) {
		unsigned int n = alive_of(slot);

		least = n < least ? n : least;
		total += n;
	}
	CHECK(least >= SHARE && alive_of(100) >= SHARE && alive_of(100) <= SHARE + 1);
	CHECK(total + alive_of(100) == STREAMS_MAX);
	check_row("those that gave cannot take it back");
	for (uint8_t slot = 1; slot <= FULL; slot++)
		for (unsigned int i = 0; i < 10; i++)
			open_one(slot, 1);
	CHECK(alive_of(100) >= SHARE && alive(newcomer));
	check_row("another sandbox, one connection");
	CHECK(alive(open_one(101, 1)));
	tear_down();
}

/* Buffers of answers that are not read: the same. */
static void test_buffers(void)
{
	enum { FULL = STREAM_BUFFERS_MAX / STREAM_BUFFERS_PER_SANDBOX, SHARE = STREAM_BUFFERS_MAX / (FULL + 1) };
	unsigned int reader;

	set_up();
	check_row("buffers of a sandbox");
	for (unsigned int i = 0; i < STREAM_BUFFERS_PER_SANDBOX; i++)
		CHECK(alive(hold_buffer(1)));
	CHECK(!alive(hold_buffer(1)) && alive_of(1) == STREAM_BUFFERS_PER_SANDBOX);
	check_row("all buffers");
	for (uint8_t slot = 2; slot <= FULL; slot++)
		for (unsigned int i = 0; i < STREAM_BUFFERS_PER_SANDBOX; i++)
			CHECK(alive(hold_buffer(slot)));
	check_row("a newcomer is answered whole");
	CHECK(alive_of(1) + alive_of(2) + alive_of(3) + alive_of(4) == STREAM_BUFFERS_MAX);
	reader = hold_buffer(100);
	CHECK(alive_of(1) + alive_of(2) + alive_of(3) + alive_of(4) == STREAM_BUFFERS_MAX - 1);
	CHECK(read_whole(reader) && alive(reader));
	check_row("to its share and no further");
	for (unsigned int i = 0; i < 40; i++)
		hold_buffer(100);
	for (uint8_t slot = 1; slot <= FULL; slot++)
		CHECK(alive_of(slot) >= SHARE && alive_of(slot) <= STREAM_BUFFERS_PER_SANDBOX);
	CHECK(alive_of(100) >= SHARE && alive_of(100) <= SHARE + 2); /* the reader has none any more */
	check_row("who does not read in time is gone, and its buffer is free");
	s.now_ms += STREAM_IDLE_MS;
	streams_tick(&s);
	CHECK(!streams_any(&s));
	for (unsigned int i = 0; i < STREAM_BUFFERS_PER_SANDBOX; i++)
		CHECK(alive(hold_buffer(1)));
	CHECK(read_whole(world.n - 1));
	tear_down();
}

int main(void)
{
	kit_alone();
	test_sandbox();
	test_places();
	test_buffers();
	return check_report();
}
