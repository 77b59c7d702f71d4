/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One audit event, as it travels from the process that saw it to postern-audit.
 * folder: src/ipc
 *
 * Fixed-size; strings end with a NUL and may hold hostile bytes: the audit process
 * escapes them. A member that does not apply is zero and is not written.
 * The JSON form is man/postern-audit.schema.json, described in postern-audit(5).
 */
#ifndef POSTERN_EVENT_H
#define POSTERN_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/image.h"
#include "postern/name.h"
#include "postern/reason.h"
#include "postern/sandbox.h"

#define EVENT_NAMES_MAX 4
#define EVENT_TEXT_MAX 256
#define EVENT_PATH_MAX 192
#define EVENT_ANSWERS_MAX 32	/* records of an answer that are recorded */
#define EVENT_ANSWER_BYTES 512	/* of them all */

enum event_kind {
	EVENT_START,	    /* a process is ready */
	EVENT_STOP,
	EVENT_POLICY,	    /* a policy file was loaded: text = path, digest */
	EVENT_POLICY_FAILED, /* a compile failed; the old policy stays */
	EVENT_SANDBOX,	    /* added, removed, appeared, disappeared: text says which */
	EVENT_DNS,	    /* a DNS decision: names[0] = QNAME */
	EVENT_PIN,	    /* granted, renewed, refused: names[0], peer address */
	EVENT_REFUSAL,	    /* packets that no rule and no pin let through */
	EVENT_ALERT,	    /* packets let through and recorded: an ALERT rule, or audit mode */
	EVENT_CUT,	    /* an established flow ended because the policy no longer allows it */
	EVENT_TAMPER,	    /* someone else changed our table: pid, exe = writer */
	EVENT_ANCHOR,	    /* a trust anchor changed, or a negative one is in force or has ended: text says which */
	EVENT_SUPPRESSED,   /* count events of reason were not recorded one by one */
	EVENT_KIND_COUNT
};

enum event_action { EVENT_ACTION_NONE, EVENT_ALLOWED, EVENT_ALERTED, EVENT_BLOCKED, EVENT_REFUSED, EVENT_DROPPED,
	EVENT_WOULD_BLOCK, /* sandbox in audit mode: let through, and reason and rule are those of the refusal that it would be */
	EVENT_ACTION_COUNT };

/* Who sent a packet, as far as it could be found. */
struct attribution {
	bool found;			/* the socket was */
	uint32_t uid;
	int32_t pid;			/* 0: unknown */
	char exe[EVENT_PATH_MAX];
	char command[EVENT_TEXT_MAX];	/* arguments, separated by spaces */
	char cgroup[SELECTOR_CGROUP_MAX];
	char unit[64];			/* systemd unit in the cgroup path */
	char container[72];		/* container id in the cgroup path */
};

struct event {
	uint16_t kind;	      /* enum event_kind */
	uint16_t reason;      /* enum reason */
	uint16_t action;      /* enum event_action */
	uint16_t slot;	      /* sandbox, or SANDBOX_NONE */
	uint32_t count;	      /* packets or queries it stands for; at least 1 */
	uint64_t wall_us;     /* first of them */
	uint64_t last_wall_us;
	char sandbox[SANDBOX_NAME_MAX];
	/* the rule that decided */
	char rule[RULE_NAME_MAX];
	char group[RULE_NAME_MAX]; /* rule group; "" for a rule of the policy's own sections */
	char policy[SANDBOX_NAME_MAX]; /* of a query: whose rules decided */
	char file[EVENT_PATH_MAX];
	uint32_t line;
	/* traffic */
	struct addr source, destination;
	uint16_t source_port, destination_port; /* destination_port: type for ICMP */
	uint8_t protocol;
	uint8_t inbound;
	char interface[SELECTOR_IFNAME_MAX];
	uint8_t hardware_len;
	uint8_t hardware[8];
	/* names: QNAME, or candidates for an address, likeliest first */
	uint8_t n_names;
	uint16_t qtype;
	uint16_t rcode;
	uint32_t lifetime_s;
	struct dns_name names[EVENT_NAMES_MAX];
	/* EVENT_DNS: what was answered, as dns_reply_answers() writes it */
	uint8_t answers_cut; /* there were more */
	uint16_t answers_len;
	uint8_t answers[EVENT_ANSWER_BYTES];
	struct attribution by;
	uint8_t has_digest;
	uint8_t digest[32]; /* SHA-256 of the file of EVENT_POLICY */
	char text[EVENT_TEXT_MAX];
};

const char *event_kind_text(enum event_kind k);
enum event_kind event_kind_parse(const char *text); /* EVENT_KIND_COUNT where unknown */
const char *event_action_text(enum event_action a);
enum event_action event_action_parse(const char *text); /* EVENT_ACTION_COUNT where unknown */
/* Zeroed, with kind, count 1, both times now, slot SANDBOX_NONE. */
struct event event_new(enum event_kind k);
/* The same in place: an event is some kilobytes. */
void event_init(struct event *e, enum event_kind k);
/* Fills rule, group, file and line from the image. */
void event_set_place(struct event *e, const struct image *im, const struct image_place *place);
/* Copies with cut and NUL. */
void event_set_text(char *dst, size_t cap, const char *src);
/* Every field of an event that came from another process is in range and strings end. */
bool event_valid(const struct event *e);

#endif
