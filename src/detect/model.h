/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two tables that train.py makes. Values of six bits, one a character, in rows because a string literal must
 * not be long: see lexicon.c for how they are read.
 */
#ifndef POSTERN_DETECT_MODEL_H
#define POSTERN_DETECT_MODEL_H

#define MODEL_ROW 100
#define MODEL_CLASSES 29      /* a-z, digit, anything else, edge of the label */
#define MODEL_FILTER_BITS 196608
#define MODEL_FILTER_PROBES 5

extern const char model_costs[][MODEL_ROW + 1];
extern const char model_words[][MODEL_ROW + 1];

#endif
