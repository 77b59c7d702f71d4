/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels and drips, and the domains of algorithms: see traffic.h. */
#include <stdio.h>
#include <string.h>

#include "traffic.h"

enum { CNAME = 5, NUL = 10, MX = 15, TXT = 16, A = 1, AAAA = 28 };

uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

unsigned int random_below(struct random *r, unsigned int n)
{
	return (unsigned int)(random_next(r) % n);
}

char *random_text(struct random *r, char *text, const char *alphabet, unsigned int n)
{
	unsigned int size = (unsigned int)strlen(alphabet);

	while (n--)
		*text++ = alphabet[random_below(r, size)];
	*text = '\0';
	return text;
}

static char *append(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	*p = '\0';
	return p;
}

/* @n characters in labels of at most @label, each with a dot behind. */
static char *labels(struct random *r, char *p, const char *alphabet, unsigned int n, unsigned int label)
{
	while (n) {
		unsigned int now = n < label ? n : label;

		p = append(random_text(r, p, alphabet, now), ".");
		n -= now;
	}
	return p;
}

static void iodine_base32(struct stream *s, struct asked *a)
{
	char *p = random_text(&s->random, a->name, "0", 1);

	append(labels(&s->random, p, BASE32, 180, 57), "t.evil.example");
	a->qtype = NUL;
	a->payload_bits = 180 * 5;
	a->wait_ms = 50;
}

static void iodine_base64(struct stream *s, struct asked *a)
{
	append(labels(&s->random, a->name, BASE36 "-+", 180, 57), "t.evil.example");
	a->qtype = TXT;
	a->payload_bits = 180 * 5;
	a->wait_ms = 50;
}

static void iodine_base128(struct stream *s, struct asked *a)
{
	char *p = a->name;

	for (unsigned int i = 0; i < 150; i++) {
		p += snprintf(p, 6, "\\%03u", 128 + random_below(&s->random, 126));
		if (i % 50 == 49)
			p = append(p, ".");
	}
	append(p, "t.evil.example");
	a->qtype = CNAME;
	a->payload_bits = 150 * 7;
	a->wait_ms = 50;
}

static void dnscat_types(struct stream *s, struct asked *a)
{
	static const uint16_t types[] = {TXT, MX, CNAME};

	a->qtype = types[random_below(&s->random, 3)];
}

static void dnscat_busy(struct stream *s, struct asked *a)
{
	append(labels(&s->random, append(a->name, "dnscat."), HEX, 160, 60), "evil.example");
	dnscat_types(s, a);
	a->payload_bits = (160 - 18) * 4;
	a->wait_ms = 500;
}

static void dnscat_idle(struct stream *s, struct asked *a)
{
	append(labels(&s->random, append(a->name, "dnscat."), HEX, 18, 60), "evil.example");
	dnscat_types(s, a);
	a->payload_bits = 2 * 8;
	a->wait_ms = 1000;
}

static void drip(struct stream *s, struct asked *a, unsigned int length, unsigned int wait_ms)
{
	append(labels(&s->random, a->name, BASE32, length, 60), "evil.example");
	a->qtype = A;
	a->payload_bits = length * 5;
	a->wait_ms = wait_ms;
}

static void drip_10s(struct stream *s, struct asked *a)
{
	drip(s, a, 30, 10000);
}

static void drip_1m(struct stream *s, struct asked *a)
{
	drip(s, a, 30, 60000);
}

static void drip_5m(struct stream *s, struct asked *a)
{
	drip(s, a, 30, 300000);
}

static void drip_short(struct stream *s, struct asked *a)
{
	drip(s, a, 8, 1000);
	a->nxdomain = true;
}

static void drip_words(struct stream *s, struct asked *a)
{
	char *p = a->name;

	for (unsigned int i = 0; i < 4; i++)
		p = append(random_word(&s->random, p), i < 3 ? "-" : ".evil.example");
	a->qtype = A;
	a->payload_bits = 4 * 7;
	a->wait_ms = 1000;
}

static void permitted_zone(struct stream *s, struct asked *a)
{
	drip(s, a, 0, 5000);
	append(labels(&s->random, a->name, BASE36, 40, 60), "github.io");
	a->payload_bits = 40 * 5;
	a->zone_labels = 2;
	a->nxdomain = true;
}

static void many_domains(struct stream *s, struct asked *a)
{
	char *p = labels(&s->random, a->name, BASE32, 60, 60);

	snprintf(p, 64, "evil%u.example", random_below(&s->random, 50));
	a->qtype = A;
	a->payload_bits = 60 * 5;
	a->wait_ms = 5000;
}

