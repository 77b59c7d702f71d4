/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the core's files share. Each owns its part: owners, cache, tasks, recorder and rate keep
 * their structs to themselves.
 *
 *   core.c     events in; a query's first decision
 *   outcome.c  how a question ends: what is told and recorded
 *   local.c    answers that need nobody: blocked, special, refused
 *   zones.c    who answers for a name: local records, a zone's upstreams, or the others
 *   protect.c  rules with a protection: what permitted questions look like together
 *   ask.c      questions to upstreams: which, when again, is this its answer
 *   resolve.c  what an answer holds: chain, policy, rebinding; the reply in the making
 *   secure.c   answers that are validated first
 *   looks.c    looks at the keys of anchored zones
 *   cookie.c   the server's part of a client's cookie
 *   cookie_ask.c  our own cookies, with the upstreams
 *   signed.c   signatures and proofs for those who ask with DO
 *   stale.c    what is past its end, for when no upstream answers
 *   ahead.c    questions for nobody, before a reply in use ends
 *   pins.c     grants: asking for them, answering on them, renewing them for cached replies
 */
#ifndef POSTERN_RESOLVER_STATE_H
#define POSTERN_RESOLVER_STATE_H

#include "cache.h"
#include "cookie.h"
#include "cookie_ask.h"
#include "ede.h"
#include "failures.h"
#include "owners.h"
#include "postern/answer.h"
#include "postern/detect.h"
#include "postern/forward.h"
#include "postern/match.h"
#include "postern/resolver.h"
#include "rate.h"
#include "health.h"
#include "looks.h"
#include "prefetch.h"
#include "record.h"
#include "tasks.h"
#include "dnssec/validator.h"

struct resolver {
	const struct resolver_ports *ports;
	void *ctx;
	uint64_t now_ms;
	uint64_t wall_ms; /* of now_ms, since 1970 */
	uint64_t due_ms; /* no task is due before */
	const struct image *im;
	uint32_t generation;
	struct image_settings settings;
	struct owners *owners;
	struct cache *cache;
	struct tasks *tasks;
	struct failures *failures;
	struct prefetch *prefetch;
	uint32_t n_ahead; /* tasks that are asked for nobody */
	struct validator *validator;
	struct anchors anchors; /* as the gate has them; no zone: those of the image */
	struct looks looks;
	uint32_t n_validations; /* answers set aside */
	struct recorder *recorder;
	struct rate *rate;
	struct cookie_key cookie_key;
	struct upstream_cookie cookies[RESOLVER_UPSTREAMS_MAX]; /* by number in the image */
	struct detect *detect; /* NULL: no policy has asked for it yet */
	struct answer *answer; /* the upstream message being looked at */
	uint64_t record_retry_ms; /* records are not handed out before */
	uint32_t n_pins;       /* requests not yet answered */
	struct upstream_health health[RESOLVER_UPSTREAMS_MAX]; /* by number in the image */
	uint32_t hedge_percent; /* what is left for asking a second upstream: 100 a question */
	uint64_t counters[COUNTER_RESOLVER_COUNT];
	struct dns_query query; /* being looked at */
	struct cache_key key;   /* its */
	struct client asker;	/* of what local_outcome() decides */
	struct detect_trace trace; /* what it found in a question to be asked upstream */
	struct decision_record decision; /* being recorded; without its name and answers */
	uint8_t draft[DNS_MESSAGE_MAX];	 /* a reply being written */
	uint8_t finish[DNS_MESSAGE_MAX]; /* and one being sent */
};

static inline void count(struct resolver *r, unsigned int counter)
{
	r->counters[counter]++;
}

/* What is told to all who wait for a task, or to one at once. */
struct outcome {
	const uint8_t *wire; /* a closed reply; len 0: it could not be made, say SERVFAIL */
	size_t len;
	uint16_t rcode;
	uint16_t reason, action;
	uint32_t rule;
	uint32_t ttl_s;
	uint32_t found; /* of WOULD_BLOCK: the rule that would have blocked; @rule is that of QNAME */
	bool forged; /* OVERRIDE */
	uint16_t ede; /* enum dns_ede_code instead of the reason's; 0: that */
	const struct dns_name *hop;
};

