/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures detection: what it finds of generated tunnels and domains of algorithms, and what it says about ordinary questions. Prints the tables
 * of postern-policy(5). With --check it holds them to bounds, as a test.
 *
 *	measure_detect [--check] [--domains FILE]	FILE: ordinary registrable domains, one a line (domains.py)
 *	measure_detect --cost			CPU of a question, beside writing and reading it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/compiler.h"
#include "postern/detect.h"
#include "postern/dns.h"

#include "traffic.h"

#define SEEDS 10
#define DOMAINS_MAX 20000
#define NAMES_OF_A_FAMILY 300

struct lab {
	struct detect *d;
	const char *domains[DOMAINS_MAX];
	size_t n_domains;
	bool check;
	unsigned int failed;
};

/* A run of one kind in a sandbox of its own. */
struct run {
	struct stream s;
	struct asked asked;
	struct dns_name name;
	struct detect_question q;
	struct detect_finding f;
};

static void bound(struct lab *lab, const char *what, double have, double most)
{
	if (!lab->check || have <= most)
		return;
	fprintf(stderr, "%s: %g is over %g\n", what, have, most);
	lab->failed++;
}

static void run_start(struct lab *lab, struct run *run, unsigned int seed)
{
	detect_forget(lab->d, 1);
	*run = (struct run){.s = {.random = {seed}, .now_ms = 1000000, .domains = lab->domains, .n_domains = lab->n_domains}};
}

/* The next question, judged. */
static void run_judge(struct lab *lab, struct run *run, const struct kind *k)
{
	run->asked = (struct asked){.qtype = 1};
	k->next(&run->s, &run->asked);
	if (dns_name_from_text(run->asked.name, &run->name) < 0) {
		fprintf(stderr, "%s: no name: %s\n", k->name, run->asked.name);
		exit(1);
	}
	dns_name_lower(&run->name);
	run->q = (struct detect_question){.name = &run->name, .now_ms = run->s.now_ms, .slot = 1, .qtype = run->asked.qtype,
		.zone_labels = (uint8_t)run->asked.zone_labels};
	detect_judge(lab->d, &run->q, &run->f);
	run->s.n++;
}

static void run_send(struct lab *lab, struct run *run)
{
	detect_sent(lab->d, &run->q);
	if (run->asked.nxdomain)
		detect_nxdomain(lab->d, &run->q, &run->f.trace);
}

static void run_wait(struct run *run)
{
	run->s.now_ms += run->asked.wait_ms;
}

static enum confidence most_of(const struct detect_finding *f)
{
	enum confidence c = CONFIDENCE_NONE;

	for (unsigned int p = 0; p < PROTECTION_COUNT; p++)
		c = f->confidence[p] > c ? f->confidence[p] : c;
	return c;
}

/* Until it is found: questions, and bytes that got out before. The worst of the seeds. */
struct until {
	double questions, bytes, seconds;
	bool never;
};

static void until_found(struct lab *lab, const struct kind *k, unsigned int seed, struct until u[CONFIDENCE_COUNT])
{
	struct run run;
	double bits = 0;
	unsigned int reached = 0;

	run_start(lab, &run, seed);
	while (reached < CONFIDENCE_HIGH && run.s.now_ms < 1000000 + DAY_MS) {
		run_judge(lab, &run, k);
		while (reached < (unsigned int)run.f.confidence[PROTECTION_DNS_TUNNELING]) {
			struct until *to = &u[++reached];

			to->questions = run.s.n > to->questions ? run.s.n : to->questions;
			to->bytes = bits / 8 > to->bytes ? bits / 8 : to->bytes;
		}
		bits += run.asked.payload_bits;
		run_send(lab, &run);
		run_wait(&run);
	}
	while (reached < CONFIDENCE_HIGH)
		u[++reached].never = true;
}

/* Bytes that get out in a day where @at and above is refused. */
static double leak(struct lab *lab, const struct kind *k, enum confidence at)
{
	struct run run;
	double bits = 0;

	run_start(lab, &run, 1);
	while (run.s.now_ms < 1000000 + DAY_MS) {
		run_judge(lab, &run, k);
		if (run.f.confidence[PROTECTION_DNS_TUNNELING] < at) {
			bits += run.asked.payload_bits;
			run_send(lab, &run);
		}
		run_wait(&run);
	}
	return bits / 8;
}

static void print_until(const struct until *u)
{
	if (u->never)
		printf("| - | - ");
	else
		printf("| %.0f | %.0f ", u->questions, u->bytes);
}

