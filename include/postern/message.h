/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that crosses a process border: fixed-size structs on SOCK_SEQPACKET, sent without their runs of zeros (src/ipc/pack.h),
 * one row a type in message.c (name, exact size, who may send it to whom, how many fds).
 * folder: src/ipc
 *
 * What a row does not allow stops the daemon: message_check() is asked before any member of
 * a body is looked at. Hostile bytes inside bodies (names) are checked by the receiver.
 */
#ifndef POSTERN_MESSAGE_H
#define POSTERN_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/anchor.h"
#include "postern/dns.h"
#include "postern/event.h"
#include "postern/sandbox.h"

enum role {
	ROLE_GATE,
	ROLE_POLICY,
	ROLE_RESOLVER,
	ROLE_VERDICT,
	ROLE_ATTRIBUTE,
	ROLE_AUDIT,
	ROLE_CONTROL,
	ROLE_TLS,
	ROLE_STANDBY,
	ROLE_COUNT
};

/* "gate", "policy", ... */
const char *role_text(enum role r);

enum message_type {
	/* life of a child */
	MSG_READY,	    /* child -> gate: privileges dropped, filter on, waiting */
	MSG_PING,	    /* gate -> child */
	MSG_PONG,	    /* child -> gate: with its counters */
	MSG_PEER,	    /* gate -> child: fd = channel to another child (body says which role) */
	MSG_REOPEN,	    /* gate -> audit: log files */
	/* policy */
	MSG_COMPILE,	    /* gate -> policy: fds = image file, diagnostics file */
	MSG_COMPILED,	    /* policy -> gate */
	MSG_IMAGE,	    /* gate -> child: fd = sealed image */
	MSG_IMAGE_READY,    /* child -> gate: mapped, in force */
	MSG_SANDBOX,	    /* gate -> resolver, verdict: added or changed */
	MSG_SANDBOX_GONE,   /* gate -> resolver, verdict */
	/* pins */
	MSG_PIN_REQUEST,    /* resolver -> gate */
	MSG_PIN_REPLY,	    /* gate -> resolver */
	MSG_PIN_NOTE,	    /* gate -> verdict: what is pinned, from when to when */
	/* packets */
	MSG_QUEUE,	    /* gate -> verdict: fd = bound NFQUEUE socket */
	MSG_DECISIONS,	    /* verdict -> gate */
	MSG_ATTRIBUTE_ASK,  /* verdict -> attribute */
	MSG_ATTRIBUTE_REPLY,
	/* record */
	MSG_EVENT,	    /* gate, resolver, verdict, control -> audit */
	/* control: control -> gate and back */
	MSG_LISTENER,	    /* gate -> control: fd = listening control socket */
	MSG_STATUS_ASK,
	MSG_STATUS,
	MSG_PINS_ASK,
	MSG_PINS,
	MSG_SANDBOXES_ASK,
	MSG_SANDBOXES,
	MSG_SANDBOX_ADD,
	MSG_SANDBOX_REMOVE,
	MSG_RELOAD,
	MSG_RESULT,	    /* gate -> control: outcome of add, remove */
	MSG_RELOADED,	    /* gate -> control: outcome of a reload; fd = diagnostics, text */
	/* upstreams over TLS */
	MSG_TLS_ASK,	    /* resolver -> tls */
	MSG_TLS_FORGET,	    /* resolver -> tls: nobody waits any more */
	MSG_TLS_ANSWER,	    /* tls -> resolver: one part of it */
	MSG_TLS_FAILED,	    /* tls -> resolver: there will be none */
	MSG_UPSTREAMS,	    /* resolver -> gate: how they do; with each pong */
	/* a process that is not always there */
	MSG_START,	    /* gate -> standby: fds = channel and lifeline of the process to be started */
	MSG_STARTED,	    /* standby -> gate */
	/* trust anchors that follow their zones */
	MSG_ANCHORS,	    /* gate -> resolver: what is believed; before the image, and when it changes; -> control: before a status */
	MSG_ANCHORS_SEEN,   /* resolver -> gate: a look at a zone's keys */
	MSG_ANCHORS_KEEP,   /* gate -> policy: to be written down */
	MSG_ANCHORS_KEPT,   /* policy -> gate: it is, or why not */
	MSG_TYPE_COUNT
};

struct message_header {
	uint16_t type; /* enum message_type */
	uint16_t size; /* of the whole message */
	uint32_t seq;  /* the asker's; a reply repeats it */
};

