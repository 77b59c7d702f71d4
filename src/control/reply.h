/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of the gate as lines of JSON, the format of postern-control(7).
 */
#ifndef CONTROL_REPLY_H
#define CONTROL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/message.h"

#include "request.h"

/*
 * Lines waiting to be sent to one client. What does not fit sets @failed and is left out whole; the sizes are
 * such that one message of the gate always fits (tests/unit/test_control.c).
 */
#define REPLY_BYTES_MAX (32u << 10)

struct reply {
	char data[REPLY_BYTES_MAX];
	size_t len;
	bool failed;
};

/* Rows of a stream: each a line with one member, "pin" or "sandbox". */
void reply_pins(struct reply *r, const struct request *req, const struct msg_pins *m);
void reply_sandboxes(struct reply *r, const struct request *req, const struct msg_sandboxes *m);
/* One line of what the compiler said: {"diagnostic":...}. */
void reply_diagnostic(struct reply *r, const struct request *req, const char *text);

/* The last line of a reply: it has the member "ok". */
void reply_rows(struct reply *r, const struct request *req, unsigned int n_rows);
void reply_status(struct reply *r, const struct request *req, const struct anchors *anchors, const struct msg_status *m);
void reply_result(struct reply *r, const struct request *req, const struct msg_result *m);
void reply_reloaded(struct reply *r, const struct request *req, const struct msg_result *m);
/* @code: one of the words of postern-control(7). */
void reply_error(struct reply *r, const struct request *req, const char *code, const char *text);

/* Strings end, counts in range, names valid: for what the gate sent. */
bool reply_status_valid(const struct msg_status *m);
bool reply_pins_valid(const struct msg_pins *m);
bool reply_sandboxes_valid(const struct msg_sandboxes *m);
bool reply_result_valid(const struct msg_result *m);

#endif
