/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Only in builds with a sanitizer: libconfig 1.5 loses its string buffer at a syntax error behind a string. A compile
 * runs in a process that ends with it.
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}