#define COUNTERS_MAX 40
#define PIN_ADDRS_MAX 32     /* addresses of one request; what is beyond is not answered */
#define PIN_SERVICES_MAX RULE_SERVICES_MAX
#define DECISIONS_MAX 64
#define PINS_PER_MESSAGE 8
#define SANDBOXES_PER_MESSAGE 2
#define RESULT_TEXT_MAX 256
#define UPSTREAM_ROWS_MAX 16

struct msg_plain { /* READY, PING, START, REOPEN, COMPILE, IMAGE_READY, QUEUE, LISTENER, STATUS_ASK, RELOAD */
	struct message_header h;
};

struct msg_pong {
	struct message_header h;
	uint64_t counters[COUNTERS_MAX]; /* meaning: enum of the sender's role in postern/counters.h */
};

struct msg_peer {
	struct message_header h;
	uint8_t role;	 /* enum role at the other end of the fd */
};

struct msg_started {
	struct message_header h;
	int32_t pid; /* a child of the gate's, as all others */
};

struct msg_compiled {
	struct message_header h;
	uint32_t n_errors; /* 0: the image is good */
	uint32_t n_warnings;
};

struct msg_image {
	struct message_header h;
	uint32_t generation;
};

struct msg_sandbox {
	struct message_header h;
	struct sandbox sandbox;
};

struct msg_pin_request {
	struct message_header h;
	uint16_t slot;
	uint16_t qtype;
	uint32_t rule;	     /* within the sandbox's policy */
	uint32_t generation; /* of the image by which it was matched */
	uint32_t ttl_s;	     /* lowest on the chain */
	uint8_t n_addrs;
	uint8_t would_block; /* 1: only audit mode lets the name through: no pins, but the verdict loop is to know it */
	struct dns_name name; /* QNAME */
	struct addr addrs[PIN_ADDRS_MAX];
};

struct msg_pin_reply {
	struct message_header h;
	uint16_t reason;      /* REASON_NONE: all @granted are acknowledged by the kernel */
	uint32_t granted;     /* bit i: addrs[i] is pinned; an answer holds only these */
	uint32_t lifetime_ms; /* from the moment of the request on, for every granted address */
};

/* What the verdict loop needs to know of a pin: to name an address and to settle a race. */
struct msg_pin_note {
	struct message_header h;
	uint16_t slot;
	uint16_t reason;	  /* REASON_NONE: pinned; else why this address of the name was not */
	uint32_t rule;
	uint64_t expires_ms;	  /* CLOCK_BOOTTIME */
	uint8_t n_addrs;
	uint8_t n_services;
	struct dns_name name;
	struct addr addrs[PIN_ADDRS_MAX];
	struct service services[PIN_SERVICES_MAX];
};

enum decision {
	DECISION_ACCEPT, /* the packet goes on as it is */
	DECISION_ADMIT,	 /* accept and clear the packet mark: an ALERT ingress rule lets it in (chain miss_inbound) */
	DECISION_REFUSE, /* accept with the mark that the last base chain rejects */
	DECISION_DROP,
	DECISION_COUNT
};

struct msg_decisions {
	struct message_header h;
	uint32_t n;
	struct {
		uint32_t packet_id;
		uint32_t decision; /* enum decision */
	} entries[DECISIONS_MAX];
};

struct msg_attribute_ask {
	struct message_header h;
	uint8_t protocol;
	struct addr source, destination;
	uint16_t source_port, destination_port; /* ICMP: identifier of an echo, or 0; type */
};

struct msg_attribute_reply {
	struct message_header h;
	struct attribution by;
};

struct msg_event {
	struct message_header h;
	uint32_t lost; /* events this sender could not send since the last one that it did */
	struct event event;
};

enum upstream_state { UPSTREAM_UNTRIED, UPSTREAM_UP, UPSTREAM_DOWN, UPSTREAM_STATE_COUNT };

struct upstream_row {
	struct addr addr;
	uint16_t port;
	uint8_t tls;	   /* 1: asked over TLS */
	uint8_t state;	   /* enum upstream_state */
	uint32_t rtt_ms;   /* smoothed */
	uint32_t answered; /* since the policy was loaded */
	uint32_t silent;   /* took longer than usual, or broke */
};

struct msg_upstreams { /* those of the image, its first ones */
	struct message_header h;
	uint32_t n;
	struct upstream_row rows[UPSTREAM_ROWS_MAX];
};