/* core.c */
/* NULL where the sandbox or the table has no more. */
struct task *task_start(struct resolver *r, const struct cache_key *key, uint32_t rule);
/* The task is no more; who waits for it hears nothing. */
void task_remove(struct resolver *r, struct task *task);
/* To be looked at again by then. */
void task_set_due(struct resolver *r, struct task *task, uint64_t due_ms);
/* What is under way is decided anew: of that slot, or SANDBOX_NONE: all. */
void restart_tasks(struct resolver *r, uint16_t slot);

/* outcome.c */
const struct image_rule *rule_of(const struct resolver *r, uint16_t slot, uint32_t rule);
/* The recorder's input for r->decision about @key, by @rule: who and where, without what was decided. */
struct record_in record_in(struct resolver *r, const struct cache_key *key, uint32_t rule);
/* Records a decision about @n queries for @key, if it is of a kind that is recorded. @source: the first asker, or NULL. */
void record_outcome(struct resolver *r, const struct cache_key *key, const struct outcome *o, uint32_t n,
	const struct client *source);
/* How an outcome is said to clients. */
struct dns_ede outcome_ede(const struct outcome *o);
/* Tells everybody; nobody waits any more. */
void task_tell(struct resolver *r, struct task *task, const struct outcome *o);
/*
 * Notes what is to be recorded of @task; the first thing that would have blocked it stays, and so does the first alert until
 * then. @hop: the alias it is about, or NULL.
 */
void task_found(struct task *task, enum event_action action, enum reason reason, uint32_t rule, const struct dns_name *hop);
/* Fills action, reason, rule and hop of an answer that is given. */
void task_outcome(struct resolver *r, const struct task *task, struct outcome *o);
/* Tells everybody and ends the task. */
void task_end(struct resolver *r, struct task *task, const struct outcome *o);
void task_fail(struct resolver *r, struct task *task, enum reason reason);

/* local.c */
/* Writes the reply to a name that is blocked by @rule (IMAGE_NONE: by no rule) into r->draft. */
void blocked_outcome(struct resolver *r, const struct cache_key *key, uint32_t rule, enum reason reason,
	struct outcome *ret_outcome);
/*
 * Is there an answer that needs nobody? False: ask upstream, under ret_outcome->rule. Its action is WOULD_BLOCK where only audit
 * mode lets it.
 */
bool local_outcome(struct resolver *r, const struct cache_key *key, const struct owner *owner, struct outcome *ret_outcome);
/* A reply with @rcode and no records. */
void empty_outcome(struct resolver *r, const struct cache_key *key, uint16_t rcode, struct outcome *ret_outcome);

/* protect.c */
/* Does a protection block the question that rule o->rule permits? Fills r->trace where none does. */
bool protect_outcome(struct resolver *r, const struct cache_key *key, struct outcome *o);
/* The task's QNAME does not exist. */
void protect_nxdomain(struct resolver *r, const struct task *task);
/* A new image is in force: makes the detector where one of its policies has a protection for the first time. */
void protect_set_image(struct resolver *r);
/* The sandbox is gone. */
void protect_forget(struct resolver *r, uint16_t slot);

/* ask.c */
#define HEDGE_PERCENT_MAX 1000 /* saved up: ten */
/* Asks for task->current at the task's upstreams. */
void ask_start(struct resolver *r, struct task *task);
void ask_due(struct resolver *r, struct task *task);
/* Ends what is out; those references are dead. */
void task_forget_ask(struct resolver *r, struct task *task);

/* zones.c */
/* Goes on with @name: answered from local records, or asked at the upstreams of its zone. */
void resolve_name(struct resolver *r, struct task *task, const struct dns_name *name);
/* Is it somebody else who answers for @name than for the task's current name? */
bool zone_left(const struct resolver *r, const struct task *task, const struct dns_name *name);
/* May the task's reply hold @a, which stands in the answer at hand? */
bool zone_permits(const struct resolver *r, const struct task *task, const struct addr *a);
/* Does a local record, or a zone at least as long as @special_len (wire bytes), take a special-use name over? */
bool zone_covers(const struct resolver *r, const struct dns_name *name, size_t special_len);

