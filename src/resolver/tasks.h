/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions under way and the clients that wait for them: tables with limits, no decisions.
 */
#ifndef POSTERN_RESOLVER_TASKS_H
#define POSTERN_RESOLVER_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "postern/detect.h"
#include "postern/resolver.h"

#define TASK_WIRE_MAX 4096 /* header, question and aliases of a reply in the making */
#define TASK_PROOFS_MAX 4096 /* its authority section, where it is asked with DO */
#define INDEX_NONE UINT16_MAX

enum task_state { TASK_FREE, TASK_ASKING, TASK_PINNING };

/*
 * A reply in the making: everything before the addresses stands in wire, in the form of
 * dns_reply; the addresses are apart, because only granted ones get in.
 */
struct draft {
	uint16_t len;	   /* of wire */
	uint16_t owner_at; /* where the name stands whose records come next */
	uint16_t n_answers;
	uint8_t n_addrs;
	bool authentic;	   /* every answer it is made of was */
	bool is_signed;	   /* signatures over the addresses stand in wire: they go out whole or not at all */
	bool reduced;	   /* there were more addresses than it holds */
	uint64_t as_of_ms; /* when its TTLs were as they are written; 0: there are none yet */
	uint32_t ttl_s;	   /* lowest so far */
	uint32_t addr_ttl_s;
	struct addr addrs[PIN_ADDRS_MAX];
	uint8_t wire[TASK_WIRE_MAX];
	uint16_t proofs_len, n_proofs;
	uint8_t proofs[TASK_PROOFS_MAX]; /* whole records with owners in full */
};

/* What is to be recorded of a question that is not blocked. */
struct finding {
	uint16_t action; /* enum event_action: ALERTED or WOULD_BLOCK; NONE: nothing was found */
	uint16_t reason; /* enum reason */
	uint32_t rule;	 /* the rule that says so, or IMAGE_NONE */
	struct dns_name hop; /* the alias that it is about; len 0: QNAME itself */
};

/* A question that is out; there may be two of them. */
struct out_ask {
	bool asked;	 /* the shell holds it under the reference */
	bool stream;
	bool plain;	 /* without EDNS: the upstream does not understand it */
	bool bad_cookie; /* it was asked again because of its cookie */
	bool overdue;	 /* longer than usual: another was asked beside it, or may be */
	uint8_t upstream; /* which of the task's */
	uint32_t ref;
	uint64_t sent_ms;
	uint32_t patience_ms; /* from then on: longer is longer than usual */
	struct dns_ask ask; /* as sent: name being followed, id, case */
};

struct task {
	uint16_t client_place; /* where it is counted (rate_begin()), or CLIENT_NO_PLACE */
	enum task_state state;
	uint16_t next;	       /* in its hash chain */
	uint16_t active_at;    /* in the list of those in use */
	uint16_t first_waiter, n_waiters;
	uint32_t generation;   /* of its references */
	uint32_t ref;	       /* the present one */
	uint32_t rule;	       /* that decided about QNAME: its ports are pinned; in audit mode it may block, or be IMAGE_NONE */
	struct finding found;
	uint64_t due_ms;       /* when the present step has failed */
	uint64_t deadline_ms;  /* when all of it has */
	uint64_t pin_sent_ms;
	struct detect_trace trace; /* of the question that it began with */
	struct cache_key key;  /* sandbox, QNAME, QTYPE */
	/* asking */
	struct dns_name current; /* the name being followed, in the case it came with */
	uint16_t fetch_type;   /* not 0: what is asked is this about fetch_name, for the validator */
	struct dns_name fetch_name;
	struct validation *validation; /* the answer being validated, or NULL */
	uint8_t hops, tries;
	struct out_ask out;    /* the last question */
	struct out_ask before; /* one that is waited for still beside it */
	uint8_t n_upstreams;   /* that answer for the current name, from first_upstream on */
	uint32_t first_upstream;
	uint32_t zone;	       /* of the current name: see zones.c */
	uint8_t tried;	       /* a bit for each upstream that failed for this name */
	bool sent;	       /* at least one question went out */
	bool late;	       /* clients are served what is past its end */
	bool stale;	       /* it pins such an answer */
	bool look;	       /* asked for nobody, and no sandbox: at the keys of an anchored zone */
	bool ahead;	       /* asked for nobody, before the kept reply ends */
	uint64_t stale_ms;     /* when clients have waited long enough; 0: nothing to serve then */
	bool tls_failed;       /* a connection over TLS broke while it was asked */
	struct draft draft;
};

struct waiter {
	uint16_t next;
	struct client client;
	struct dns_query query;
};

struct tasks;

struct tasks *tasks_new(void);
void tasks_free(struct tasks *t);
/* NULL where the table is full. Found by its key from now on. */
struct task *tasks_add(struct tasks *t, const struct cache_key *k);
struct task *tasks_find(struct tasks *t, const struct cache_key *k);
/* Removes the task with its waiters. */
void tasks_remove(struct tasks *t, struct task *task);
/*
 * A new reference: older ones of the task are dead, but that of task->before while it is asked. References of two questions that are
 * out differ modulo RESOLVER_ASKS_MAX.
 */
uint32_t tasks_renew_ref(struct tasks *t, struct task *task);
uint32_t tasks_ref(const struct tasks *t, const struct task *task);
/* NULL for a dead one. */
struct task *tasks_by_ref(struct tasks *t, uint32_t ref);
/* The i-th task in use, NULL behind the last. Removing one puts the last in its place. */
struct task *tasks_active(struct tasks *t, unsigned int i);
/* -ENOSPC where the table is full. A datagram sent again is one waiter. */
POSTERN_MUST_CHECK int tasks_wait(struct tasks *t, struct task *task, const struct client *c, const struct dns_query *q);
/* All of @from now wait for @to. */
void tasks_move_waiters(struct tasks *t, struct task *from, struct task *to);
/* Nobody waits any more. */
void tasks_drop_waiters(struct tasks *t, struct task *task);
/* Waiters of a task: first, then by next; NULL behind the last. */
const struct waiter *tasks_waiter(const struct tasks *t, uint16_t index);

#endif
