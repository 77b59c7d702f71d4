/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the counters: see the header. */
#include "postern/counters.h"

#define COUNTER_NAME(role, name) #name,

static const char *const gate[] = {COUNTERS_GATE(COUNTER_NAME)};
static const char *const policy[] = {COUNTERS_POLICY(COUNTER_NAME)};
static const char *const resolver[] = {COUNTERS_RESOLVER(COUNTER_NAME)};
static const char *const verdict[] = {COUNTERS_VERDICT(COUNTER_NAME)};
static const char *const attribute[] = {COUNTERS_ATTRIBUTE(COUNTER_NAME)};
static const char *const audit[] = {COUNTERS_AUDIT(COUNTER_NAME)};
static const char *const control[] = {COUNTERS_CONTROL(COUNTER_NAME)};
static const char *const tls[] = {COUNTERS_TLS(COUNTER_NAME)};

static const struct {
	const char *const *names;
	unsigned int n;
} tables[ROLE_COUNT] = {
	[ROLE_GATE] = {gate, ARRAY_LEN(gate)},
	[ROLE_POLICY] = {policy, ARRAY_LEN(policy)},
	[ROLE_RESOLVER] = {resolver, ARRAY_LEN(resolver)},
	[ROLE_VERDICT] = {verdict, ARRAY_LEN(verdict)},
	[ROLE_ATTRIBUTE] = {attribute, ARRAY_LEN(attribute)},
	[ROLE_AUDIT] = {audit, ARRAY_LEN(audit)},
	[ROLE_CONTROL] = {control, ARRAY_LEN(control)},
	[ROLE_TLS] = {tls, ARRAY_LEN(tls)},
};

static_assert(ARRAY_LEN(gate) <= COUNTERS_MAX && ARRAY_LEN(resolver) <= COUNTERS_MAX &&
	ARRAY_LEN(verdict) <= COUNTERS_MAX, "counters fit a message");

const char *counter_name(enum role r, unsigned int counter)
{
	return counter < tables[r].n ? tables[r].names[counter] : NULL;
}
