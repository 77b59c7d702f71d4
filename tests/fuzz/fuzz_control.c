/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile client of the control socket: any bytes, in any pieces, never more than one question at a time, and
 * every line that goes back is a whole JSON object. The first byte is the size of the pieces, the second what the gate answers.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "postern/bytes.h"

#include "../../src/control/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct session session;

static void check_output(void)
{
	const char *data, *end;
	size_t len = session_output(&session, &data);

	if (session.reply.failed)
		abort();
	while (len) {
		json_t *line;

		end = memchr(data, '\n', len);
		if (!end)
			abort();
		line = json_loadb(data, (size_t)(end - data), JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(line))
			abort();
		json_decref(line);
		session_sent(&session, (size_t)(end - data) + 1);
		len -= (size_t)(end - data) + 1;
		data = end + 1;
	}
}

static void answer(enum message_type question, uint32_t seq, uint8_t mood)
{
	static union message_buffer m;
	enum message_type type = question == MSG_STATUS_ASK ? MSG_STATUS : question == MSG_PINS_ASK ? MSG_PINS :
		question == MSG_SANDBOXES_ASK ? MSG_SANDBOXES : question == MSG_RELOAD ? MSG_RELOADED : MSG_RESULT;

	memset(&m, mood & 0x7f, sizeof(m)); /* jansson reads no integer above INT64_MAX */
	if (mood % 4)
		memset(&m, 0, sizeof(m));
	m.h = (struct message_header){(uint16_t)type, (uint16_t)message_size(type), seq};
	if (session_answer(&session, &m, -1) < 0)
		session_refuse(&session, "broken", "the gate"); /* the process would end */
}

static void run(uint8_t mood)
{
	union message_buffer m;
	enum message_type type;
	uint32_t seq = 0;

	for (unsigned int i = 0; i < 100; i++) {
		check_output();
		if (!session_step(&session, ++seq, &m, &type)) {
			const char *data;

			if (session_output(&session, &data) == 0)
				return;
			continue;
		}
		if (!message_allowed(type, ROLE_CONTROL, ROLE_GATE) || m.h.seq != seq)
			abort();
		if (type == MSG_SANDBOX_ADD && !sandbox_valid(&((struct msg_sandbox *)&m)->sandbox))
			abort();
		answer(type, seq, mood);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes_reader r;
	size_t piece;
	uint8_t mood;

	bytes_reader_init(&r, data, len);
	piece = bytes_read_u8(&r);
	mood = bytes_read_u8(&r);
	session_init(&session);
	while (bytes_left(&r) && session_room(&session)) {
		size_t n = piece ? piece : 1000;

		if (n > bytes_left(&r))
			n = bytes_left(&r);
		if (n > session_room(&session))
			n = session_room(&session);
		session_take(&session, bytes_read_view(&r, n), n);
		run(mood);
	}
	session.in_end = true;
	run(mood);
	session_fini(&session);
	return 0;
}
