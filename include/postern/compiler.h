/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the compiler checks for us, by name.
 * folder: src/base
 */
#ifndef POSTERN_COMPILER_H
#define POSTERN_COMPILER_H

#include <assert.h> /* static_assert */
#include <stddef.h>

#define POSTERN_MUST_CHECK __attribute__((warn_unused_result))
#define POSTERN_PURE __attribute__((pure))
#define POSTERN_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define POSTERN_NORETURN __attribute__((noreturn))
/* A large buffer on a hot path that is read only where it was written: the build zeroes all others at their declaration. */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define POSTERN_UNINITIALIZED __attribute__((uninitialized))
#else
#define POSTERN_UNINITIALIZED
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * An own bug, never hostile input: compiled in always, ends the process (and
 * with it the daemon: shut).
 */
#define ASSERT(cond)                                                   \
	do {                                                           \
		if (__builtin_expect(!(cond), 0))                      \
			postern_assert_failed(#cond, __FILE__, __LINE__); \
	} while (0)

POSTERN_NORETURN void postern_assert_failed(const char *cond, const char *file, int line);

#endif
