/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the process share: sockets and channels around the core.
 *
 *   main.c       start, the loop
 *   gate.c       messages of the gate; pins and events going out
 *   stubs.c      the sockets on which sandboxes ask: one pair a family, for each local sandbox and for all forwarded ones
 *   datagrams.c  their UDP side, in batches
 *   streams.c    their TCP side
 *   asks.c       questions to upstreams: which way each goes
 *   udp.c        UDP to upstreams, from a pool of ports
 *   conns.c      TCP connections to upstreams
 *   tls.c        questions for postern-tls
 */
#ifndef POSTERN_RESOLVER_SHELL_H
#define POSTERN_RESOLVER_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/channel.h"
#include "postern/loop.h"
#include "postern/pipeline.h"
#include "postern/resolver.h"

#include "../parts.h"

#define STUBS_MAX (2u * (SANDBOX_LOCAL_MAX + 1))
#define INTERFACES_MAX 1024	/* remembered names */
#define INTERFACE_TRUST_MS 1000 /* how long */
#define STREAMS_MAX 1024	/* client connections */
#define STREAMS_PER_SANDBOX 64
#define STREAM_QUERY_MAX 4096
#define STREAM_FLIGHT_MAX 32	/* questions under way of a connection; then it is not read */
#define STREAM_IDLE_MS 10000
#define STREAM_BUFFERS_MAX 64	/* connections whose answers do not fit the kernel's buffer; the next is closed */
#define STREAM_BUFFERS_PER_SANDBOX 16

enum source { SOURCE_GATE, SOURCE_DATAGRAM, SOURCE_LISTENER, SOURCE_STREAM, SOURCE_UDP, SOURCE_CONN, SOURCE_TLS };

/* A port on an address: UDP and TCP. */
struct stub {
	bool open;
	bool shared;	/* of all forwarded sandboxes: wildcard address, owner by interface and source */
	uint8_t family; /* enum addr_family */
	uint16_t port;
	uint16_t slot;	/* of a local sandbox */
	uint16_t generation;
	int udp_fd, tcp_fd;
};

struct interface {
	uint32_t ifindex;
	uint64_t until_ms;
	char name[SELECTOR_IFNAME_MAX];
};

struct to_tls {
	struct channel channel; /* fd -1: not there yet */
	struct parts answer;
};

/* Pin requests of this turn. It holds what the core has under way at most. */
struct pin_queue {
	unsigned int n;
	struct msg_pin_request requests[RESOLVER_PINS_MAX];
};

struct streams;
struct asks;
struct conns;
struct udp;

struct shell {
	struct loop loop;
	struct channel gate;
	struct event_sink audit;
	struct resolver *core;
	struct image *im;
	uint32_t generation; /* of im */
	uint64_t now_ms;
	int ioctl_fd; /* to ask names of interfaces with */
	int linkwatch_fd;
	struct stub stubs[STUBS_MAX];
	struct interface interfaces[INTERFACES_MAX];
	struct streams *streams;
	struct asks *asks;
	struct conns *conns;
	struct to_tls tls;
	struct udp *udp;
	struct pin_queue pins;
};

/* main.c: from the kernel's generator */
uint32_t shell_random(void);

/* gate.c: each 0 or why the process has to end */
int gate_receive(struct shell *s);
int gate_send_pin(struct shell *s, const struct msg_pin_request *m);
/* Those of this turn; to be called while the core is not at work. */
void gate_send_pins(struct shell *s);
int gate_send_seen(struct shell *s, const struct anchor_seen *seen);
int gate_record(struct shell *s, const struct decision_record *d, bool last_chance);

/* stubs.c */
/* Opens or moves the stub of all forwarded sandboxes. What cannot be opened is logged; it stays shut. */
void stubs_set_shared(struct shell *s, uint16_t port);
void stubs_set_local(struct shell *s, uint16_t slot, uint16_t port);
void stubs_remove_local(struct shell *s, uint16_t slot);
/* Between the receive of packets or connections of a shared stub and stub_owner() of theirs. */
void stubs_refresh(struct shell *s, const struct stub *stub);
/* Whose a packet on the stub is, or SANDBOX_NONE. */
uint16_t stub_owner(struct shell *s, const struct stub *stub, uint32_t ifindex, const struct addr *source);

/* datagrams.c */
void datagrams_receive(struct shell *s, uint32_t stub);
/* The answer leaves with others, at the end of the turn or before. */
void datagram_answer(struct shell *s, const struct client *c, const uint8_t *data, size_t len);
void datagrams_send(struct shell *s);

/* streams.c */
struct streams *streams_new(void);
void streams_accept(struct shell *s, uint32_t stub);
void stream_event(struct shell *s, struct loop_ref ref, uint32_t events);
void stream_answer(struct shell *s, const struct client *c, const uint8_t *data, size_t len);
/* Closes those whose time is over. */
void streams_tick(struct shell *s);
bool streams_any(const struct shell *s);
/* Closes those of a sandbox. */
void streams_close_slot(struct shell *s, uint16_t slot);

/* asks.c */
struct asks *asks_new(void);
int ask_open(struct shell *s, const struct upstream_ask *ask);
void ask_close(struct shell *s, uint32_t ref);
/* postern-tls has no more to say on it. */
void ask_ended(struct shell *s, uint32_t ref);

/* udp.c */
struct udp *udp_new(void);
/* 0 or why it cannot be asked. */
int udp_ask(struct shell *s, const struct upstream_ask *ask);
/* False: it is not a question of here. */
bool udp_forget(struct shell *s, uint32_t ref);
void udp_event(struct shell *s, struct loop_ref ref);
/* What could not be told while the core was at work. */
void udp_turn_end(struct shell *s);
/* The upstreams are about to be others: no port is used for a further question. */
void udp_reset(struct shell *s);

/* conns.c */
struct conns *conns_new(struct shell *s);
struct pipeline *conns_book(const struct shell *s);
void conn_event(struct shell *s, struct loop_ref ref, uint32_t events);

/* tls.c: 0 or why the process has to end; asking: or why it cannot be asked */
int tls_connect(struct shell *s, int fd);
int tls_receive(struct shell *s);
int tls_ask(struct shell *s, const struct upstream_ask *ask);
void tls_forget(struct shell *s, uint32_t ref);

#endif
