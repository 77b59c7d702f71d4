/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence by sandbox. A box holds the names that are not new, the budgets of its zones, the budget of all of them together, and what is
 * known of strangers; nothing of a box depends on another's.
 *
 * Only new names are charged and found: what was asked before tells its server nothing, so software goes on with the names it uses
 * while a tunnel through the same zone is shut. A name is charged with the information below its zone, beyond what
 * ordinary names have; more for types that bring much back. Zones that are over their budget are not forgotten for others: when all are,
 * a new one is judged as if it were.
 */
#include "postern/detect.h"

#include <string.h>
#include <sys/mman.h>

#include "budget.h"
#include "lexicon.h"
#include "postern/compiler.h"
#include "postern/hash.h"
#include "strangers.h"
#include "zone.h"

#define SEEN_WAYS 4
#define SEEN_SETS (DETECT_SEEN_MAX / SEEN_WAYS)
#define BITS_FREE 48	/* of a name: what ordinary ones have is not counted */
#define HOT 1000	/* thousandths of LOW */

struct zone {
	uint64_t tag; /* keyed hash; 0: free */
	struct budget budget;
};

struct box {
	uint32_t seen[SEEN_SETS][SEEN_WAYS]; /* tags of names, the last used first; 0: free */
	struct budget total;
	struct strangers strangers;
	struct zone zones[DETECT_ZONES_MAX];
};

struct detect {
	struct hash_key key;
	struct box boxes[SANDBOX_MAX];
};

struct detect *detect_new(void)
{
	/* not calloc(): a sandbox that is never asked about costs no page, whatever allocator or sanitizer is in use */
	struct detect *d = mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (d == MAP_FAILED)
		return NULL;
	hash_key_init(&d->key);
	return d;
}

void detect_free(struct detect *d)
{
	if (d)
		munmap(d, sizeof(*d));
}

void detect_forget(struct detect *d, uint16_t slot)
{
	ASSERT(slot < SANDBOX_MAX);
	memset(&d->boxes[slot], 0, sizeof(d->boxes[slot]));
}

/* The set of a name, and its tag in it. */
static uint32_t *seen_set(struct detect *d, const struct detect_question *q, uint32_t *ret_tag)
{
	uint64_t h = hash_bytes(&d->key, q->name->wire, q->name->len);

	*ret_tag = (uint32_t)h | 1;
	return d->boxes[q->slot].seen[(h >> 32) % SEEN_SETS];
}

/* Puts the tag in front; false where it was not there. */
static bool seen_touch(uint32_t *set, uint32_t tag, bool add)
{
	unsigned int i = 0;

	while (i < SEEN_WAYS && set[i] != tag)
		i++;
	if (i == SEEN_WAYS && !add)
		return false;
	memmove(set + 1, set, (i < SEEN_WAYS ? i : SEEN_WAYS - 1) * sizeof(*set));
	set[0] = tag;
	return i < SEEN_WAYS;
}

void detect_sent(struct detect *d, const struct detect_question *q)
{
	uint32_t tag, *set = seen_set(d, q, &tag);

	(void)seen_touch(set, tag, true);
}

/* The budget of a zone. NULL: all are in use, and each shows something. */
static struct budget *zone_budget(struct detect *d, const struct detect_question *q, const struct zone_labels *l,
	unsigned int labels)
{
	uint8_t at = labels ? l->at[l->n - labels] : (uint8_t)(q->name->len - 1);
	uint64_t tag = hash_bytes(&d->key, q->name->wire + at, (size_t)q->name->len - at) | 1;
	uint32_t now_s = (uint32_t)(q->now_ms / 1000), least = HOT;
	struct zone *zones = d->boxes[q->slot].zones, *free = NULL;

	for (unsigned int i = 0; i < DETECT_ZONES_MAX; i++)
		if (zones[i].tag == tag)
			return &zones[i].budget;
	for (unsigned int i = 0; i < DETECT_ZONES_MAX && least; i++) {
		uint32_t heat = zones[i].tag ? budget_heat(&zones[i].budget, now_s) : 0;

		if (heat < least) {
			least = heat;
			free = &zones[i];
		}
	}
	if (!free)
		return NULL;
	*free = (struct zone){.tag = tag};
	return &free->budget;
}

/* Types that tunnels bring their data back in, because they hold much or anything. */
static bool holds_much(uint16_t qtype)
{
	static const uint16_t types[] = {5 /* CNAME */, 10 /* NULL */, 15 /* MX */, 16 /* TXT */, 25 /* KEY */, 33 /* SRV */};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == qtype)
			return true;
	return qtype >= 65280; /* for private use */
}

/* What the labels in front of the zone are charged with. */
static uint16_t bits_below(const struct detect_question *q, const struct zone_labels *l, unsigned int zone_labels)
{
	unsigned int bits = 0;

	for (unsigned int labels = zone_labels + 1; labels <= l->n; labels++) {
		size_t len;
		const uint8_t *label = zone_label(l, labels, &len);

		bits += lexicon_bits(label, len);
	}
	bits = bits > BITS_FREE ? bits - BITS_FREE : 0;
	return (uint16_t)(holds_much(q->qtype) ? 2 * bits : bits);
}

