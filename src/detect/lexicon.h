/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a single label looks like, whoever asks for it.
 */
#ifndef POSTERN_DETECT_LEXICON_H
#define POSTERN_DETECT_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/image.h"

/* How much information the label can carry at most, in bits: what its characters allow, or what is unusual in it. */
unsigned int lexicon_bits(const uint8_t *label, size_t len);
/* How little it looks like a name that somebody chose. A-labels (xn--) are not judged: NONE. */
enum confidence lexicon_random(const uint8_t *label, size_t len);
/* It is two dictionary words or more, and next to nothing else. */
bool lexicon_words(const uint8_t *label, size_t len);

#endif
