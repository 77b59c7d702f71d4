/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event as one line of JSON: the format of postern-audit(5) and man/postern-audit.schema.json.
 */
#ifndef AUDIT_LINE_H
#define AUDIT_LINE_H

#include <stddef.h>

#include "postern/event.h"
#include "postern/message.h"

/* Every member at its longest, every byte escaped at its dearest, fits (tests/unit/test_audit.c). */
#define LINE_BYTES_MAX 24576

/*
 * Writes @e, which has passed event_valid(), as seen by process @from, with its newline and without a NUL.
 * Returns the length, or 0 where it did not fit in @cap.
 */
size_t line_format(const struct event *e, enum role from, char *line, size_t cap);

#endif
