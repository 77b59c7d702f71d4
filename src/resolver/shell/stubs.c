/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sockets on which sandboxes ask.
 *
 * A local sandbox (uid, cgroup, host) has a port of its own on 127.0.0.1 and ::1, to which only its own redirected
 * packets get (rules/postern.nft); so the port names the sandbox. Forwarded sandboxes share one port on the wildcard
 * addresses: theirs is found by the input interface, then by the source address.
 * Interface names change rarely and are asked for with a system call, so they are remembered for a second.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "postern/linkwatch.h"
#include "postern/log.h"

#include "shell.h"

#define RECEIVE_BUFFER_BYTES (4 << 20) /* a burst of ten thousand queries; the kernel caps it at net.core.rmem_max */
#define BACKLOG 4096 /* connections that are yet to be looked at, of all sandboxes; the kernel caps it at net.core.somaxconn */
/* Of the kernel's memory for a connection; without them a client can make it grow to megabytes (tcp_rmem, tcp_wmem). */
#define STREAM_RECEIVE_BYTES (16 << 10)
#define STREAM_SEND_BYTES (64 << 10)

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Options that tell the interface of each packet, and of a connection's first one. */
static int set_packet_info(int fd, const struct stub *stub)
{
	if (!stub->shared)
		return 0;
	if (stub->family == ADDR_V4)
		return set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	return set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static int bind_socket(int fd, const struct stub *stub)
{
	struct addr a = {.family = stub->family};
	struct sockaddr_storage sa;
	socklen_t len;
	int rc = 0;

	if (!stub->shared && stub->family == ADDR_V4)
		memcpy(a.bytes, (const uint8_t[]){127, 0, 0, 1}, 4);
	else if (!stub->shared)
		a.bytes[15] = 1;
	if (stub->family == ADDR_V6)
		rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0)
		rc = set_packet_info(fd, stub);
	len = addr_to_sockaddr(&a, stub->port, &sa);
	if (rc == 0 && bind(fd, (const struct sockaddr *)&sa, len) < 0)
		rc = -errno;
	return rc;
}

/* Of a socket, and of the connections that it accepts. Where it fails the kernel's own does too. */
static void set_memory(int fd, int type)
{
	if (type == SOCK_DGRAM) {
		(void)set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
		return;
	}
	(void)set_option(fd, SOL_SOCKET, SO_RCVBUF, STREAM_RECEIVE_BYTES);
	(void)set_option(fd, SOL_SOCKET, SO_SNDBUF, STREAM_SEND_BYTES);
}

/* A bound socket in the loop, or -errno. */
static int open_socket(struct shell *s, const struct stub *stub, int type)
{
	struct loop_ref ref = {.kind = type == SOCK_DGRAM ? SOURCE_DATAGRAM : SOURCE_LISTENER,
		.index = (uint32_t)(stub - s->stubs)};
	int fd = socket(stub->family == ADDR_V4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	set_memory(fd, type);
	if (type == SOCK_STREAM)
		(void)set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* without it a restart may have to wait */
	rc = bind_socket(fd, stub);
	if (rc == 0 && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		rc = loop_add(&s->loop, fd, EPOLLIN, ref);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static void close_stub(struct stub *stub)
{
	if (!stub->open)
		return;
	if (stub->udp_fd >= 0)
		close(stub->udp_fd);
	if (stub->tcp_fd >= 0)
		close(stub->tcp_fd);
	stub->open = false;
	stub->generation++;
}

static void open_stub(struct shell *s, const struct stub *like)
{
	struct stub *stub = s->stubs;

	while (stub < s->stubs + STUBS_MAX && stub->open)
		stub++;
	if (stub == s->stubs + STUBS_MAX) {
		resolver_count(s->core, COUNTER_RESOLVER_table_full);
		return;
	}
	uint16_t generation = stub->generation;

	*stub = *like;
	stub->generation = generation;
	stub->open = true;
	stub->udp_fd = open_socket(s, stub, SOCK_DGRAM);
	stub->tcp_fd = open_socket(s, stub, SOCK_STREAM);
	if (stub->udp_fd < 0 || stub->tcp_fd < 0)
		log_err("stub: cannot open port=%u family=%u error=\"%s\": its sandboxes have no DNS over it", stub->port,
			stub->family, strerror(stub->udp_fd < 0 ? -stub->udp_fd : -stub->tcp_fd));
}

static void open_both(struct shell *s, struct stub like)
{
	like.family = ADDR_V4;
	open_stub(s, &like);
	like.family = ADDR_V6;
	open_stub(s, &like);
}

void stubs_set_shared(struct shell *s, uint16_t port)
{
	for (unsigned int i = 0; i < STUBS_MAX; i++) {
		if (!s->stubs[i].open || !s->stubs[i].shared)
			continue;
		if (s->stubs[i].port == port)
			return;
		close_stub(&s->stubs[i]);
	}
	if (port)
		open_both(s, (struct stub){.shared = true, .port = port, .slot = SANDBOX_NONE});
}

void stubs_remove_local(struct shell *s, uint16_t slot)
{
	for (unsigned int i = 0; i < STUBS_MAX; i++)
		if (s->stubs[i].open && !s->stubs[i].shared && s->stubs[i].slot == slot)
			close_stub(&s->stubs[i]);
}

void stubs_set_local(struct shell *s, uint16_t slot, uint16_t port)
{
	for (unsigned int i = 0; i < STUBS_MAX; i++)
		if (s->stubs[i].open && !s->stubs[i].shared && s->stubs[i].slot == slot && s->stubs[i].port == port)
			return;
	stubs_remove_local(s, slot);
	if (port)
		open_both(s, (struct stub){.port = port, .slot = slot});
}

static const char *interface_name(struct shell *s, uint32_t ifindex)
{
	struct interface *known = &s->interfaces[ifindex % INTERFACES_MAX];
	struct ifreq req = {.ifr_ifindex = (int)ifindex};

	if (known->ifindex == ifindex && s->now_ms < known->until_ms)
		return known->name;
	if (ioctl(s->ioctl_fd, SIOCGIFNAME, &req) < 0)
		return ""; /* it went away, and its packet with it: only the source can name the owner */
	known->ifindex = ifindex;
	known->until_ms = s->now_ms + INTERFACE_TRUST_MS;
	memcpy(known->name, req.ifr_name, sizeof(known->name));
	known->name[sizeof(known->name) - 1] = '\0';
	return known->name;
}

void stubs_refresh(struct shell *s, const struct stub *stub)
{
	if (stub->shared && linkwatch_changed(s->linkwatch_fd))
		memset(s->interfaces, 0, sizeof(s->interfaces));
}

uint16_t stub_owner(struct shell *s, const struct stub *stub, uint32_t ifindex, const struct addr *source)
{
	if (!stub->shared)
		return stub->slot;
	return resolver_owner(s->core, interface_name(s, ifindex), source);
}
