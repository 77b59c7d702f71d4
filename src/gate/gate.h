/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's shell: what its parts share. Private to src/gate; the pure parts (pinbook, admit, sandboxes,
 * elements) never see it.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "children.h"
#include "elements.h"
#include "fullness.h"
#include "kernel/flows.h"
#include "kernel/nft.h"
#include "kernel/snapshot.h"
#include "kernel/watch.h"
#include "notify.h"
#include "options.h"
#include "owner.h"
#include "pins.h"
#include "policy_load.h"
#include "postern/counters.h"
#include "postern/loop.h"
#include "sandboxes.h"

/* What a loop_ref of the gate is beside a role. */
enum { REF_WATCH = ROLE_COUNT, REF_SIGNAL, REF_CGROUPS };

struct gate_kernel {
	struct nft *nft;
	struct flows *flows;
	struct owners *owners;
	struct watch *watch;
	struct snapshot *snapshot;
	int queue_fd;
	int cgroup_fd; /* the cgroup2 mount; -1: there is none */
	int cgroup_watch_fd; /* inotify(7) */
	char cgroup_mount[256];
	bool queue_native;
};

struct gate_policy {
	struct image *image; /* NULL until the first compile */
	int image_fd;
	uint32_t generation;
	uint64_t loaded_wall_us;
	struct policy_load load;
	bool changed[SANDBOX_MAX]; /* slots whose flows the last reload looked at */
	bool asked; /* by the control process, with this number */
	uint32_t asked_seq;
};

/* Events of pins wait a little for company: none of them wakes the audit process while an answer is on its way. */
struct pin_events {
	unsigned int n;
	uint64_t due_ms; /* of the first of them */
	struct msg_event waiting[PINS_BATCH_MAX];
};

/* Trust anchors that follow their zones: anchors.c. */
struct gate_anchors {
	struct anchors table; /* empty where they are not managed */
	bool dirty;	      /* differs from what is on disk */
	bool keeping;	      /* is being written */
	bool kept;
	int error;	      /* of the last attempt to write it */
	uint8_t file;	      /* enum image_anchor_file: found at start */
	uint64_t keep_ms;     /* not written before */
	uint64_t looks_ms;    /* when looks_left was last raised */
	uint32_t looks_left;
	uint8_t ended;	      /* a bit for each negative anchor of the image that has */
};

struct gate {
	struct options options;
	struct asking_uids uids;
	struct loop loop;
	struct children children;
	struct notify notify;
	struct gate_kernel kernel;
	struct gate_policy policy;
	struct gate_anchors anchors;
	struct sandboxes *sandboxes;
	struct pins *pins;
	struct event_sink audit;
	struct pin_events pin_events;
	unsigned int notes_left; /* in the channel of the verdict loop since it was woken: see gate.c */
	int listener_fd; /* control socket, until it is handed on */
	struct msg_upstreams upstreams; /* what the resolver says of them */
	uint64_t started_wall_us;
	uint64_t counters[COUNTER_GATE_COUNT];
	uint32_t note_cursor; /* pins of whose notes the verdict process has not been told yet: see gate.c */
	struct fullness fullness;
	bool stop;
	int exit_code;
};

/* start.c: everything that needs root, then the drop. 0 or -errno, said in the log. */
POSTERN_MUST_CHECK int gate_start(struct gate *g);
/* What cannot be repaired here ends the daemon: said, and the loop ends with exit code 1. */
void gate_fail(struct gate *g, const char *what, int error);
struct pins_view gate_view(const struct gate *g);

/* reload.c */
POSTERN_MUST_CHECK int gate_reload(struct gate *g);
/* On MSG_COMPILED. The first one brings the daemon up. */
void gate_compiled(struct gate *g, const struct msg_compiled *m);

/* runtime.c: sandboxes at run time; 0 or -errno with a sentence for the administrator. */
POSTERN_MUST_CHECK int gate_sandbox_add(struct gate *g, const struct sandbox *s, char *ret_text, size_t cap);
POSTERN_MUST_CHECK int gate_sandbox_remove(struct gate *g, const char *name, char *ret_text, size_t cap);
/*
 * At start: the sandboxes of an earlier daemon, read back from the kernel, and by slot the digest of the
 * policy under which they ran (elements_digest()).
 */
POSTERN_MUST_CHECK int gate_sandboxes_adopt(struct gate *g, const struct image_settings *set,
	uint32_t ret_digests[static SANDBOX_MAX]);
/* Looks whether cgroups appeared or went. */
void gate_cgroups_look(struct gate *g);
/* On a notice that one may have. */
void gate_cgroups_noticed(struct gate *g);
/* The id of each cgroup selector of @s, 0 where it does not exist. */
void gate_cgroups_resolve(const struct gate *g, struct sandbox *s);
/* Tells resolver and verdict loop. */
POSTERN_MUST_CHECK int gate_tell_sandbox(struct gate *g, const struct sandbox *s, bool gone);

/* tls.c: postern-tls is there while the policy in force has an upstream over TLS */
/* Before the others hear of a new image: starts it where it is needed and not there. 0 or -errno: the daemon has to stop. */
POSTERN_MUST_CHECK int gate_tls_need(struct gate *g);
/* A process has the image in force: ends it where nobody needs it any more. */
void gate_tls_settle(struct gate *g);

/* guard.c: someone changed our table? */
void gate_guard(struct gate *g);

/* cut.c: ends flows that the policy no longer allows, of the slots that are marked and of sandboxes that are gone. */
void gate_cut(struct gate *g, const bool *changed_slots, const struct sandbox *gone, size_t n_gone);

/* control.c */
void gate_control(struct gate *g, const union message_buffer *m);
void gate_reloaded(struct gate *g, int error, const struct msg_compiled *m, int diagnostics_fd);

/* anchors.c: trust anchors, as RFC 5011 has them */
/* The image in force is new; @first: take over what was on disk. The resolver is told, before it gets the image. */
POSTERN_MUST_CHECK int gate_anchors_load(struct gate *g, bool first);
void gate_anchors_seen(struct gate *g, const struct msg_anchors_seen *m);
void gate_anchors_kept(struct gate *g, const struct msg_anchors_kept *m);
void gate_anchors_tick(struct gate *g, uint64_t now_ms);
/* Puts on record, and into the log, which zones are not validated for now. */
void gate_say_negative(struct gate *g);
/* Their part of a status; the table, for the message in front of it. */
void gate_anchors_status(const struct gate *g, struct msg_status *m, struct msg_anchors *ret_anchors);

/* events.c: the gate's own audit events */
/* Puts on record, and into the log, that a sandbox is in audit mode or fails open; nothing of others. */
void gate_say_loose(struct gate *g, const struct sandbox *s);
void gate_event_text(struct gate *g, enum event_kind kind, const struct sandbox *s, const char *fmt, ...)
	POSTERN_PRINTF(4, 5);
void gate_event_policies(struct gate *g);
/* Looks whether the kernel dropped packets because its connection table is full, and puts that on record. */
void gate_look_at_table(struct gate *g);
/* Of a pin; sent by the next gate_events_send(), which is due at g->pin_events.due_ms. */
void gate_event_pin(struct gate *g, const struct msg_pin_request *q, const struct msg_pin_reply *r);
void gate_events_send(struct gate *g);

#endif