struct msg_anchors {
	struct message_header h;
	struct anchors anchors;
};

struct msg_anchors_seen {
	struct message_header h;
	struct anchor_seen seen;
};

struct msg_anchors_keep { /* one at a time: not before the last one's answer */
	struct message_header h;
	char directory[ANCHOR_DIRECTORY_MAX];
	struct anchors anchors;
};

struct msg_anchors_kept {
	struct message_header h;
	int32_t error; /* 0 or negative errno */
};

struct negative_row {
	struct dns_name zone;
	uint64_t until_s; /* seconds since 1970 */
};

struct msg_status { /* behind msg_anchors of the same number */
	struct message_header h;
	uint32_t generation;
	uint32_t n_sandboxes;
	uint32_t n_pins;
	uint8_t queue_native;	 /* 1: native queue expression, 0: xt target */
	uint8_t renew_in_place;	 /* 1: TIMEOUT+EXPIRATION renews, 0: delete + add */
	uint64_t started_wall_us;
	uint64_t loaded_wall_us; /* policy */
	uint64_t counters[ROLE_COUNT][COUNTERS_MAX];
	int32_t pids[ROLE_COUNT];
	uint32_t n_upstreams;
	struct upstream_row upstreams[UPSTREAM_ROWS_MAX];
	uint8_t anchors_managed; /* 1: answers are validated, and the anchors follow their zones */
	uint8_t anchor_file;	 /* enum image_anchor_file: what was found at start */
	uint8_t anchors_kept;	 /* 1: their state is on disk */
	int32_t anchors_error;	 /* of the last attempt to write it: 0 or negative errno */
	uint32_t n_negative;
	struct negative_row negative[IMAGE_NEGATIVE_MAX];
};

struct msg_cursor { /* PINS_ASK, SANDBOXES_ASK: rows from @cursor on; 0 at first */
	struct message_header h;
	uint32_t cursor;
	char sandbox[SANDBOX_NAME_MAX]; /* only this one (PINS_ASK: its pins); "": all */
};

struct pin_row {
	char sandbox[SANDBOX_NAME_MAX];
	char rule[RULE_NAME_MAX]; /* of the rule that may pin; "" where the policy no longer has it */
	char group[RULE_NAME_MAX]; /* its rule group; "" for the policy's own section */
	uint32_t expires_in_ms;
	struct addr addr;
	struct service service;
	struct dns_name name;
};

struct msg_pins {
	struct message_header h;
	uint32_t n;
	uint32_t next; /* cursor, 0: no more */
	struct pin_row rows[PINS_PER_MESSAGE];
};

struct msg_sandboxes {
	struct message_header h;
	uint32_t n;
	uint32_t next;
	struct sandbox rows[SANDBOXES_PER_MESSAGE];
};

struct msg_result { /* RESULT, RELOADED */
	struct message_header h;
	int32_t error; /* 0 or negative errno */
	uint32_t n_errors, n_warnings; /* of a reload */
	char text[RESULT_TEXT_MAX];    /* what is wrong and what to do */
};

#define TLS_PART_MAX 4096

struct msg_tls_ask {
	struct message_header h;
	uint32_t generation; /* of the image in which @upstream is counted */
	uint32_t upstream;
	uint32_t ref;
	uint16_t len;
	uint8_t data[DNS_ASK_MAX];
};

/* An answer is sent as its parts in order, with nothing in between: from @offset on @len of @total bytes. */
struct msg_tls_answer {
	struct message_header h;
	uint32_t ref;
	uint32_t total;
	uint32_t offset;
	uint32_t len;
	uint8_t data[TLS_PART_MAX];
};

struct msg_tls_ref { /* TLS_FORGET, TLS_FAILED */
	struct message_header h;
	uint32_t ref;
};

#define MESSAGE_SIZE_MAX 8192

/* Count, families and states are in range. */
bool upstream_rows_valid(const struct upstream_row *list, uint32_t n);

/* The type's exact size in bytes. */
size_t message_size(enum message_type t);
const char *message_text(enum message_type t);
/* May @from send @t to @to? */
bool message_allowed(enum message_type t, enum role from, enum role to);
/* How many fds travel with it. */
unsigned int message_fds(enum message_type t);
/*
 * Everything that can be said before the body is read: known type, exact size, allowed on this
 * channel, right number of fds. 0 or -EPROTO.
 */
POSTERN_MUST_CHECK int message_check(const void *message, size_t len, unsigned int n_fds, enum role from, enum role to);

#endif
