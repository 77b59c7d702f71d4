/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scenarios: the resolver's core in virtual time, driven by a text file.
 *
 * A line is an event, or starts with "> " and is the next action that the core has to have taken, as text. At
 * each event (and at the end) every action must have been expected. "#" starts a comment.
 *
 *	policy NAME				a new policy; rules follow
 *	rule ACTION PRIORITY NAME,... [ports=443,...] [trust] [strip] [nxdomain] [override=NAME/TTL] [qtype=TYPE]
 *		[group=NAME/PRIORITY]
 *						NAME may be !PROTECTION/CONFIDENCE instead
 *	setting NAME VALUE			of image_settings; at first prefetch and stale_max_s are 0
 *	upstream-tls ADDRESS			one that is asked over TLS
 *	upstreams N				of addresses without meaning; upstream ADDRESS: a real one (test_resolver.py)
 *	zone NAME N [private=PREFIX,...]		a forward zone with N more upstreams, behind them
 *	local NAME ADDRESS|NAME [ttl=60]	a local record
 *	load					compile what was said since the last load; comes into force
 *	sandbox SLOT POLICY [bridge] [audit] [fail_open]
 *						a uid sandbox, or an interface with several clients; gone SLOT removes it
 *	cookies off				none has to go upstream from now on
 *	rules on				records say which rule, by group and priority, from now on
 *	query NAME TYPE [slot=1] [id=7] [edns=SIZE [do]] [ad] [cd] [tcp] [port=N] [from=ADDRESS] [rd=0]
 *						action `dropped`: never an answer; `limited`: over the allowance
 *	raw HEX					bytes as a query of sandbox 1
 *	reply RCODE [tc] [ad] [cut] [case] [id] [question] [pointers] [bare] [soa=NAME/TTL]
 *		[cookie=LENGTH|wrong|echo]
 *						[; NAME TTL TYPE RDATA]... [; ^NAME TTL TYPE RDATA]...
 *						answers the last question asked; ^: in the authority section, those last;
 *						case, id, question: with that wrong;
 *						cut: without its last bytes; pointers: data compressed against the question;
 *						bare: its header alone; cookie: with that of the question, and so many bytes of the server's
 *						behind it; or wrong in the client's part; or as it was asked; RCODE may be BADCOOKIE then
 *	junk HEX				bytes instead
 *	broken					the connection for the last question ended
 *	grant MS [ADDRESS...]			of the last pin request: all, or only these
 *	refuse REASON				of the last pin request (printed as "name" where it asks for no pin)
 *	late					the next grant is for the pin request before the last one
 *	full pin|ask|log [on|off]		the channel to the gate, the pool of sockets, or the channel to the log takes no more
 *	other					what comes next is for the question before the last, not for the last
 *	time MS					passes; `time 30d` and `time 2h` too
 *	wall S					seconds since 1970 from now on: the clock was set
 *	key NAME ZONE [sep]			a key, the same in each run; in a reply ZONE TTL DNSKEY @NAME (@NAME! with REVOKE), DS @NAME,
 *						and signatures over what stands before them: +TYPE OWNER NAME [from=S] [to=S] [bad]
 *	anchors NAME...				keys that are trusted from the next load on, as `trust_anchors` has them
 *	negative ZONE S				a negative trust anchor until then
 *						action `seen ZONE good|bad NAME...`: a look for the gate, which stands here, too: see gate.c;
 *						`anchor NAME STATE`: what it made of it
 *	restart					another process, with the table of anchors from the file; then `load`, `sandbox`
 *	counter NAME VALUE			has this value now
 */
#ifndef POSTERN_TEST_SCENARIO_H
#define POSTERN_TEST_SCENARIO_H

#include <stdbool.h>

#include "postern/image.h"
#include "postern/resolver.h"
#include "signer.h"

#define LINE_MAX_BYTES 4096
#define ACTIONS_MAX 64

struct scenario_ask {
	uint32_t ref;
	uint8_t wire[DNS_ASK_MAX];
	size_t len;
};

struct scenario_gate {
	struct anchors table;
	struct anchor_configured configured[ANCHOR_CONFIGURED_MAX];
	uint32_t n_configured;
	bool changed; /* the resolver has to be told */
};

struct scenario {
	const char *path;
	unsigned int line, failed;
	struct resolver *r;
	struct resolver_ports ports;
	uint64_t now_ms;
	uint32_t generation;
	uint32_t random;
	struct image *im;
	void *image_data;
	struct policy_text *policy;
	/* actions taken, not yet expected */
	char *actions[ACTIONS_MAX];
	unsigned int n_actions;
	/* the last question and pin request */
	struct scenario_ask ask, ask_before;
	struct msg_pin_request pin, pin_before;
	bool late, pin_full, ask_full, log_full, rules, cookies;
	/* the clock, and the gate's part in trust anchors */
	uint64_t wall_s;
	struct signer signer;
	struct scenario_gate gate;
};

/* Prints file, line and text, counts the failure. */
void scenario_fail(struct scenario *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An action in words. */
void scenario_action(struct scenario *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* gate.c: what the gate does with looks, with its own code */
int gate_seen(void *ctx, const struct anchor_seen *seen);
/* After an event, when the core is not at work. */
void gate_tell(struct scenario *s);
/* In front of a load. */
void gate_load(struct scenario *s);
void gate_anchors(struct scenario *s, char *args);
/* The table by way of the file. */
void gate_restart(struct scenario *s);

/* policy.c: policies and settings in text */
struct policy_text *policy_text_new(void);
void policy_text_free(struct policy_text *p);
/* A line of the policy; false where it is none. */
bool policy_text_line(struct policy_text *p, char *line);
void policy_text_anchor(struct policy_text *p, const struct anchor_configured *c);
/* The image; a new one starts with the same settings. Free *ret_data behind the image. */
struct image *policy_text_load(struct policy_text *p, void **ret_data);

/* wire.c: messages in text, by ldns, so that our own codec does not test itself */
/* The reply described by @text to the question @ask. */
size_t wire_reply(struct scenario *s, char *text, uint8_t *out, size_t cap);
/* "noerror [tc] [ede N text] ; NAME TTL TYPE RDATA ; ..." */
void wire_text(const uint8_t *data, size_t len, char *out, size_t cap);
size_t wire_hex(const char *text, uint8_t *out, size_t cap);
uint16_t wire_type(const char *text);
const char *wire_type_text(uint16_t type, char *buf, size_t cap);

#endif
