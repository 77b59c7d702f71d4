/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request of the control socket: a JSON object on one line (postern-control(7)). The only place where
 * JSON of others is parsed in the daemon; jansson is used here and nowhere else in this process.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <stddef.h>

#include "postern/compiler.h"
#include "postern/sandbox.h"

#define REQUEST_BYTES_MAX 4096 /* with the newline */
#define REQUEST_ID_MAX 64
#define REQUEST_ERROR_MAX 160

enum request_op {
	OP_STATUS,
	OP_COUNTERS,
	OP_PINS,
	OP_SANDBOXES,
	OP_SANDBOX_ADD,
	OP_SANDBOX_REMOVE,
	OP_RELOAD,
	OP_COUNT
};

struct request {
	enum request_op op;
	char id[REQUEST_ID_MAX]; /* "": none; repeated in every line of the reply */
	/*
	 * sandbox-add: complete, without slot and stub_port. pins, sandboxes, sandbox-remove: the name only, which
	 * may be empty for the first two.
	 */
	struct sandbox sandbox;
};

/* Before the system call filter: jansson seeds its hash tables from a file otherwise. */
void request_setup(void);
const char *request_op_text(enum request_op op);
/*
 * Parses @len bytes without the newline. -EINVAL with what is wrong, and what to do, in @ret_error; @ret_request
 * then holds the id where there was one, and nothing else.
 */
POSTERN_MUST_CHECK int request_parse(const char *line, size_t len, struct request *ret_request,
	char ret_error[static REQUEST_ERROR_MAX]);

#endif