static void measure_tunnels(struct lab *lab)
{
	printf("tunnels: questions until found and bytes out before that (worst of %d runs of a day), and bytes out in a day under BLOCK\n\n"
		"| | LOW: questions | bytes | MEDIUM: questions | bytes | HIGH: questions | bytes | a day under BLOCK at LOW | MEDIUM | HIGH | not refused |\n"
		"|---|---|---|---|---|---|---|---|---|---|---|\n", SEEDS);
	for (const struct kind *k = tunnels; k->name; k++) {
		struct until u[CONFIDENCE_COUNT] = {0};

		for (unsigned int seed = 1; seed <= SEEDS; seed++)
			until_found(lab, k, seed, u);
		printf("| %s: %s ", k->name, k->what);
		for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH; c++)
			print_until(&u[c]);
		if (k->bound)
			bound(lab, k->name, u[CONFIDENCE_HIGH].never ? 1e9 : u[CONFIDENCE_HIGH].bytes, k->bound);
		for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_COUNT && !lab->check; c++) /* a minute */
			printf("| %.0f ", leak(lab, k, (enum confidence)c));
		printf("|\n");
	}
	printf("\n");
}

static void measure_ordinary(struct lab *lab)
{
	printf("ordinary software: share of its questions for new names in a day that are found, per cent (%d runs)\n\n"
		"| | new names | LOW | MEDIUM | HIGH |\n|---|---|---|---|---|\n", SEEDS);
	for (const struct kind *k = ordinary; k->name; k++) {
		unsigned int found[CONFIDENCE_COUNT] = {0}, novel = 0;

		for (unsigned int seed = 1; seed <= SEEDS; seed++) {
			struct run run;

			run_start(lab, &run, seed);
			while (run.s.now_ms < 1000000 + DAY_MS) {
				run_judge(lab, &run, k);
				novel += run.f.trace.novel;
				for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH && run.f.trace.novel; c++)
					found[c] += most_of(&run.f) >= c;
				run_send(lab, &run);
				run_wait(&run);
			}
		}
		printf("| %s: %s | %u ", k->name, k->what, novel / SEEDS);
		for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH; c++)
			printf("| %.2f ", 100.0 * found[c] / novel);
		printf("|\n");
		bound(lab, k->name, 100.0 * found[CONFIDENCE_HIGH] / novel, k->bound < 100 ? 0.1 : 100);
		bound(lab, k->name, 100.0 * found[CONFIDENCE_MEDIUM] / novel, k->bound);
	}
	printf("\n");
}

/* How many of a family are found, and of how many. */
struct found {
	unsigned int at[CONFIDENCE_COUNT], of;
};

static void add_found(struct found *to, enum confidence c)
{
	for (unsigned int i = CONFIDENCE_LOW; i <= c; i++)
		to->at[i]++;
	to->of++;
}

static void print_found(const struct found *f)
{
	for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH; c++)
		printf("| %.1f ", 100.0 * f->at[c] / f->of);
}

/* Each name by itself, as the first of its sandbox. */
static void measure_labels(struct lab *lab)
{
	struct found found = {0};

	for (size_t i = 0; i < lab->n_domains; i++) {
		struct run run;
		struct dns_name name;

		run_start(lab, &run, 1);
		if (dns_name_from_text(lab->domains[i], &name) < 0)
			continue;
		run.q = (struct detect_question){.name = &name, .now_ms = 1, .slot = 1, .qtype = 1};
		detect_judge(lab->d, &run.q, &run.f);
		add_found(&found, most_of(&run.f));
	}
	printf("| %zu ordinary domains ", lab->n_domains);
	for (unsigned int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH; c++)
		printf("| %.2f ", 100.0 * found.at[c] / found.of);
	printf("| | | | | | |\n");
	bound(lab, "ordinary domains, HIGH", 100.0 * found.at[CONFIDENCE_HIGH] / found.of, 0.1);
	bound(lab, "ordinary domains, MEDIUM", 100.0 * found.at[CONFIDENCE_MEDIUM] / found.of, 1);
}

static struct found family_alone(struct lab *lab, const struct kind *k, enum protection p)
{
	struct found found = {0};
	struct run run;

	run_start(lab, &run, 1);
	for (unsigned int i = 0; i < SEEDS * NAMES_OF_A_FAMILY; i++) {
		detect_forget(lab->d, 1);
		run_judge(lab, &run, k);
		add_found(&found, run.f.confidence[p]);
	}
	return found;
}

/* @beside: questions of browsing to one of the family. */
static struct found family_run(struct lab *lab, const struct kind *k, enum protection p, unsigned int beside)
{
	const struct kind *browser = ordinary;
	struct found found = {0};
	struct run run, other;

	while (strncmp(browser->name, "browsing", 8) != 0)
		browser++;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		run_start(lab, &other, seed + 100);
		run_start(lab, &run, seed);
		for (unsigned int i = 0; i < NAMES_OF_A_FAMILY; i++) {
			run_judge(lab, &run, k);
			add_found(&found, run.f.confidence[p]);
			run_send(lab, &run);
			run_wait(&run);
			for (unsigned int n = 0; n < beside; n++) {
				other.s.now_ms = run.s.now_ms;
				run_judge(lab, &other, browser);
				run_send(lab, &other);
			}
		}
	}
	return found;
}

