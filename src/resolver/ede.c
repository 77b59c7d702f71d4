/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The codes. EXTRA-TEXT is the reason's word and nothing else: whoever is refused learns that policy did it and what kind
 * of decision it was, but neither the names of rules nor where they stand.
 *
 * Every blocked or failed answer has one, and every answer that we made up, special-use names included. A reason without
 * a row here is said as "other", so that a new one cannot be forgotten silently: tests/unit/test_ede.c has a row for each.
 */
#include "ede.h"

#include "postern/compiler.h"

static const struct {
	enum reason reason;
	enum dns_ede_code code;
} rows[] = {
	{REASON_NO_RULE, DNS_EDE_BLOCKED}, {REASON_RULE_BLOCK, DNS_EDE_BLOCKED}, {REASON_REDIRECTION, DNS_EDE_BLOCKED},
	{REASON_REBINDING, DNS_EDE_BLOCKED}, {REASON_QTYPE, DNS_EDE_BLOCKED}, {REASON_SPECIAL_NAME, DNS_EDE_SYNTHESIZED},
	{REASON_UPSTREAM, DNS_EDE_NO_REACHABLE}, {REASON_UPSTREAM_TLS, DNS_EDE_NETWORK}, {REASON_PIN_FAILED, DNS_EDE_OTHER},
	{REASON_QUOTA, DNS_EDE_OTHER},
	{REASON_OVERLOAD, DNS_EDE_OTHER}, {REASON_DNS_TUNNELING, DNS_EDE_BLOCKED}, {REASON_DGA, DNS_EDE_BLOCKED},
	{REASON_DICTIONARY_DGA, DNS_EDE_BLOCKED}, {REASON_BOGUS, DNS_EDE_BOGUS},
};

/* Let through: the answer is the upstream's own. */
static bool is_truth(enum reason reason)
{
	return reason == REASON_NONE || reason == REASON_ALERT;
}

struct dns_ede ede_of(enum reason reason, bool forged)
{
	struct dns_ede ede = {.present = !is_truth(reason), .code = DNS_EDE_OTHER, .text = reason_text(reason)};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].reason == reason)
			ede.code = (uint16_t)rows[i].code;
	if (forged)
		ede.code = DNS_EDE_FORGED;
	return ede;
}

struct dns_ede ede_of_refusal(int rcode)
{
	if (rcode == DNS_REFUSED)
		return (struct dns_ede){.present = true, .code = DNS_EDE_PROHIBITED, .text = "prohibited"};
	if (rcode == DNS_NOTIMP)
		return (struct dns_ede){.present = true, .code = DNS_EDE_NOT_SUPPORTED, .text = "not-supported"};
	/* a client whose EDNS version is unknown need not understand its options */
	return (struct dns_ede){.present = rcode == DNS_FORMERR, .code = DNS_EDE_OTHER, .text = reason_text(REASON_MALFORMED)};
}
