/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per event on stderr, for the operator: `component: event key=value`.
 * The audit log is the record; this is how the daemon speaks of itself.
 * folder: src/base
 *
 * With JOURNAL_STREAM set, or when stderr is not a terminal, lines carry the
 * sd-daemon(3) priority prefix "<N>". Control bytes in a line are escaped here, so that no
 * caller can forget it.
 */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

#include "postern/compiler.h"

enum log_level { /* syslog(3) numbers */
	LOG_LEVEL_ERR = 3,     /* we stop, or lost a guarantee */
	LOG_LEVEL_WARNING = 4, /* the administrator should act */
	LOG_LEVEL_NOTICE = 5,  /* lifecycle */
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* @component is kept by pointer: pass a literal. Levels above @max are dropped. */
void log_init(const char *component, enum log_level max);
void log_line(enum log_level level, const char *fmt, ...) POSTERN_PRINTF(2, 3);

#define log_err(...) log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
