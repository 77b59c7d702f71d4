/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a packet is: the tables of the verdict loop against the plainest model of them, over many changes. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boxes.h"

#define SLOTS 48
#define STEPS 4000

static uint32_t state = 12345; /* the same every time */

static uint32_t pick(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static struct prefix random_prefix(void)
{
	static const uint8_t lens[2][4] = {{8, 24, 28, 32}, {32, 48, 64, 128}};
	bool v6 = pick(2);
	struct prefix p = {.addr = {.family = v6 ? ADDR_V6 : ADDR_V4}, .len = lens[v6][pick(4)]};

	for (unsigned int bit = 0; bit < p.len; bit++)
		if (bit < 4 || pick(8) == 0)
			p.addr.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return p;
}

/* No two sandboxes share a selector: the gate sees to that; here the slot is made part of it. */
static struct sandbox random_box(uint16_t slot)
{
	static const enum sandbox_kind kinds[] = {SANDBOX_INTERFACE, SANDBOX_SOURCE, SANDBOX_CGROUP, SANDBOX_UID};
	struct sandbox s = {.slot = slot, .kind = (uint8_t)kinds[pick(4)], .name = "box", .policy = "p",
		.n_selectors = (uint8_t)(1 + pick(SELECTORS_MAX))};

	for (unsigned int i = 0; i < s.n_selectors; i++) {
		struct selector *sel = &s.selectors[i];

		snprintf(sel->ifname, sizeof(sel->ifname), "v%u-%u", slot, i);
		sel->uid = slot * 10u + i;
		snprintf(sel->cgroup, sizeof(sel->cgroup), "a/%u%s", slot, i == 1 ? "/b" : i == 2 ? "/b/c" : i == 3 ? "/d" : "");
		sel->source = random_prefix();
	}
	return s;
}

static struct sandbox model[SLOTS];
static unsigned int hits; /* lookups by source that found somebody */
static bool used[SLOTS];

static bool taken(const struct prefix *p, uint16_t but)
{
	for (uint16_t s = 0; s < SLOTS; s++)
		for (unsigned int i = 0; used[s] && s != but && model[s].kind == SANDBOX_SOURCE && i < model[s].n_selectors; i++)
			if (model[s].selectors[i].source.len == p->len &&
				addr_equal(&model[s].selectors[i].source.addr, &p->addr))
				return true;
	return false;
}

static uint16_t model_source(const struct addr *a)
{
	uint16_t best = SANDBOX_NONE;
	int len = -1;

	for (uint16_t s = 0; s < SLOTS; s++)
		for (unsigned int i = 0; used[s] && model[s].kind == SANDBOX_SOURCE && i < model[s].n_selectors; i++) {
			const struct prefix *p = &model[s].selectors[i].source;

			if (prefix_contains(p, a) && p->len > len) {
				len = p->len;
				best = s;
			}
		}
	return best;
}

static uint16_t model_cgroup(const char *path)
{
	uint16_t best = SANDBOX_NONE;
	size_t len = 0;

	for (uint16_t s = 0; s < SLOTS; s++)
		for (unsigned int i = 0; used[s] && model[s].kind == SANDBOX_CGROUP && i < model[s].n_selectors; i++) {
			const char *c = model[s].selectors[i].cgroup;
			size_t n = strlen(c);

			if (strncmp(c, path, n) == 0 && (path[n] == '\0' || path[n] == '/') && n > len) {
				len = n;
				best = s;
			}
		}
	return best;
}

static void compare(struct boxes *b)
{
	struct prefix p = random_prefix();
	uint16_t slot = (uint16_t)pick(SLOTS);
	unsigned int i = pick(SELECTORS_MAX);
	char text[64];
	bool has = used[slot] && i < model[slot].n_selectors;

	CHECK(boxes_by_source(b, &p.addr) == model_source(&p.addr));
	hits += model_source(&p.addr) != SANDBOX_NONE;
	snprintf(text, sizeof(text), "v%u-%u", slot, i);
	CHECK(boxes_by_interface(b, text) == (has && model[slot].kind == SANDBOX_INTERFACE ? slot : SANDBOX_NONE));
	CHECK(boxes_by_uid(b, slot * 10u + i) == (has && model[slot].kind == SANDBOX_UID ? slot : SANDBOX_NONE));
	snprintf(text, sizeof(text), "a/%u%s", slot, i == 1 ? "/b" : i == 2 ? "/b/c/x" : i == 3 ? "/dd" : "");
	CHECK(boxes_by_cgroup(b, text) == model_cgroup(text));
	CHECK(!!boxes_get(b, slot) == used[slot]);
}

static void change(struct boxes *b)
{
	uint16_t slot = (uint16_t)pick(SLOTS);
	struct sandbox s = random_box(slot);

	if (pick(3) == 0) {
		boxes_unset(b, slot);
		used[slot] = false;
		return;
	}
	for (unsigned int i = 0; s.kind == SANDBOX_SOURCE && i < s.n_selectors; i++)
		if (taken(&s.selectors[i].source, slot))
			return;
	CHECK(boxes_set(b, &s) == 0);
	model[slot] = s;
	used[slot] = true;
}

int main(void)
{
	struct sandbox s;
	struct boxes *b;

	CHECK(boxes_new(&b) == 0);
	for (unsigned int step = 0; step < STEPS; step++) {
		change(b);
		compare(b);
	}
	CHECK(hits > STEPS / 10 && hits < STEPS);
	for (uint16_t slot = 0; slot < SLOTS; slot++)
		boxes_unset(b, slot);
	memset(used, 0, sizeof(used));
	compare(b);
	CHECK(!boxes_any_cgroup(b) && boxes_host(b) == SANDBOX_NONE);
	s = random_box(1);
	s.n_selectors = SELECTORS_MAX + 1;
	CHECK(boxes_set(b, &s) == -EINVAL);
	s = random_box(SANDBOX_MAX);
	CHECK(boxes_set(b, &s) == -EINVAL);
	CHECK(boxes_by_interface(b, "") == SANDBOX_NONE && boxes_get(b, SANDBOX_NONE) == NULL);
	boxes_free(b);
	return check_report();
}