/* resolve.c */
void resolve_answer(struct resolver *r, struct task *task);
void draft_init(struct draft *d, const struct cache_key *key);
/* Keeps a reply that has no pins, for o->ttl_s. */
void outcome_keep(struct resolver *r, const struct task *task, const struct outcome *o);
/* Is the task's sandbox in mode audit: is what the policy refuses let through? */
bool in_audit(const struct resolver *r, const struct task *task);
/* May the task's chain lead to @name? @ret_rule: the rule that decides, IMAGE_NONE where none does or none is asked. */
bool name_allowed(const struct resolver *r, const struct task *task, const struct dns_name *name, uint32_t *ret_rule);

/* signed.c: for a task whose askers said DO; nothing for others */
/* Signatures of the answer at hand over @name's records of @type, into the answer section. */
void signed_answer(struct resolver *r, struct task *task, struct dns_reply *reply, const struct dns_name *name,
	uint16_t type);
/* Those over the addresses of @name, into the draft. -E2BIG where they do not fit. */
POSTERN_MUST_CHECK int signed_addresses(struct resolver *r, struct task *task, const struct dns_name *name);
/* Those over the SOA, into the authority section. */
void signed_soa(struct resolver *r, struct dns_reply *reply, const struct answer_record *soa, uint32_t ttl_s);
/* Keeps the proofs of non-existence of the answer at hand in the draft. */
void signed_proofs(struct resolver *r, struct task *task);
/* The kept proofs, behind what the authority section holds. */
void signed_append(const struct draft *d, struct dns_reply *reply);

/* pins.c */
/* Asks the gate for the draft's addresses; ends the task where that fails. */
void pins_request(struct resolver *r, struct task *task);
/* Does only audit mode let the name through? Then it gets no pins; the request says so, and any end of it releases the answer. */
bool pins_withheld(const struct task *task);
/* The gate did not answer in time. */
void pins_due(struct resolver *r, struct task *task);
/* The reply with the addresses of @granted: sent, kept, the task ended. */
void draft_end(struct resolver *r, struct task *task, uint32_t granted, const struct msg_pin_reply *grant);
/* The TTL that may be served on pins that end at @until_ms. */
uint32_t pins_servable_s(const struct resolver *r, uint64_t until_ms);
/* A kept reply as a draft again: same data, same age. */
void draft_from_entry(struct cache_entry *e, struct draft *d);
/* Writes @ttl_s at the @n places @at. */
void set_ttls(uint8_t *wire, const uint16_t *at, unsigned int n, uint32_t ttl_s);
/*
 * A kept reply for the query r->query. Returns its length in @out; 0: not while its pins are
 * renewed, the client has to wait in the task it gets.
 */
size_t hit_answer(struct resolver *r, struct cache_entry *e, const struct client *c, uint8_t *out);
/* Starts a renewal of a kept reply's pins; NULL where tables are full or one is under way. */
struct task *hit_renew(struct resolver *r, struct cache_entry *e);

/* stale.c */
/* Those who wait for the task get what is past its end, if there is any: at once, or from a task that pins it. */
void stale_serve(struct resolver *r, struct task *task);
/* A question was begun: is there something to serve when it takes long? */
void stale_watch(struct resolver *r, struct task *task);
/* Somebody waits for a task that was under way. */
void stale_joined(struct resolver *r, struct task *task);
/* The task's stale_ms has come. */
void stale_due(struct resolver *r, struct task *task);
/* The gate's answer to a task that pins a stale reply; @whole: every address is pinned. */
void stale_granted(struct resolver *r, const struct task *task, const struct msg_pin_reply *grant, bool whole);
void stale_refused(struct resolver *r, const struct task *task);
/*
 * Has the question r->key, under @rule, failed a moment ago? Then it is not asked: what to say instead, or
 * (*ret_task not NULL) the task to wait for, whose pins have still to be asked for unless it is in TASK_PINNING.
 */
bool failed_lately(struct resolver *r, uint32_t rule, struct outcome *ret_outcome, struct task **ret_task);

/* ahead.c */
/* A reply was served from the cache whose `ahead` is not set. */
void ahead_hit(struct resolver *r, struct cache_entry *e);
/* What is due. */
void ahead_run(struct resolver *r);
/* A task ends. */
void ahead_ended(struct resolver *r, struct task *task);

#endif
