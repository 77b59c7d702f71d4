/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client of the control socket, without its socket: bytes in, questions for the gate out, replies of the
 * gate in, bytes out. Pure, so that tests and the fuzzer run the same code as the process.
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/channel.h"

#include "reply.h"
#include "request.h"

#define SESSION_DIAGNOSTICS_MAX 1000 /* lines of one reload that are passed on */

struct session {
	char in[REQUEST_BYTES_MAX];
	size_t in_len;
	bool in_end;	/* the client will send no more */
	bool closing;	/* send what waits, then close */
	bool asked;	/* the gate owes an answer to @seq */
	bool requested; /* @request is being served */
	uint32_t seq;
	uint32_t cursor; /* next page of a stream, 0: none */
	uint32_t n_rows;
	struct request request;
	struct anchors anchors; /* came for a status that has not yet */
	/* of a reload: text that is still to be passed on, then the result */
	int text_fd;
	int64_t text_at;
	unsigned int n_lines;
	struct msg_result result;
	struct reply reply;
	size_t sent; /* of reply */
};

void session_init(struct session *s);
/* Closes the text of a reload. */
void session_fini(struct session *s);
/* How many bytes it takes now; 0: read no more of the socket. */
size_t session_room(const struct session *s);
void session_take(struct session *s, const void *data, size_t len);
/*
 * Goes on as far as it can. True: send @ret_message as @ret_type to the gate, with s->seq = h.seq as it is set here from @seq.
 */
bool session_step(struct session *s, uint32_t seq, union message_buffer *ret_message, enum message_type *ret_type);
/* The gate could not be asked (its channel is full). */
void session_busy(struct session *s);
/* The gate's answer to s->seq; @fd (or -1) becomes the session's. -EPROTO where it is no answer to the question. */
POSTERN_MUST_CHECK int session_answer(struct session *s, const union message_buffer *m, int fd);
/* Bytes to send. */
size_t session_output(const struct session *s, const char **ret_data);
void session_sent(struct session *s, size_t len);
/* Nothing more will happen. */
bool session_over(const struct session *s);
/* Ends it with an error object. */
void session_refuse(struct session *s, const char *code, const char *text);

#endif
