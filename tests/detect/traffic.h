/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated questions: tunnels, domains of algorithms, ordinary software. The same seed gives the same questions.
 * The shapes are those of published tools and of logs; the bytes are random. Each kind is a row of the tables at the end of
 * its file, with what it is in words.
 */
#ifndef POSTERN_TEST_DETECT_TRAFFIC_H
#define POSTERN_TEST_DETECT_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/name.h"

struct random {
	uint64_t state;
};

uint64_t random_next(struct random *r);
unsigned int random_below(struct random *r, unsigned int n);
/* @n characters of @alphabet at @text, and a NUL. Returns the end. */
char *random_text(struct random *r, char *text, const char *alphabet, unsigned int n);
/* A word of words[], appended; returns the end. */
char *random_word(struct random *r, char *text);

#define HEX "0123456789abcdef"
#define BASE32 "abcdefghijklmnopqrstuvwxyz234567"
#define BASE36 "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

#define QUESTION_TEXT_MAX 1024

/* One question of a stream. */
struct asked {
	char name[QUESTION_TEXT_MAX]; /* presentation form */
	uint16_t qtype;
	unsigned int zone_labels; /* of the wildcard that permits it */
	unsigned int payload_bits; /* of the sender's data: tunnels */
	unsigned int wait_ms;	/* until the next one */
	bool nxdomain;
};

struct stream {
	struct random random;
	unsigned int n; /* questions so far */
	uint64_t now_ms;
	/* a list that was given from outside, or the built-in one */
	const char *const *domains;
	size_t n_domains;
};

struct kind {
	const char *name;
	const char *what;
	void (*next)(struct stream *s, struct asked *ret_asked);
	/*
	 * What --check holds it to. A tunnel: bytes out before HIGH at most, 0 where it may stay below. Domains of an algorithm: per cent found at
	 * LOW in a run at least. Ordinary software: per cent of its new names found at MEDIUM at most (at HIGH it is 0.1).
	 */
	unsigned int bound;
};

extern const struct kind tunnels[], algorithms[], dictionaries[], ordinary[]; /* up to a row without name */
extern const char *const ordinary_domains[]; /* NULL-terminated */
/* At most this long does a sandbox do it. */
#define DAY_MS 86400000u

#endif
