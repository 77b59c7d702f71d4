/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why something was refused, withheld or noted: one enum for every process, the
 * log and the command line.
 * folder: src/policy
 */
#ifndef POSTERN_REASON_H
#define POSTERN_REASON_H

enum reason {
	REASON_NONE,
	/* packets */
	REASON_NEVER_RESOLVED,	 /* no answer of ours, to anybody in this sandbox, held this address */
	REASON_PIN_EXPIRED,	 /* one did, and its lifetime is over */
	REASON_BLOCKED_NAME,	 /* the address belongs to a name that the policy blocked for this sandbox */
	REASON_PORT_NOT_ALLOWED, /* pinned address, other port */
	REASON_PROTOCOL_NOT_ALLOWED, /* pinned address, other protocol; or a protocol nothing allows */
	REASON_ALWAYS_DENIED,	 /* metadata and its like */
	REASON_PRIVATE_ADDRESS,	 /* only a static rule may open it */
	REASON_INGRESS,		 /* inbound, and no ingress rule */
	REASON_NO_SANDBOX,	 /* confined group or host, and no sandbox owns it */
	REASON_MALFORMED,
	REASON_FLOOD,		 /* over the limit of its sandbox; not looked at */
	REASON_FORGED_SOURCE,	 /* not routed back to the interface that it came from */
	/* names */
	REASON_NO_RULE,		 /* nothing matched: denied */
	REASON_RULE_BLOCK,	 /* a BLOCK rule */
	REASON_REDIRECTION,	 /* INSPECT: a hop of the CNAME/DNAME chain is not allowed */
	REASON_REBINDING,	 /* the answer held addresses a name must not lead to */
	REASON_QTYPE,		 /* type answered locally with NODATA (HTTPS, SVCB, ANY, ...) */
	REASON_SPECIAL_NAME,	 /* special-use or reverse name, answered locally */
	REASON_UPSTREAM,	 /* no usable answer from any upstream */
	REASON_UPSTREAM_TLS,	 /* no upstream could be spoken to over TLS as the configuration demands */
	REASON_PIN_FAILED,	 /* the kernel did not take the pin */
	REASON_QUOTA,		 /* cap per name, rule or sandbox */
	REASON_ALERT,		 /* allowed, and to be recorded */
	REASON_OVERLOAD,	 /* a table of ours is full */
	REASON_DNS_TUNNELING,	 /* advanced protection: the names carry data */
	REASON_DGA,		 /* the name looks computed */
	REASON_DICTIONARY_DGA,	 /* words put together, like others that do not exist */
	REASON_BOGUS,		 /* DNSSEC: the answer does not validate */
	REASON_COUNT
};

/* The word of the log: "never-resolved". Never NULL. */
const char *reason_text(enum reason r);
/* The inverse; REASON_COUNT where unknown. */
enum reason reason_parse(const char *text);

#endif
