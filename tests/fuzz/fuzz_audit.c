/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as a broken sender might send them, through every format of the log: an event that passes event_valid() is one line,
 * printable, ended, and never too long; one that does not is refused before anything reads it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/audit/format.h"
#include "../../src/audit/line.h"
#include "postern/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_line(const char *line, size_t len)
{
	if (len == 0 || line[len - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			abort();
}

/* The input's bytes over the members, each at its place: @data is (offset, length, bytes)... */
static void scatter(struct event *e, const uint8_t *data, size_t len)
{
	while (len > 3) {
		size_t at = (size_t)(data[0] << 8 | data[1]) % sizeof(*e), n = data[2];

		data += 3, len -= 3;
		n = n < len ? n : len;
		if (n > sizeof(*e) - at)
			n = sizeof(*e) - at;
		memcpy((uint8_t *)e + at, data, n);
		data += n, len -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char line[LINE_BYTES_MAX];
	struct format_words words = {.account_id = "111122223333", .n_fields = FLOW_FIELD_COUNT};
	struct event e = event_new(EVENT_DNS);
	size_t n;

	for (unsigned int f = 0; f < FLOW_FIELD_COUNT; f++)
		words.fields[f] = (uint8_t)f;
	if (len < 2)
		return 0;
	e.kind = data[0] % EVENT_KIND_COUNT;
	e.n_names = 1;
	e.names[0].len = 1;
	e.destination.family = ADDR_V4;
	e.answers_len = (uint16_t)(data[1] * 2);
	if (len - 2 < e.answers_len)
		e.answers_len = (uint16_t)(len - 2);
	memcpy(e.answers, data + 2, e.answers_len);
	scatter(&e, data + 2 + e.answers_len, len - 2 - e.answers_len);
	if (!event_valid(&e))
		return 0;
	n = line_format(&e, ROLE_VERDICT, line, sizeof(line));
	check_line(line, n);
	for (unsigned int f = 0; f < AUDIT_FORMAT_COUNT; f++)
		if (format_applies((enum audit_format)f, &e, ROLE_VERDICT))
			check_line(line, format_line((enum audit_format)f, &e, &words, line, sizeof(line)));
	return 0;
}
