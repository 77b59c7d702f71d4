/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internationalized names (IDNA2008, non-transitional, RFC 5891) to A-labels, by libidn2: the adapter to it. */
#ifndef POSTERN_COMPILE_IDN_H
#define POSTERN_COMPILE_IDN_H

#define IDN_TEXT_MAX 512

/* NULL when good, else libidn2's reason. "xn--" labels are checked, not only passed. */
const char *idn_to_ascii(const char *utf8, char ret_ascii[static IDN_TEXT_MAX]);

#endif
