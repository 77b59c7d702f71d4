/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words for reasons: part of the audit schema, so they never change. */
#include "postern/reason.h"

#include <string.h>

#include "postern/compiler.h"

static const char *const words[] = {
	[REASON_NONE] = "none",
	[REASON_NEVER_RESOLVED] = "never-resolved",
	[REASON_PIN_EXPIRED] = "pin-expired",
	[REASON_BLOCKED_NAME] = "blocked-name",
	[REASON_PORT_NOT_ALLOWED] = "port-not-allowed",
	[REASON_PROTOCOL_NOT_ALLOWED] = "protocol-not-allowed",
	[REASON_ALWAYS_DENIED] = "always-denied",
	[REASON_PRIVATE_ADDRESS] = "private-address",
	[REASON_INGRESS] = "ingress",
	[REASON_NO_SANDBOX] = "no-sandbox",
	[REASON_MALFORMED] = "malformed",
	[REASON_FLOOD] = "flood",
	[REASON_FORGED_SOURCE] = "forged-source",
	[REASON_NO_RULE] = "no-rule",
	[REASON_RULE_BLOCK] = "rule",
	[REASON_REDIRECTION] = "redirection",
	[REASON_REBINDING] = "rebinding",
	[REASON_QTYPE] = "qtype",
	[REASON_SPECIAL_NAME] = "special-name",
	[REASON_UPSTREAM] = "upstream",
	[REASON_UPSTREAM_TLS] = "upstream-tls",
	[REASON_PIN_FAILED] = "pin-failed",
	[REASON_QUOTA] = "quota",
	[REASON_ALERT] = "alert",
	[REASON_OVERLOAD] = "overload",
	[REASON_DNS_TUNNELING] = "dns-tunneling",
	[REASON_DGA] = "dga",
	[REASON_DICTIONARY_DGA] = "dictionary-dga",
	[REASON_BOGUS] = "bogus",
};
static_assert(ARRAY_LEN(words) == REASON_COUNT, "a word for every reason");

const char *reason_text(enum reason r)
{
	return words[r];
}

enum reason reason_parse(const char *text)
{
	unsigned int r = 0;

	while (r < REASON_COUNT && strcmp(words[r], text) != 0)
		r++;
	return (enum reason)r;
}
