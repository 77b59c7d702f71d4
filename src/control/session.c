/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request at a time: the next line is looked at when the reply of the one before has left. So a client costs
 * one question at the gate and one page of output at most, however fast it writes and however slowly it reads.
 * A request that is no request ends the session: after that, nobody can say where the next one begins.
 */
#include "session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DIAGNOSTIC_BYTES_MAX 1024

void session_init(struct session *s)
{
	/* not the buffers: they are large, and their lengths say what counts */
	s->in_len = s->sent = s->reply.len = 0;
	s->in_end = s->closing = s->asked = s->requested = s->reply.failed = false;
	s->seq = s->cursor = s->n_rows = 0;
	s->text_fd = -1;
	memset(&s->request, 0, sizeof(s->request));
}

void session_fini(struct session *s)
{
	if (s->text_fd >= 0)
		close(s->text_fd);
	s->text_fd = -1;
}

size_t session_room(const struct session *s)
{
	return s->closing || s->in_end ? 0 : sizeof(s->in) - s->in_len;
}

void session_take(struct session *s, const void *data, size_t len)
{
	ASSERT(len <= session_room(s));
	memcpy(s->in + s->in_len, data, len);
	s->in_len += len;
}

void session_refuse(struct session *s, const char *code, const char *text)
{
	reply_error(&s->reply, &s->request, code, text);
	s->closing = true;
	s->requested = s->asked = false;
}

/* Takes the next line out of the buffer; false: there is none yet. */
static bool next_line(struct session *s, char line[static REQUEST_BYTES_MAX], size_t *ret_len)
{
	const char *end = memchr(s->in, '\n', s->in_len);
	size_t len = end ? (size_t)(end - s->in) : s->in_len;

	if (!end && s->in_len == sizeof(s->in)) {
		session_refuse(s, "too-long", "a request has at most 4096 bytes with its newline");
		return false;
	}
	if (!end && !(s->in_end && len > 0))
		return false;
	memcpy(line, s->in, len);
	s->in_len -= len + (end ? 1 : 0);
	memmove(s->in, s->in + len + (end ? 1 : 0), s->in_len);
	*ret_len = len;
	return true;
}

static bool blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

static void next_request(struct session *s)
{
	char line[REQUEST_BYTES_MAX], error[REQUEST_ERROR_MAX];
	size_t len;

	while (!s->requested && !s->closing && next_line(s, line, &len)) {
		if (blank(line, len))
			continue;
		s->cursor = s->n_rows = 0;
		if (request_parse(line, len, &s->request, error) < 0)
			session_refuse(s, "bad-request", error);
		else
			s->requested = true;
	}
}

static enum message_type question(struct session *s, union message_buffer *m)
{
	struct msg_cursor *cursor = (struct msg_cursor *)m;
	struct msg_sandbox *sandbox = (struct msg_sandbox *)m;

	memset(m, 0, sizeof(*m));
	switch (s->request.op) {
	case OP_STATUS:
	case OP_COUNTERS:
		return MSG_STATUS_ASK;
	case OP_PINS:
	case OP_SANDBOXES:
		cursor->cursor = s->cursor;
		memcpy(cursor->sandbox, s->request.sandbox.name, sizeof(cursor->sandbox));
		return s->request.op == OP_PINS ? MSG_PINS_ASK : MSG_SANDBOXES_ASK;
	case OP_SANDBOX_ADD:
		sandbox->sandbox = s->request.sandbox;
		return MSG_SANDBOX_ADD;
	case OP_SANDBOX_REMOVE:
		sandbox->sandbox = s->request.sandbox;
		return MSG_SANDBOX_REMOVE;
	case OP_RELOAD:
	case OP_COUNT:
		break;
	}
	return MSG_RELOAD;
}

static void finish(struct session *s)
{
	s->requested = false;
	session_fini(s);
}

/* Passes on the next lines of the compiler's text, as many as one buffer takes, then the result. */
static void pass_text(struct session *s)
{
	char text[DIAGNOSTIC_BYTES_MAX + 1];

	while (s->n_lines < SESSION_DIAGNOSTICS_MAX && s->reply.len < sizeof(s->reply.data) / 2) {
		ssize_t n = pread(s->text_fd, text, sizeof(text) - 1, s->text_at);
		char *end = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;

		if (n <= 0) {
			s->n_lines = SESSION_DIAGNOSTICS_MAX;
			break;
		}
		s->text_at += end ? end - text + 1 : n;
		text[end ? end - text : n] = '\0';
		if (text[0])
			reply_diagnostic(&s->reply, &s->request, text);
		s->n_lines++;
	}
	if (s->n_lines >= SESSION_DIAGNOSTICS_MAX) {
		reply_reloaded(&s->reply, &s->request, &s->result);
		finish(s);
	}
}

