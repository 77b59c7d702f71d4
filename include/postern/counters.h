/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of each process: their numbers in msg_pong and msg_status, and their names in
 * `postern status`. Counters are the truth, logs a sample.
 * folder: src/ipc
 *
 * To add one: a line in the X-macro of its process. Nothing else knows the list.
 */
#ifndef POSTERN_COUNTERS_H
#define POSTERN_COUNTERS_H

#include "postern/message.h"

#define COUNTERS_GATE(X)       \
	X(GATE, pins_live)     \
	X(GATE, pins_granted)  \
	X(GATE, pins_renewed)  \
	X(GATE, pins_refused)  \
	X(GATE, pins_failed)   \
	X(GATE, pins_deleted)  \
	X(GATE, pins_adopted)  \
	X(GATE, pin_table_full) \
	X(GATE, commits)       \
	X(GATE, commit_errors) \
	X(GATE, verdicts)      \
	X(GATE, verdict_errors) \
	X(GATE, flows_cut)     \
	X(GATE, tampers)       \
	X(GATE, reloads)       \
	X(GATE, events_lost)

#define COUNTERS_POLICY(X) X(POLICY, compiles)

#define COUNTERS_RESOLVER(X)          \
	X(RESOLVER, queries_udp)      \
	X(RESOLVER, queries_tcp)      \
	X(RESOLVER, malformed)        \
	X(RESOLVER, cache_hits)       \
	X(RESOLVER, blocked)          \
	X(RESOLVER, answered)         \
	X(RESOLVER, servfail)         \
	X(RESOLVER, pin_requests)     \
	X(RESOLVER, pin_failures)     \
	X(RESOLVER, upstream_queries) \
	X(RESOLVER, upstream_timeouts) \
	X(RESOLVER, upstream_hedges) \
	X(RESOLVER, upstream_hedges_won) \
	X(RESOLVER, upstream_mismatches) \
	X(RESOLVER, upstream_cookies_forged) \
	X(RESOLVER, upstream_badcookies) \
	X(RESOLVER, stale_answers)    \
	X(RESOLVER, failures_cached)  \
	X(RESOLVER, prefetches)       \
	X(RESOLVER, table_full)       \
	X(RESOLVER, connections_refused) \
	X(RESOLVER, dropped)          \
	X(RESOLVER, rate_limited)     \
	X(RESOLVER, client_limited)   \
	X(RESOLVER, client_table_full) \
	X(RESOLVER, bogus)            \
	X(RESOLVER, anchors_new)      \
	X(RESOLVER, anchors_gone)     \
	X(RESOLVER, anchor_looks)     \
	X(RESOLVER, anchor_looks_failed) \
	X(RESOLVER, protection_matches) \
	X(RESOLVER, protection_full)  \
	X(RESOLVER, would_block)      \
	X(RESOLVER, failed_open)      \
	X(RESOLVER, events_lost)

#define COUNTERS_VERDICT(X)          \
	X(VERDICT, packets)          \
	X(VERDICT, accepted)         \
	X(VERDICT, refused)          \
	X(VERDICT, dropped)          \
	X(VERDICT, malformed)        \
	X(VERDICT, races_settled)    \
	X(VERDICT, would_block)      \
	X(VERDICT, attributed)       \
	X(VERDICT, unattributed)     \
	X(VERDICT, attribution_late) \
	X(VERDICT, held_full)        \
	X(VERDICT, aggregate_full)   \
	X(VERDICT, pin_table_full)   \
	X(VERDICT, foreign)          \
	X(VERDICT, notes)            \
	X(VERDICT, events_lost)

#define COUNTERS_ATTRIBUTE(X)    \
	X(ATTRIBUTE, asked)      \
	X(ATTRIBUTE, sockets_found) \
	X(ATTRIBUTE, processes_found) \
	X(ATTRIBUTE, pids_scanned)

#define COUNTERS_AUDIT(X)       \
	X(AUDIT, events)        \
	X(AUDIT, written)       \
	X(AUDIT, lost_senders)  \
	X(AUDIT, lost_disk)     \
	X(AUDIT, rotations)     \
	X(AUDIT, outputs)       \
	X(AUDIT, lost_outputs)

#define COUNTERS_CONTROL(X)    \
	X(CONTROL, connections) \
	X(CONTROL, requests)   \
	X(CONTROL, refused)    \
	X(CONTROL, malformed)

#define COUNTERS_TLS(X)       \
	X(TLS, questions)     \
	X(TLS, answers)       \
	X(TLS, failures)      \
	X(TLS, connections)   \
	X(TLS, resumed)       \
	X(TLS, handshakes_failed)

#define COUNTER_ENUM(role, name) COUNTER_##role##_##name,
enum { COUNTERS_GATE(COUNTER_ENUM) COUNTER_GATE_COUNT };
enum { COUNTERS_POLICY(COUNTER_ENUM) COUNTER_POLICY_COUNT };
enum { COUNTERS_RESOLVER(COUNTER_ENUM) COUNTER_RESOLVER_COUNT };
enum { COUNTERS_VERDICT(COUNTER_ENUM) COUNTER_VERDICT_COUNT };
enum { COUNTERS_ATTRIBUTE(COUNTER_ENUM) COUNTER_ATTRIBUTE_COUNT };
enum { COUNTERS_AUDIT(COUNTER_ENUM) COUNTER_AUDIT_COUNT };
enum { COUNTERS_CONTROL(COUNTER_ENUM) COUNTER_CONTROL_COUNT };
enum { COUNTERS_TLS(COUNTER_ENUM) COUNTER_TLS_COUNT };

/* "queries_udp", ...; NULL behind the last of the role. */
const char *counter_name(enum role r, unsigned int counter);

#endif
