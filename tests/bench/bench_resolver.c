/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_resolver [NAMES [ROUNDS]]: what the resolver's core costs for an uncached, a cached and a blocked answer, beside what any
 * server has to do for a datagram: copy it in and copy it out. One line a row: ours, copy, ratio. No sockets: see
 * bench_resolver.py for the process beside an echo.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/image_build.h"
#include "postern/resolver.h"

#define NAMES_MAX 20000

static struct msg_pin_request pin;
static uint32_t ask_ref;
static uint8_t ask_wire[DNS_ASK_MAX];
static size_t ask_len;

static void on_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	(void)ctx, (void)c, (void)data, (void)len;
}

static int on_ask(void *ctx, const struct upstream_ask *a)
{
	(void)ctx;
	ask_ref = a->ref;
	ask_len = a->len;
	memcpy(ask_wire, a->data, a->len);
	return 0;
}

static void on_forget(void *ctx, uint32_t ref)
{
	(void)ctx, (void)ref;
}

static int on_pin(void *ctx, struct msg_pin_request *m)
{
	(void)ctx;
	pin = *m;
	return 0;
}

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx, (void)d, (void)last_chance;
	return 0;
}

static uint32_t on_random(void *ctx)
{
	(void)ctx;
	return (uint32_t)random();
}

static const struct resolver_ports ports = {
	.answer = on_answer, .ask = on_ask, .forget = on_forget, .pin = on_pin, .record = on_record, .random = on_random,
};

static struct resolver *set_up(void)
{
	struct image_builder *b = image_builder_new();
	struct sandbox box = {.name = "box", .policy = "p", .slot = 1, .kind = SANDBOX_UID, .n_selectors = 1};
	const struct image_service https = {443, 443, 6};
	struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, 53}}, .port = 53};
	struct resolver *r = resolver_new(&ports, NULL);
	struct image_settings settings;
	struct image *im;
	void *data;
	size_t len;

	image_settings_default(&settings);
	settings.audit_all_queries = 0;
	settings.audit_window_ms = 1000000;
	settings.queries_per_s = settings.queries_burst = IMAGE_QUERIES_MAX;
	settings.upstream_cookies = 0;
	image_build_settings(b, &settings);
	image_build_policy(b, &(struct build_policy){.place = {"p", "p", 1}});
	uint32_t list = image_build_list(b);
	int rc = image_build_domain_text(b, list, "*.example.com");

	image_build_rule(b, &(struct build_rule){.place = {"r", "p", 2}, .priority = 1, .lists = &list, .n_lists = 1,
		.services = &https, .n_services = 1});
	image_build_upstream(b, &up);
	if (rc < 0 || !r || image_builder_finish(b, &data, &len) < 0 || image_view(data, len, &im) < 0)
		exit(1);
	image_builder_free(b);
	resolver_advance(r, 1000);
	resolver_set_image(r, im, 1);
	if (resolver_set_sandbox(r, &box) < 0)
		exit(1);
	return r;
}

struct query {
	uint8_t wire[64];
	size_t len;
};

static struct query queries[NAMES_MAX];

static void make_queries(unsigned int n, const char *zone)
{
	struct dns_ask a = {.qtype = DNS_TYPE_A, .edns = true};
	char text[64];
	uint8_t wire[DNS_ASK_MAX];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "host-%05u.%s", i, zone);
		if (dns_name_from_text(text, &a.name) < 0)
			exit(1);
		a.id = (uint16_t)i;
		queries[i].len = dns_ask_write(&a, wire);
		memcpy(queries[i].wire, wire, queries[i].len);
	}
}

/* Puts an answer to each query into the cache. */
static void warm(struct resolver *r, unsigned int n)
{
	const struct client c = {.slot = 1, .port = 1};
	uint8_t out[RESOLVER_ANSWER_MAX], reply[600];

	for (unsigned int i = 0; i < n; i++) {
		struct msg_pin_reply grant = {.granted = UINT32_MAX, .lifetime_ms = 600000};

		if (resolver_query(r, &c, queries[i].wire, queries[i].len, out) != 0)
			exit(1);
		size_t len = ask_len - DNS_OPT_SIZE; /* settings: no cookies */

		memcpy(reply, ask_wire, len);
		reply[2] = 0x81;
		reply[3] = 0x80;
		memcpy(reply + 6, "\0\1\0\0\0\0", 6);
		memcpy(reply + len, "\300\14\0\1\0\1\0\0\1\54\0\4\300\0\2\1", 16);
		resolver_upstream_answer(r, ask_ref, reply, len + 16);
		grant.h.seq = pin.h.seq;
		resolver_pin_reply(r, &grant);
	}
}

/* Of this process: other load on the machine does not count. */
static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(struct resolver *r, unsigned int n, unsigned int rounds)
{
	const struct client c = {.slot = 1, .port = 1};
	uint8_t out[RESOLVER_ANSWER_MAX];
	double start_ns = cpu_ns();
	unsigned int missed = 0;

	for (unsigned int i = 0; i < rounds; i++)
		missed += resolver_query(r, &c, queries[i % n].wire, queries[i % n].len, out) <= 0;
	if (missed > rounds / 100)
		printf("note: %u of %u were not answered at once\n", missed, rounds);
	return (cpu_ns() - start_ns) / rounds;
}

static double copy(unsigned int n, unsigned int rounds)
{
	static uint8_t in[2048], out[2048];
	double start_ns = cpu_ns();

	for (unsigned int i = 0; i < rounds; i++) {
		memcpy(in, queries[i % n].wire, queries[i % n].len);
		__asm__ volatile("" : : "r"(in) : "memory");
		memcpy(out, in, queries[i % n].len);
		__asm__ volatile("" : : "r"(out) : "memory");
	}
	return (cpu_ns() - start_ns) / rounds;
}

static void row(const char *what, double ours_ns, double copy_ns)
{
	printf("%s: ours %.0f ns, copying in and out %.0f ns, ratio %.1f\n", what, ours_ns, copy_ns, ours_ns / copy_ns);
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1000;
	unsigned int rounds = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 1000000;
	struct resolver *r = set_up();

	if (n == 0 || n > NAMES_MAX || rounds == 0)
		return 2;
	make_queries(n, "example.com");
	double start_ns = cpu_ns();

	warm(r, n);
	double uncached_ns = (cpu_ns() - start_ns) / n;

	row("resolver core, uncached and pinned answer", uncached_ns, copy(n, rounds));
	(void)run(r, n, n);
	row("resolver core, cached answer", run(r, n, rounds), copy(n, rounds));
	make_queries(n < 200 ? n : 200, "elsewhere.test");
	n = n < 200 ? n : 200;
	row("resolver core, blocked answer", run(r, n, rounds), copy(n, rounds));
	resolver_free(r);
	return 0;
}