static enum confidence highest(enum confidence a, enum confidence b)
{
	return a > b ? a : b;
}

/*
 * Charges a new name, and says what its budgets show then. What goes to a zone that shows all it can is not counted in the total again:
 * one tunnel does not make everything else of its sandbox look like one.
 */
static enum confidence charge(struct detect *d, const struct detect_question *q, struct budget *zone, uint32_t bits)
{
	struct budget *total = &d->boxes[q->slot].total;
	uint32_t now_s = (uint32_t)(q->now_ms / 1000);

	if (zone) {
		budget_charge(zone, 1, now_s, bits, 1);
		if (budget_confidence(zone, 1) == CONFIDENCE_HIGH)
			return CONFIDENCE_HIGH;
	}
	budget_charge(total, BUDGET_TOTAL_SCALE, now_s, bits, 1);
	return highest(zone ? budget_confidence(zone, 1) : CONFIDENCE_NONE, budget_confidence(total, BUDGET_TOTAL_SCALE));
}

static void judge_tunnel(struct detect *d, const struct detect_question *q, const struct zone_labels *l,
	struct detect_finding *f)
{
	struct budget *zone = zone_budget(d, q, l, f->trace.zone_labels);
	enum confidence c = charge(d, q, zone, f->trace.bits);

	f->full = !zone;
	f->confidence[PROTECTION_DNS_TUNNELING] = !zone && f->trace.bits ? CONFIDENCE_HIGH : c;
}

/*
 * The label that somebody chose, or computed. In a zone that a rule names it is the one below, and its looks alone
 * say nothing: clouds number their customers.
 */
static void judge_label(struct detect *d, const struct detect_question *q, const struct zone_labels *l,
	struct detect_finding *f)
{
	const struct strangers *s = &d->boxes[q->slot].strangers;
	bool free = f->trace.zone_labels > q->zone_labels, random, words;
	unsigned int labels = free ? f->trace.zone_labels : f->trace.zone_labels + 1u, level;
	enum confidence looks, mass = CONFIDENCE_NONE;
	size_t len;
	const uint8_t *label;

	if (l->n < 2 || labels > l->n)
		return;
	label = zone_label(l, labels, &len);
	looks = lexicon_random(label, len);
	random = looks != CONFIDENCE_NONE;
	words = !random && lexicon_words(label, len);
	f->trace.stranger = (uint8_t)((unsigned int)free << STRANGER_ANY | (unsigned int)random << STRANGER_RANDOM |
		(unsigned int)words << STRANGER_WORDS);
	level = free ? looks : CONFIDENCE_NONE;
	if (random && f->trace.novel)
		level += strangers_confidence(s, STRANGER_RANDOM);
	if (free && f->trace.novel)
		mass = strangers_confidence(s, STRANGER_ANY);
	f->confidence[PROTECTION_DGA] = highest(level < CONFIDENCE_HIGH ? (enum confidence)level : CONFIDENCE_HIGH, mass);
	if (!random && f->trace.novel)
		f->confidence[PROTECTION_DICTIONARY_DGA] =
			highest(words ? strangers_confidence(s, STRANGER_WORDS) : CONFIDENCE_NONE, mass);
}

void detect_judge(struct detect *d, const struct detect_question *q, struct detect_finding *ret_finding)
{
	struct zone_labels l;
	unsigned int registrable;
	uint32_t tag, *set;

	ASSERT(q->slot < SANDBOX_MAX);
	*ret_finding = (struct detect_finding){0};
	zone_cut(q->name, &l);
	registrable = zone_registrable(&l);
	ret_finding->trace.zone_labels = (uint8_t)(registrable > q->zone_labels ? registrable : q->zone_labels);
	if (ret_finding->trace.zone_labels > l.n) /* no rule holds such a name by a wildcard */
		return;
	set = seen_set(d, q, &tag);
	ret_finding->trace.novel = !seen_touch(set, tag, false);
	if (ret_finding->trace.novel) {
		ret_finding->trace.bits = bits_below(q, &l, ret_finding->trace.zone_labels);
		strangers_asked(&d->boxes[q->slot].strangers, (uint32_t)(q->now_ms / 1000));
		judge_tunnel(d, q, &l, ret_finding);
	}
	judge_label(d, q, &l, ret_finding);
}

void detect_nxdomain(struct detect *d, const struct detect_question *q, const struct detect_trace *trace)
{
	uint32_t now_s = (uint32_t)(q->now_ms / 1000);
	struct zone_labels l;

	ASSERT(q->slot < SANDBOX_MAX);
	zone_cut(q->name, &l);
	if (!trace->novel || trace->zone_labels > l.n)
		return;
	(void)charge(d, q, zone_budget(d, q, &l, trace->zone_labels), trace->bits / 2u);
	strangers_missing(&d->boxes[q->slot].strangers, now_s, trace->stranger);
}
