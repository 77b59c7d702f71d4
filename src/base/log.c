/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines: one write(2) a line, so that lines of several processes never mix. The
 * whole line is escaped here: even a careless caller cannot break it.
 */
#include "postern/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>


#define LINE_MAX_BYTES 1024

static struct {
	const char *component;
	enum log_level max;
	bool prefix;
} log_state = {"postern", LOG_LEVEL_INFO, false};

void log_init(const char *component, enum log_level max)
{
	log_state.component = component;
	log_state.max = max;
	log_state.prefix = !isatty(STDERR_FILENO);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LINE_MAX_BYTES], safe[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list ap;
	int n;

	if (level > log_state.max)
		return;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(raw))
		n = sizeof(raw) - 1;
	/* Quotes are the line's own syntax: only control and non-ASCII bytes are dangerous here. */
	size_t out = 0;
	for (int i = 0; i < n && out + 5 < sizeof(safe); i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c >= 0x20 && c < 0x7f)
			safe[out++] = (char)c;
		else
			out += (size_t)snprintf(safe + out, sizeof(safe) - out, "\\%03u", c);
	}
	safe[out] = '\0';
	if (log_state.prefix)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, log_state.component, safe);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", log_state.component, safe);
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody to tell */
}
