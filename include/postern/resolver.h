/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The resolver's core: what to answer to whom, as a state machine without sockets, clock or log.
 * folder: src/resolver
 *
 * Events go in as function calls, actions come out through the ports, some of them during
 * such a call. Time is an event: resolver_advance(). The process, the scenarios in
 * tests/scenario and the fuzzers drive the same objects.
 *
 * Words: a *task* is one question under way, asked by one or more waiting clients of one sandbox; a *reference*
 * is a task as others name it, dead once the task has moved on.
 */
#ifndef POSTERN_RESOLVER_H
#define POSTERN_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/anchor.h"
#include "postern/counters.h"
#include "postern/dns.h"
#include "postern/forward.h"
#include "postern/image.h"
#include "postern/message.h"
#include "postern/reason.h"

#define RESOLVER_TASKS_MAX 2048	       /* questions under way */
#define RESOLVER_ASKS_MAX (2 * RESOLVER_TASKS_MAX) /* questions at upstreams */
#define RESOLVER_TASKS_PER_SANDBOX 256
#define RESOLVER_WAITERS_MAX 4096      /* clients waiting for them */
#define RESOLVER_PINS_MAX 512	       /* pin requests not yet answered by the gate */
#define RESOLVER_HOPS_MAX 8	       /* aliases from QNAME to the data */
#define RESOLVER_DEADLINE_MS 4500      /* a question as a whole: below the 5 s of stub resolvers */
#define RESOLVER_PIN_DEADLINE_MS 2000  /* the gate's answer */
#define RESOLVER_UPSTREAMS_MAX ((ZONES_MAX + 1) * ZONE_UPSTREAMS_MAX) /* of an image */
#define RESOLVER_NEGATIVE_TTL_MAX_S 900
#define RESOLVER_ANSWER_MAX DNS_DATAGRAM_MAX /* an answer that is given at once */

/* Who asked, and the way back. All but slot and stream is the shell's business. */
struct client {
	uint16_t slot;	     /* sandbox */
	bool stream;	     /* TCP */
	uint16_t port;	     /* of peer */
	uint32_t socket;     /* number of the listener or connection */
	uint32_t generation; /* of that number */
	uint32_t ifindex;
	struct addr peer, local;
};

/* One decision to be recorded, standing for @count equal ones. */
struct decision_record {
	struct dns_name name; /* QNAME */
	struct dns_name hop;  /* the alias that was refused; len 0: none */
	uint64_t first_ms, last_ms;
	uint32_t count;
	/* Who and by what, as it was then: the slot may have another owner by now. Strings of the image in force. */
	char sandbox[SANDBOX_NAME_MAX];
	struct image_place place; /* of the rule; all IMAGE_NONE and 0: none */
	uint32_t policy;      /* its name */
	uint32_t rule;	      /* within the policy, or IMAGE_NONE */
	uint32_t epoch;	      /* of the sandbox: no two of different ones are equal */
	uint16_t slot;
	uint16_t qtype, rcode;
	uint16_t reason, action; /* enum reason, enum event_action */
	uint32_t ttl_s;
	struct addr source;   /* first asker; without a name: the client that went over its allowance, if it is about one */
	uint16_t source_port;
	bool stream;	      /* it asked over TCP */
	bool answers_cut;
	uint16_t answers_len; /* bytes of answers in use */
	uint8_t answers[EVENT_ANSWER_BYTES]; /* see dns_reply_answers() */
};

/*
 * A question for an upstream. References of two that are out differ modulo RESOLVER_ASKS_MAX.
 */
struct upstream_ask {
	uint32_t ref;
	uint32_t upstream; /* index in the image */
	bool stream;
	const uint8_t *data;
	size_t len;
};

