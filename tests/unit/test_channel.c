/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels: messages that travel together, and datagrams that must not be taken. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/ipc/pack.h"
#include "check.h"
#include "postern/channel.h"

static struct channel gate, resolver;

static void open_pair(void)
{
	int fds[2];

	CHECK(channel_pair(fds) == 0);
	channel_init(&gate, fds[0], ROLE_GATE, ROLE_RESOLVER);
	channel_init(&resolver, fds[1], ROLE_RESOLVER, ROLE_GATE);
}

static void close_pair(void)
{
	channel_fini(&gate);
	channel_fini(&resolver);
}

/* Many more than one datagram holds, single ones between; all arrive, in order. */
static void test_together(void)
{
	static struct msg_pin_request requests[100];
	struct msg_plain ready = {0};
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];

	open_pair();
	for (uint32_t i = 0; i < ARRAY_LEN(requests); i++)
		requests[i].h.seq = i;
	CHECK(channel_send_many(&resolver, MSG_PIN_REQUEST, requests, 0) == 0);
	CHECK(channel_recv(&gate, &m, fds) == 0 && !channel_waiting(&gate));
	CHECK(channel_send_many(&resolver, MSG_PIN_REQUEST, requests, ARRAY_LEN(requests)) == ARRAY_LEN(requests));
	CHECK(channel_send(&resolver, MSG_READY, &ready, NULL, 0) == 0);
	for (uint32_t i = 0; i < ARRAY_LEN(requests); i++) {
		CHECK(channel_recv(&gate, &m, fds) == 1);
		CHECK(m.h.type == MSG_PIN_REQUEST && m.h.seq == i && fds[0] == -1);
	}
	CHECK(!channel_waiting(&gate));
	CHECK(channel_recv(&gate, &m, fds) == 1 && m.h.type == MSG_READY);
	CHECK(channel_recv(&gate, &m, fds) == 0);
	close_pair();
}

/* The first of two tells that the other waits; a channel that ends hands it out first. */
static void test_waiting(void)
{
	struct msg_pin_reply replies[2] = {{.h.seq = 7}, {.h.seq = 8}};
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];

	open_pair();
	CHECK(channel_send_many(&gate, MSG_PIN_REPLY, replies, 2) == 2);
	CHECK(channel_recv(&resolver, &m, fds) == 1 && m.h.seq == 7 && channel_waiting(&resolver));
	close(gate.fd);
	gate.fd = -1;
	CHECK(channel_recv(&resolver, &m, fds) == 1 && m.h.seq == 8 && !channel_waiting(&resolver));
	CHECK(channel_recv(&resolver, &m, fds) == -EPIPE);
	close_pair();
}

/* What is left wakes nobody, and is there for who looks, before what rings. */
static void test_bell(void)
{
	struct msg_pin_reply replies[2] = {{.h.seq = 1}, {.h.seq = 2}};
	struct msg_plain ping = {.h.seq = 3};
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	uint64_t rung = 0;

	open_pair();
	gate.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	gate.has_bell = true;
	CHECK(channel_leave_many(&gate, MSG_PIN_REPLY, replies, 2) == 2);
	CHECK(read(gate.bell, &rung, sizeof(rung)) == -1 && errno == EAGAIN);
	CHECK(channel_recv(&resolver, &m, fds) == 1 && m.h.seq == 1);
	CHECK(channel_send(&gate, MSG_PING, &ping, NULL, 0) == 0);
	CHECK(read(gate.bell, &rung, sizeof(rung)) == sizeof(rung) && rung == 1);
	CHECK(channel_send_many(&gate, MSG_PIN_REPLY, replies, 2) == 2);
	CHECK(read(gate.bell, &rung, sizeof(rung)) == sizeof(rung) && rung == 1);
	CHECK(channel_send_many(&gate, MSG_PIN_REPLY, replies, 0) == 0);
	CHECK(read(gate.bell, &rung, sizeof(rung)) == -1 && errno == EAGAIN);
	for (uint32_t seq = 2; seq <= 3; seq++)
		CHECK(channel_recv(&resolver, &m, fds) == 1 && m.h.seq == seq);
	close_pair();
	CHECK(!gate.has_bell);
}

/* A full channel takes the first ones. */
static void test_full(void)
{
	static struct msg_pin_request requests[39];
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	unsigned int sent = 0, got = 0, n;

	open_pair();
	while ((n = channel_send_many(&resolver, MSG_PIN_REQUEST, requests, ARRAY_LEN(requests))) == ARRAY_LEN(requests))
		sent += n;
	sent += n;
	CHECK(sent > ARRAY_LEN(requests));
	while (channel_recv(&gate, &m, fds) == 1)
		got++;
	CHECK(got == sent);
	close_pair();
}

struct bad {
	const char *what;
	size_t len;
	struct {
		struct message_header h[4];
	} bytes;
};

/* Datagrams that a broken peer may send: -EPROTO at the bad message, nothing of it afterwards. */
static void test_bad(void)
{
	static const struct bad rows[] = {
		{"shorter than a header", 4, {{{MSG_PING, 8, 0}}}},
		{"a size of nothing", 8, {{{MSG_PING, 0, 0}}}},
		{"less than its size", 8, {{{MSG_PIN_REPLY, sizeof(struct msg_pin_reply), 0}}}},
		{"more than its size", 12, {{{MSG_PING, 8, 0}}}},
		{"a type of the other side", 8, {{{MSG_READY, 8, 0}}}},
		{"no type", 8, {{{MSG_TYPE_COUNT, 8, 0}}}},
		{"larger than any message", 32, {{{MSG_PING, MESSAGE_SIZE_MAX + 8, 0}}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		union message_buffer m;
		int fds[CHANNEL_FDS_MAX], rc;

		check_row(rows[i].what);
		open_pair();
		CHECK(send(gate.fd, &rows[i].bytes, rows[i].len, 0) == (ssize_t)rows[i].len);
		while ((rc = channel_recv(&resolver, &m, fds)) == 1)
			;
		CHECK(rc == -EPROTO && !channel_waiting(&resolver));
		close_pair();
	}
	check_row("");
}

/* What carries a descriptor travels alone: with another message behind it, it is refused, and the descriptor closed. */
static void test_descriptor_alone(void)
{
	const struct msg_image image = {{MSG_IMAGE, sizeof(image), 0}, 1};
	const struct msg_plain ping = {{MSG_PING, sizeof(ping), 0}};
	uint8_t both[PACK_SIZE_MAX(sizeof(image)) + PACK_SIZE_MAX(sizeof(ping))];
	size_t len = message_pack(&image, sizeof(image), both);
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {both, len + message_pack(&ping, sizeof(ping), both + len)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX], pipe_fds[2];
	char byte;

	open_pair();
	CHECK(pipe(pipe_fds) == 0);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &pipe_fds[1], sizeof(int));
	CHECK(sendmsg(gate.fd, &msg, 0) == (ssize_t)iov.iov_len);
	close(pipe_fds[1]);
	CHECK(channel_recv(&resolver, &m, fds) == -EPROTO && fds[0] == -1 && !channel_waiting(&resolver));
	CHECK(read(pipe_fds[0], &byte, 1) == 0); /* nobody holds the other end any more */
	close(pipe_fds[0]);
	close_pair();
}

int main(void)
{
	test_together();
	test_waiting();
	test_bell();
	test_full();
	test_bad();
	test_descriptor_alone();
	return check_report();
}