bool session_step(struct session *s, uint32_t seq, union message_buffer *ret_message, enum message_type *ret_type)
{
	if (s->asked || s->closing || s->reply.len)
		return false;
	if (s->text_fd >= 0) {
		pass_text(s);
		return false;
	}
	if (!s->requested)
		next_request(s);
	if (!s->requested)
		return false;
	*ret_type = question(s, ret_message);
	ret_message->h.seq = s->seq = seq;
	s->asked = true;
	memset(&s->anchors, 0, sizeof(s->anchors));
	return true;
}

void session_busy(struct session *s)
{
	reply_error(&s->reply, &s->request, "busy", "the daemon has too much to do: ask again");
	s->asked = false;
	finish(s);
}

/* A page of a stream; the next one is asked for when this one has left. */
static int page(struct session *s, uint32_t n, uint32_t next)
{
	s->n_rows += n;
	if (next && next <= s->cursor)
		return -EPROTO; /* or it would never end */
	s->cursor = next;
	if (next)
		return 0;
	reply_rows(&s->reply, &s->request, s->n_rows);
	finish(s);
	return 0;
}

static int on_pins(struct session *s, const struct msg_pins *m)
{
	if (!reply_pins_valid(m))
		return -EPROTO;
	reply_pins(&s->reply, &s->request, m);
	return page(s, m->n, m->next);
}

static int on_sandboxes(struct session *s, const struct msg_sandboxes *m)
{
	if (!reply_sandboxes_valid(m))
		return -EPROTO;
	reply_sandboxes(&s->reply, &s->request, m);
	return page(s, m->n, m->next);
}

static int on_reloaded(struct session *s, const struct msg_result *m, int fd)
{
	if (!reply_result_valid(m))
		return -EPROTO;
	s->result = *m;
	s->text_fd = fd;
	s->text_at = 0;
	s->n_lines = 0;
	pass_text(s);
	return 0;
}

static int on_result(struct session *s, const struct msg_result *m)
{
	if (!reply_result_valid(m))
		return -EPROTO;
	reply_result(&s->reply, &s->request, m);
	finish(s);
	return 0;
}

static const enum message_type answers[] = {
	[OP_STATUS] = MSG_STATUS, [OP_COUNTERS] = MSG_STATUS, [OP_PINS] = MSG_PINS, [OP_SANDBOXES] = MSG_SANDBOXES,
	[OP_SANDBOX_ADD] = MSG_RESULT, [OP_SANDBOX_REMOVE] = MSG_RESULT, [OP_RELOAD] = MSG_RELOADED,
};
static_assert(ARRAY_LEN(answers) == OP_COUNT, "an answer to every op");

static int on_anchors(struct session *s, const struct msg_anchors *m)
{
	if (!s->asked || m->h.seq != s->seq || answers[s->request.op] != MSG_STATUS || !anchors_valid(&m->anchors))
		return -EPROTO;
	s->anchors = m->anchors;
	return 0;
}

int session_answer(struct session *s, const union message_buffer *m, int fd)
{
	enum message_type type = (enum message_type)m->h.type;

	if (type == MSG_ANCHORS) /* the first half of a status */
		return on_anchors(s, (const struct msg_anchors *)m);
	/* A reload that could not even begin has no diagnostics, so it comes as a plain result. */
	if (!s->asked || m->h.seq != s->seq ||
		(answers[s->request.op] != type && !(s->request.op == OP_RELOAD && type == MSG_RESULT)))
		return -EPROTO;
	s->asked = false;
	if (type == MSG_STATUS) {
		if (!reply_status_valid((const struct msg_status *)m))
			return -EPROTO;
		reply_status(&s->reply, &s->request, &s->anchors, (const struct msg_status *)m);
		finish(s);
		return 0;
	}
	if (type == MSG_PINS)
		return on_pins(s, (const struct msg_pins *)m);
	if (type == MSG_SANDBOXES)
		return on_sandboxes(s, (const struct msg_sandboxes *)m);
	if (type == MSG_RELOADED)
		return on_reloaded(s, (const struct msg_result *)m, fd);
	return on_result(s, (const struct msg_result *)m);
}

size_t session_output(const struct session *s, const char **ret_data)
{
	*ret_data = s->reply.data + s->sent;
	return s->reply.len - s->sent;
}

void session_sent(struct session *s, size_t len)
{
	s->sent += len;
	if (s->sent == s->reply.len)
		s->sent = s->reply.len = 0;
}

bool session_over(const struct session *s)
{
	if (s->reply.len || s->asked || s->requested)
		return false;
	return s->closing || (s->in_end && s->in_len == 0);
}