/* The actions. @ctx is given to resolver_new(). */
struct resolver_ports {
	/* An answer that was not given at once. */
	void (*answer)(void *ctx, const struct client *c, const uint8_t *data, size_t len);
	/* Sends, from a port that cannot be foreseen. Negative: cannot (and the reference is not known to the shell). */
	int (*ask)(void *ctx, const struct upstream_ask *ask);
	/* Nothing more is wanted for the reference. Called once for each ask that succeeded. */
	void (*forget)(void *ctx, uint32_t ref);
	/* Sends to the gate, or keeps it to be sent soon. Negative: cannot; later that is a reply with REASON_PIN_FAILED. */
	int (*pin)(void *ctx, struct msg_pin_request *m);
	/* Hands a record out. Negative: no room now, ask again; with @last_chance it is gone then, and counted. */
	int (*record)(void *ctx, const struct decision_record *d, bool last_chance);
	uint32_t (*random)(void *ctx);
	/* A look at an anchored zone's keys, for the gate. Negative: cannot; it is looked at again soon. */
	int (*seen)(void *ctx, const struct anchor_seen *s);
};

struct resolver;

/* NULL without memory: the only allocation, at start. */
struct resolver *resolver_new(const struct resolver_ports *ports, void *ctx);
void resolver_free(struct resolver *r);

/* Time moves on, deadlines pass. To be called before anything else of that moment. */
void resolver_advance(struct resolver *r, uint64_t now_ms);
/* What time it is, in milliseconds since 1970: signatures have a beginning and an end. */
void resolver_set_wall(struct resolver *r, uint64_t wall_ms);
/* When to call again at the latest; UINT64_MAX: nothing is due. */
uint64_t resolver_deadline(const struct resolver *r);

/*
 * A new policy: everything cached is forgotten, everything under way is decided anew. The caller keeps
 * @im until the next one is set; NULL denies all.
 */
void resolver_set_image(struct resolver *r, const struct image *im, uint32_t generation);
/*
 * The trust anchors of now (@a is valid), in place of those of the image where they are managed: before the image that they belong to,
 * and when they change. Where one is no longer believed, everything cached is forgotten.
 */
void resolver_set_anchors(struct resolver *r, const struct anchors *a);
/* Added or changed; @s is valid (sandbox_valid()), its slot below SANDBOX_MAX, else -EINVAL. */
POSTERN_MUST_CHECK int resolver_set_sandbox(struct resolver *r, const struct sandbox *s);
void resolver_remove_sandbox(struct resolver *r, uint16_t slot);
/* To whom a forwarded packet belongs: by input interface, then by the longest source prefix. Or SANDBOX_NONE. */
uint16_t resolver_owner(struct resolver *r, const char *ifname, const struct addr *source);
/* Its name ("" where there is none). */
const char *resolver_sandbox_name(const struct resolver *r, uint16_t slot);
/* What only the shell sees, such as a query that belongs to nobody, or a refused connection: counted. */
void resolver_count(struct resolver *r, unsigned int counter);

/*
 * A query. Returns the length of the answer in @out where it can be given at once; 0: it comes later through the port,
 * once; -EAGAIN: its sandbox, or it, is over the allowance, a datagram is to be dropped, on TCP it may be given again in a while; other
 * negative: never an answer, as it is a response, no message at all, or nobody's.
 */
int resolver_query(struct resolver *r, const struct client *c, const uint8_t *data, size_t len,
	uint8_t out[static RESOLVER_ANSWER_MAX]);
/* A new connection of @peer, of a sandbox. False: it opens more than its allowance, which is not that of its queries; counted. */
bool resolver_take_connection(struct resolver *r, uint16_t slot, const struct addr *peer);
/* What came for a reference, without the length prefix of TCP. */
void resolver_upstream_answer(struct resolver *r, uint32_t ref, const uint8_t *data, size_t len);
/* Connection refused, reset, closed before the answer. */
void resolver_upstream_failed(struct resolver *r, uint32_t ref);
void resolver_pin_reply(struct resolver *r, const struct msg_pin_reply *m);
/* Records what is held back for counting, now: before the end. */
void resolver_flush(struct resolver *r);

/* How the first @n upstreams of the image do; how many there are, at most @n. */
uint32_t resolver_upstreams(const struct resolver *r, struct upstream_row *rows, uint32_t n);

/* COUNTER_RESOLVER_COUNT of them. */
const uint64_t *resolver_counters(const struct resolver *r);

#endif
