/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pins bare|gate N BATCH: pins with the kernel's acknowledgement, in the table that is loaded.
 *
 * bare   a loop over libmnl: one element (with timeout and comment) in one transaction, its acknowledgement, the next
 * gate   what the gate does with a request, from the message to the booked pin: match, checks, caps, transaction, books;
 *        BATCH requests at a time
 *
 * Each adds N addresses to pin6_iface. Prints JSON: pins, ns, cpu_ns.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "../scenario/scenario.h"
#include "bench.h"
#include "element.h"
#include "pins.h"
#include "postern/clock.h"
#include "postern/log.h"

/* ---- bare ---- */

static void run_bare(uint32_t n)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	for (uint32_t i = 0; i < n; i++)
		commit_one(nl, i);
	mnl_socket_close(nl);
}

/* ---- gate ---- */

static struct gate_pins {
	struct pins *pins;
	struct pins_view view;
	uint16_t slot;
	struct msg_pin_request requests[PINS_BATCH_MAX];
	struct msg_pin_reply replies[PINS_BATCH_MAX];
	struct msg_pin_note notes[PINS_BATCH_MAX];
} gate;

void scenario_fail(struct scenario *s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
}

static void start_gate(void)
{
	static const char *const lines[] = {"policy web", "rule allow 100 *.bench ports=443"};
	struct sandbox box = {.kind = SANDBOX_INTERFACE, .n_selectors = 1, .name = "box1", .policy = "web",
		.selectors = {{.ifname = "pt-box1"}}};
	struct policy_text *text = policy_text_new();
	struct sandboxes *boxes;
	struct nft *nft;
	void *data;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s", lines[i]);
		(void)policy_text_line(text, line);
	}
	gate.view.image = policy_text_load(text, &data);
	if (!gate.view.image || sandboxes_new(&boxes) < 0 || nft_open(&nft) < 0 || nft_probe(nft) < 0 ||
		pins_new(nft, clock_now_ms(), &gate.pins) < 0)
		die("gate");
	gate.slot = sandboxes_add(boxes, &box, image_settings(gate.view.image))->slot;
	gate.view.sandboxes = boxes;
}

static void fill_request(struct msg_pin_request *m, uint32_t n)
{
	char name[32];

	snprintf(name, sizeof(name), "n%u.bench", n);
	*m = (struct msg_pin_request){.h.seq = n, .slot = gate.slot, .qtype = TYPE_AAAA, .ttl_s = 300, .n_addrs = 1, .addrs = {{.family = ADDR_V6}}};
	(void)bench_address(n, TYPE_AAAA, m->addrs[0].bytes);
	if (dns_name_from_text(name, &m->name) < 0)
		die(name);
}

static _Noreturn void refused(unsigned int reason)
{
	fprintf(stderr, "not granted: %s\n", reason_text((enum reason)reason));
	exit(1);
}

static void run_gate(uint32_t n, uint32_t batch)
{
	for (uint32_t i = 0; i < n; i += batch) {
		for (uint32_t j = 0; j < batch; j++)
			fill_request(&gate.requests[j], i + j);
		pins_request(gate.pins, &gate.view, clock_now_ms(), gate.requests, batch, gate.replies, gate.notes);
		for (uint32_t j = 0; j < batch; j++)
			if (gate.replies[j].reason != REASON_NONE || gate.replies[j].granted != 1)
				refused(gate.replies[j].reason);
	}
}

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
		(uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)) * 1000u;
}

int main(int argc, char **argv)
{
	uint32_t n = argc == 4 ? (uint32_t)atoi(argv[2]) : 0, batch = argc == 4 ? (uint32_t)atoi(argv[3]) : 0;
	uint64_t began, cpu;

	if (!n || !batch || batch > PINS_BATCH_MAX || n % batch)
		return 2;
	log_init("pins", LOG_LEVEL_INFO);
	if (argv[1][0] == 'g')
		start_gate();
	began = now_ns();
	cpu = cpu_ns();
	if (argv[1][0] == 'g')
		run_gate(n, batch);
	else
		run_bare(n);
	printf("{\"pins\": %u, \"ns\": %llu, \"cpu_ns\": %llu}\n", n, (unsigned long long)(now_ns() - began),
		(unsigned long long)(cpu_ns() - cpu));
	return 0;
}