static void measure_family(struct lab *lab, const struct kind *k, enum protection p)
{
	struct found alone = family_alone(lab, k, p), together = family_run(lab, k, p, 0), amid = family_run(lab, k, p, 2);

	printf("| %s%s%s ", k->name, *k->what ? ": " : "", k->what);
	print_found(&alone);
	print_found(&together);
	print_found(&amid);
	printf("|\n");
	bound(lab, k->name, k->bound, 100.0 * together.at[CONFIDENCE_LOW] / together.of);
}

static void measure_families(struct lab *lab)
{
	printf("domains of algorithms: share found, per cent: each name as the first of its sandbox; in a run of %d of which one in a hundred exists; in such a "
		"run amid twice as much browsing\n\n"
		"| | first: LOW | MEDIUM | HIGH | run: LOW | MEDIUM | HIGH | amid: LOW | MEDIUM | HIGH |\n|---|---|---|---|---|---|---|---|---|---|\n",
		NAMES_OF_A_FAMILY);
	for (const struct kind *k = algorithms; k->name; k++)
		measure_family(lab, k, PROTECTION_DGA);
	for (const struct kind *k = dictionaries; k->name; k++)
		measure_family(lab, k, PROTECTION_DICTIONARY_DGA);
	measure_labels(lab);
	printf("\n");
}

static void read_domains(struct lab *lab, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[300];

	if (!f) {
		perror(path);
		exit(2);
	}
	while (lab->n_domains < DOMAINS_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		lab->domains[lab->n_domains++] = strdup(line);
	}
	fclose(f);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Writes and reads each question once: what a resolver does with it in any case. */
static double cost_codec(const struct dns_ask *asks, unsigned int n)
{
	double from = now_ns();
	uint8_t wire[DNS_ASK_MAX];
	struct dns_query q;

	for (unsigned int i = 0; i < n; i++)
		ASSERT(dns_query_parse(wire, dns_ask_write(&asks[i], wire), &q) == DNS_NOERROR);
	return (now_ns() - from) / n;
}

static double cost_judge(struct lab *lab, const struct dns_ask *asks, unsigned int n)
{
	double from = now_ns();
	struct detect_finding f;

	for (unsigned int i = 0; i < n; i++) {
		struct detect_question q = {.name = &asks[i].name, .now_ms = 1000000 + i, .slot = 1, .qtype = 1};

		detect_judge(lab->d, &q, &f);
		detect_sent(lab->d, &q);
	}
	return (now_ns() - from) / n;
}

/* Of browsing: 500 names, so that each stays known when it is asked again. */
static void measure_cost(struct lab *lab)
{
	enum { N = 500, ROUNDS = 20 };
	static struct dns_ask asks[N];
	double codec = 0, first = 0, again = 0;
	const struct kind *browser = ordinary;

	while (strncmp(browser->name, "browsing", 8) != 0)
		browser++;
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		struct run run;

		run_start(lab, &run, round);
		for (unsigned int i = 0; i < N; i++) {
			run_judge(lab, &run, browser);
			asks[i] = (struct dns_ask){.id = 1, .qtype = 1, .edns = true, .name = run.name};
		}
		detect_forget(lab->d, 1);
		codec += cost_codec(asks, N) / ROUNDS;
		first += cost_judge(lab, asks, N) / ROUNDS;
		again += cost_judge(lab, asks, N) / ROUNDS;
	}
	printf("writing and reading a question %.0f ns; judging it the first time %.0f ns (%.1f times), again %.0f ns (%.1f times)\n", codec,
		first, first / codec, again, again / codec);
}

int main(int argc, char **argv)
{
	bool cost = false;

	static struct lab lab;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0)
			lab.check = true;
		else if (strcmp(argv[i], "--cost") == 0)
			cost = true;
		else if (strcmp(argv[i], "--domains") == 0 && i + 1 < argc)
			read_domains(&lab, argv[++i]);
	}
	while (lab.n_domains == 0 || (lab.n_domains < DOMAINS_MAX && ordinary_domains[lab.n_domains] && lab.domains[0] == ordinary_domains[0])) {
		lab.domains[lab.n_domains] = ordinary_domains[lab.n_domains];
		lab.n_domains++;
	}
	lab.d = detect_new();
	ASSERT(lab.d);
	if (cost) {
		measure_cost(&lab);
	} else {
		measure_tunnels(&lab);
		measure_families(&lab);
		measure_ordinary(&lab);
	}
	detect_free(lab.d);
	return lab.failed ? 1 : 0;
}
