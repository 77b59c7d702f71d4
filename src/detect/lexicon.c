/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels against the tables of ordinary ones.
 *
 * The cost of a label is what it would take to write it down for somebody who knows what ordinary names look like: the
 * sum of -log2 of the probability of each character behind the two before it, in fifths of a bit. It serves twice. As a
 * length it bounds what a label can smuggle out: "download" is cheap, sixteen random letters are not; no
 * more than its alphabet allows either, so that digits and hexadecimal count four bits and less. As a likelihood it tells random
 * names from chosen ones: an ordinary label costs about 3.3 bits a character, and the excess of a random one grows with its length, its
 * spread only with the root of it.
 *
 * Case carries nothing: the resolver writes its questions in random case.
 */
#include "lexicon.h"

#include <string.h>

#include "model.h"
#include "postern/compiler.h"
#include "postern/name.h"

#define STEPS 5		 /* of a bit */
#define DIGIT_STEPS 17	 /* which of ten: 3.3 bits beside that of being a digit */
#define ORDINARY_STEPS 33 /* of two characters: 3.3 bits each */
#define WORD_MAX 12
#define WORD_MIN 3
#define WORDS_LABEL_MIN 10
#define WORDS_LEFTOVER 2 /* characters that no word covers */

enum { CLASS_DIGIT = 26, CLASS_OTHER, CLASS_EDGE };

/* Excess over an ordinary label, in steps by the root of the length; and the shortest label that shows anything. */
static const struct {
	unsigned int excess, shortest;
} randomness[] = {
	[CONFIDENCE_LOW] = {30, 7},
	[CONFIDENCE_MEDIUM] = {43, 8},
	[CONFIDENCE_HIGH] = {58, 10},
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static unsigned int class_of(uint8_t c)
{
	return is_letter(c) ? c - 'a' : is_digit(c) ? CLASS_DIGIT : CLASS_OTHER;
}

/* The six bits that a character of the tables stands for. */
static unsigned int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 26;
	return c == '+' ? 62 : c == '-' ? 63 : (unsigned int)(c - '0') + 52;
}

static unsigned int cost_behind(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int at = (a * MODEL_CLASSES + b) * MODEL_CLASSES + c;

	return value_of(model_costs[at / MODEL_ROW][at % MODEL_ROW]);
}

/* In steps; the end of the label costs too. */
static unsigned int cost_of(const uint8_t *label, size_t len)
{
	unsigned int a = CLASS_EDGE, b = CLASS_EDGE, sum = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned int c = class_of(lower(label[i]));

		sum += cost_behind(a, b, c) + (c == CLASS_DIGIT ? DIGIT_STEPS : 0);
		a = b;
		b = c;
	}
	return sum + cost_behind(a, b, CLASS_EDGE);
}

/* Steps of one character of the smallest usual alphabet that holds the whole label. */
static unsigned int alphabet_of(const uint8_t *label, size_t len)
{
	bool digits = true, hex = true, host = true;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = lower(label[i]);

		digits &= is_digit(c);
		hex &= is_digit(c) || (c >= 'a' && c <= 'f');
		host &= is_digit(c) || is_letter(c) || c == '-' || c == '_';
	}
	return digits ? 17 : hex ? 20 : host ? 26 : 40;
}

unsigned int lexicon_bits(const uint8_t *label, size_t len)
{
	unsigned int most = alphabet_of(label, len) * (unsigned int)len, cost = cost_of(label, len);

	return (cost < most ? cost : most) / STEPS;
}

enum confidence lexicon_random(const uint8_t *label, size_t len)
{
	unsigned int cost = cost_of(label, len), n = (unsigned int)len + 1;
	unsigned int ordinary = ORDINARY_STEPS * n / 2, excess;
	unsigned int c = CONFIDENCE_HIGH;

	if (cost <= ordinary || (len >= 4 && label[2] == '-' && label[3] == '-'))
		return CONFIDENCE_NONE;
	excess = cost - ordinary;
	while (c > CONFIDENCE_NONE && (len < randomness[c].shortest || excess * excess < randomness[c].excess * randomness[c].excess * n))
		c--;
	return (enum confidence)c;
}

static bool is_word(const uint8_t *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
	uint32_t low, high;

	for (size_t i = 0; i < len; i++)
		h = (h ^ lower(text[i])) * 0x100000001b3u;
	low = (uint32_t)h;
	high = (uint32_t)(h >> 32) | 1;
	for (uint32_t i = 0; i < MODEL_FILTER_PROBES; i++) {
		uint32_t bit = (low + i * high) % MODEL_FILTER_BITS;

		if (!(value_of(model_words[bit / 6 / MODEL_ROW][bit / 6 % MODEL_ROW]) >> bit % 6 & 1))
			return false;
	}
	return true;
}

/* Up to a place of the label: the fewest characters without a word, and with how many words at most. */
struct cover {
	uint8_t leftover, words;
};

static void better(struct cover *have, struct cover found)
{
	if (found.leftover < have->leftover || (found.leftover == have->leftover && found.words < have->words))
		*have = found;
}

bool lexicon_words(const uint8_t *label, size_t len)
{
	struct cover best[DNS_LABEL_MAX + 1];

	if (len < WORDS_LABEL_MIN || len > DNS_LABEL_MAX)
		return false;
	memset(best, 0xff, sizeof(best));
	best[0] = (struct cover){0, 0};
	for (size_t i = 0; i < len; i++) {
		bool hyphen = label[i] == '-';

		if (!hyphen && !is_letter(lower(label[i])))
			return false;
		better(&best[i + 1], (struct cover){(uint8_t)(best[i].leftover + !hyphen), best[i].words});
		for (size_t n = WORD_MIN; n <= WORD_MAX && i + n <= len && best[i].leftover <= WORDS_LEFTOVER; n++)
			if (is_word(label + i, n))
				better(&best[i + n], (struct cover){best[i].leftover, (uint8_t)(best[i].words + 1)});
	}
	/* many short words are what any text falls into: five characters a word on average */
	return best[len].leftover <= WORDS_LEFTOVER && best[len].words >= 2 && best[len].words * 4u <= len;
}
