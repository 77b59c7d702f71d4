/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zones below which anybody can get a name: the Public Suffix List (by libpsl), and a table of our own. */
#ifndef POSTERN_COMPILE_SUFFIX_H
#define POSTERN_COMPILE_SUFFIX_H

/* What is risky about "*.@zone" (lower case, A-labels), as a sentence with its cure; NULL for nothing. */
const char *suffix_risk(const char *zone);

#endif
