/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New domains of a sandbox that do not exist, and look like it: the evidence that no single name gives.
 */
#ifndef POSTERN_DETECT_STRANGERS_H
#define POSTERN_DETECT_STRANGERS_H

#include <stdint.h>

#include "postern/compiler.h"
#include "postern/image.h"

enum stranger {
	STRANGER_ANY,	 /* of a domain that no rule names */
	STRANGER_RANDOM, /* looks random */
	STRANGER_WORDS,	 /* is made of words */
	STRANGER_COUNT
};

/* Counts in thirty-seconds, halved as time passes. */
struct strangers {
	uint32_t at_s;
	uint32_t asked; /* new names */
	uint32_t missing[STRANGER_COUNT]; /* those that do not exist, by what they are */
};

void strangers_asked(struct strangers *s, uint32_t now_s);
/* @kinds: a bit for each enum stranger that the name is. */
void strangers_missing(struct strangers *s, uint32_t now_s, unsigned int kinds);
/* What the missing ones of a kind show. */
enum confidence strangers_confidence(const struct strangers *s, enum stranger kind) POSTERN_PURE;

#endif
