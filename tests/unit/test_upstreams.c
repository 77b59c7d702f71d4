/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the resolver keeps of its upstreams: their health, and answers of postern-tls in parts. */
#include "check.h"

#include "../../src/resolver/health.h"
#include "../../src/resolver/parts.h"

static void test_health(void)
{
	struct upstream_health h = {0};

	check_row("health");
	for (unsigned int i = 1; i < HEALTH_SAMPLES_MIN; i++) {
		health_answered(&h, 100);
		CHECK(health_patience_ms(&h, 2000) == 2000); /* too little is known */
	}
	CHECK(h.srtt_8ms == 800);
	health_answered(&h, 100);
	CHECK(health_patience_ms(&h, 2000) >= 100 && health_patience_ms(&h, 2000) < 200);
	for (unsigned int i = 0; i < 100; i++)
		health_answered(&h, 1);
	CHECK(health_patience_ms(&h, 2000) == HEALTH_PATIENCE_MIN_MS && health_patience_ms(&h, 30) == 30);
	for (unsigned int i = 0; i < 100; i++)
		health_answered(&h, i % 2 ? 1 : 300); /* what varies is waited for */
	CHECK(health_patience_ms(&h, 2000) > 400 && health_patience_ms(&h, 2000) <= 2000);
	health_answered(&h, UINT64_MAX);
	health_answered(&h, 0);
	CHECK(health_patience_ms(&h, 2000) == 2000);
	memset(&h, 0, sizeof(h));
	for (unsigned int i = 0; i < HEALTH_SAMPLES_MIN; i++)
		health_answered(&h, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		health_silent(&h, 5000);
		CHECK(health_down(&h) == (i >= HEALTH_FAILS_MAX) && (h.down_until_ms > 5000) == health_down(&h));
		CHECK(health_patience_ms(&h, 2000) == (uint32_t)HEALTH_PATIENCE_MIN_MS << (i < 4 ? i : 4));
	}
	CHECK(h.down_until_ms == 5000 + 32000);
	health_probe(&h, 40000);
	CHECK(h.down_until_ms == 41000 && health_down(&h));
	health_answered(&h, 10);
	CHECK(!health_down(&h) && h.down_until_ms == 0);
	health_probe(&h, 40000);
	CHECK(h.down_until_ms == 0);
	check_row("");
}

static void test_parts(void)
{
	static const struct {
		const char *name;
		struct msg_tls_answer m[3];
		int rc[3];
	} rows[] = {
		{"one", {{.ref = 1, .total = 20, .len = 20}}, {1}},
		{"two", {{.ref = 1, .total = 4100, .len = 4096}, {.ref = 1, .total = 4100, .offset = 4096, .len = 4}}, {0, 1}},
		{"the next answer", {{.ref = 1, .total = 12, .len = 12}, {.ref = 2, .total = 13, .len = 13}}, {1, 1}},
		{"a new one instead of the rest", {{.ref = 1, .total = 30, .len = 20}, {.ref = 2, .total = 13, .len = 13}}, {0, 1}},
		{"another reference", {{.ref = 1, .total = 30, .len = 20}, {.ref = 2, .total = 30, .offset = 20, .len = 10}}, {0, -1}},
		{"another size", {{.ref = 1, .total = 30, .len = 20}, {.ref = 1, .total = 31, .offset = 20, .len = 11}}, {0, -1}},
		{"a gap", {{.ref = 1, .total = 30, .len = 20}, {.ref = 1, .total = 30, .offset = 21, .len = 9}}, {0, -1}},
		{"twice", {{.ref = 1, .total = 30, .len = 20}, {.ref = 1, .total = 30, .offset = 10, .len = 10}}, {0, -1}},
		{"more than it is", {{.ref = 1, .total = 30, .len = 31}}, {-1}},
		{"more than there is", {{.ref = 1, .total = 5000, .len = 4097}}, {-1}},
		{"more than a message", {{.ref = 1, .total = 65536, .len = 4096}}, {-1}},
		{"nothing", {{.ref = 1, .total = 30, .len = 0}}, {-1}},
		{"no total", {{.ref = 1, .total = 0, .len = 0}}, {-1}},
		{"behind the end", {{.ref = 1, .total = 30, .offset = 31, .len = UINT32_MAX}}, {-1}},
	};
	static struct parts p;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].name);
		memset(&p, 0, sizeof(p));
		for (size_t k = 0; k < 3 && rows[i].m[k].ref; k++) {
			int rc = parts_take(&p, &rows[i].m[k]);

			CHECK((rc < 0 ? -1 : rc) == rows[i].rc[k] && p.have <= p.total);
		}
	}
	check_row("");
}

int main(void)
{
	test_health();
	test_parts();
	return check_report();
}