const struct kind tunnels[] = {
	{"iodine, base32, NULL", "180 characters a name, 20 a second", iodine_base32, 1500},
	{"iodine, base64, TXT", "the same, of 38 characters as case is lost", iodine_base64, 1500},
	{"iodine, base128, CNAME", "150 bytes above 127 a name", iodine_base128, 1500},
	{"dnscat2, busy", "160 hex digits a name, TXT, MX and CNAME, 2 a second", dnscat_busy, 1500},
	{"dnscat2, idle", "18 hex digits, one a second", dnscat_idle, 600},
	{"drip, 30 characters each 10 s", "base32, type A", drip_10s, 6000},
	{"drip, 30 characters each minute", "base32, type A", drip_1m, 12000},
	{"drip, 30 characters each 5 min", "base32, type A", drip_5m},
	{"drip, 8 characters each second", "below what is free, NXDOMAIN", drip_short, 4000},
	{"drip, four words each second", "looks like names, type A", drip_words, 1500},
	{"inside a permitted `*.github.io`", "40 characters each 5 s, NXDOMAIN", permitted_zone, 3000},
	{"spread over 50 domains", "60 characters each 5 s", many_domains, 20000},
	{0},
};

/* Domains of algorithms: a new one each two seconds, one in a hundred exists. */
static void domain(struct stream *s, struct asked *a, const char *top)
{
	append(a->name + strlen(a->name), top);
	a->qtype = A;
	a->wait_ms = 2000;
	a->nxdomain = random_below(&s->random, 100) != 0;
}

static void uniform_long(struct stream *s, struct asked *a)
{
	random_text(&s->random, a->name, LETTERS, 12 + random_below(&s->random, 12));
	domain(s, a, ".com");
}

static void uniform_short(struct stream *s, struct asked *a)
{
	random_text(&s->random, a->name, LETTERS, 7 + random_below(&s->random, 4));
	domain(s, a, ".net");
}

static void hexadecimal(struct stream *s, struct asked *a)
{
	random_text(&s->random, a->name, HEX, 16 + random_below(&s->random, 17));
	domain(s, a, ".top");
}

/* Base 36 of a hash of the date and a number, as a fixed sequence anybody can compute. */
static void date_seeded(struct stream *s, struct asked *a)
{
	struct random day = {20261120u * 1000u + s->n + s->random.state % 7};

	random_text(&day, a->name, BASE36, 10 + random_below(&day, 5));
	domain(s, a, ".biz");
}

static void alternating(struct stream *s, struct asked *a)
{
	unsigned int n = 10 + random_below(&s->random, 6);
	char *p = a->name;

	for (unsigned int i = 0; i < n; i++)
		p = random_text(&s->random, p, i % 2 ? "aeiouy" : "bcdfghjklmnpqrstvwxz", 1);
	domain(s, a, ".ru");
}

static void syllables(struct stream *s, struct asked *a)
{
	char *p = a->name;

	for (unsigned int i = 0; i < 4; i++) {
		p = random_text(&s->random, p, "bcdfgklmnprstvz", 1);
		p = random_text(&s->random, p, "aeiou", 1);
		if (random_below(&s->random, 2))
			p = random_text(&s->random, p, "lmnrsx", 1);
	}
	domain(s, a, ".info");
}

const struct kind algorithms[] = {
	{"uniform letters, 12 to 23", "Conficker, Cryptolocker and their like", uniform_long, 98},
	{"uniform letters, 7 to 10", "short ones", uniform_short, 95},
	{"hexadecimal, 16 to 32", "digests", hexadecimal, 98},
	{"base 36 of the date, 10 to 14", "", date_seeded, 98},
	{"consonant, vowel, 10 to 15", "alternating at random", alternating, 95},
	{"syllables", "what can be spoken", syllables, 90},
	{0},
};

static void two_words(struct stream *s, struct asked *a)
{
	random_word(&s->random, random_word(&s->random, a->name));
	domain(s, a, ".net");
}

static void three_words(struct stream *s, struct asked *a)
{
	random_word(&s->random, random_word(&s->random, random_word(&s->random, a->name)));
	domain(s, a, ".com");
}

static void hyphen_words(struct stream *s, struct asked *a)
{
	random_word(&s->random, append(random_word(&s->random, a->name), "-"));
	domain(s, a, ".org");
}

const struct kind dictionaries[] = {
	{"two words", "Suppobox and its like", two_words, 90},
	{"three words", "", three_words, 90},
	{"two words with a hyphen", "", hyphen_words, 90},
	{0},
};
