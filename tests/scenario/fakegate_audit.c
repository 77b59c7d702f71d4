/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gate for postern-audit: fakegate_audit EXE, then commands, one a line, each answered with one line:
 *
 *	image DIRECTORY ROTATE_BYTES KEEP [outputs]   settings as an image would bring them; with all other formats
 *	events FIRST COUNT                  refusals over the verdict's channel, their number as text
 *	traffic FIRST COUNT                 the same with an address, for formats that want one
 *	samples                             every kind, reason and action, every member set
 *	invalid                             an event that breaks the rules
 *	ping                                counters
 *	reopen
 *	end                                 closes everything, prints the exit code
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fakegate.h"
#include "postern/flow.h"
#include "postern/counters.h"
#include "postern/image_build.h"

static struct fakegate gate;
static struct event_sink verdict;

/* All other formats too, with every field of flow records. */
static void add_outputs(struct image_builder *b, const char *directory, struct image_settings *settings)
{
	for (unsigned int f = 0; f < AUDIT_FORMAT_COUNT; f++) {
		struct image_output *o = &settings->audit_outputs[f];

		o->directory = image_build_string(b, directory);
		o->account_id = image_build_string(b, "111122223333");
		o->region = image_build_string(b, "eu-central-1");
		o->vpc_id = image_build_string(b, "vpc-7example");
	}
	for (unsigned int f = 0; f < FLOW_FIELD_COUNT; f++)
		settings->audit_outputs[AUDIT_VPC_FLOW].fields[f] = (uint8_t)f;
	settings->audit_outputs[AUDIT_VPC_FLOW].n_fields = FLOW_FIELD_COUNT;
}

static void send_image(const char *directory, unsigned int rotate_bytes, unsigned int keep, bool outputs)
{
	struct image_builder *b = image_builder_new();
	struct image_settings settings;
	struct msg_image m = {.generation = 1};
	union message_buffer reply;
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	image_settings_default(&settings);
	settings.audit_directory = image_build_string(b, directory);
	settings.audit_rotate_bytes = rotate_bytes;
	settings.audit_keep = keep;
	if (outputs)
		add_outputs(b, directory, &settings);
	image_build_settings(b, &settings);
	if (image_builder_write(b, fd) < 0)
		exit(3);
	image_builder_free(b);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		exit(3);
	fakegate_send(&gate, MSG_IMAGE, &m, fd);
	close(fd);
	fakegate_wait(&gate, MSG_IMAGE_READY, &reply);
	printf("image-ready\n");
}

static void send_events(unsigned int first, unsigned int count, bool traffic)
{
	unsigned int sent = 0;

	for (unsigned int i = first; i < first + count; i++) {
		struct event e = event_new(EVENT_REFUSAL);
		uint32_t before = verdict.lost;

		e.reason = REASON_NEVER_RESOLVED;
		e.action = EVENT_REFUSED;
		snprintf(e.text, sizeof(e.text), "%u", i);
		if (traffic && addr_parse("203.0.113.7", &e.destination) < 0)
			exit(3);
		event_send(&verdict, &e);
		sent += verdict.lost <= before;
	}
	printf("sent %u\n", sent);
}

/* Of every kind of rdata one, some of it no such thing, and a last one that is cut. */
static void fill_answers(struct event *e)
{
	static const uint8_t answers[] =
		"\0\5\0\15" "\3www\7example\0"		/* CNAME */
		"\0\1\0\4" "\300\0\2\1"		/* A */
		"\0\34\0\20" "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\7" /* AAAA */
		"\0\17\0\12" "\0\12\4mail\1t\0"	/* MX */
		"\0\20\0\12" "\4a\"b\\\4c\033\377d"	/* TXT */
		"\0\41\0\11" "\0\1\0\2\1\273\1s\0"	/* SRV */
		"\0\6\0\32" "\1n\0\1h\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5" /* SOA */
		"\1\1\0\25" "\0\5issueca.example.net" /* CAA */
		"\0\101\0\3" "\0\1\0"		/* HTTPS: no form of its own */
		"\0\1\0\3" "\1\2\3"			/* no A */
		"\0\5\0\2" "\77a"			/* no name */
		"\377\376\0\0"			/* a type that nobody knows, empty */
		"\0\1\0\4\300";			/* cut */

	e->answers_len = sizeof(answers) - 1;
	memcpy(e->answers, answers, e->answers_len);
	e->answers_cut = 1;
}

static void fill_all(struct event *e)
{
	static const char wild[] = "a\"b\\c\x1b[31m\xff\xc3\xa4\n'";

	if (dns_name_from_text("api.openai.com", &e->names[0]) < 0 ||
		dns_name_from_text("a\\255\\.b\\000.example", &e->names[1]) < 0)
		exit(3);
	e->n_names = 2;
	e->count = 3;
	e->last_wall_us += 1500000;
	event_set_text(e->sandbox, sizeof(e->sandbox), "ci");
	event_set_text(e->rule, sizeof(e->rule), "llm");
	event_set_text(e->group, sizeof(e->group), "web rules");
	event_set_text(e->policy, sizeof(e->policy), "ci");
	fill_answers(e);
	event_set_text(e->file, sizeof(e->file), "/etc/postern/policies/ci.conf");
	e->line = 12;
	e->protocol = 6;
	e->source_port = 40000;
	e->destination_port = 443;
	if (addr_parse("192.0.2.2", &e->source) < 0 || addr_parse("2001:db8::7", &e->destination) < 0)
		exit(3);
	event_set_text(e->interface, sizeof(e->interface), "veth7");
	e->hardware_len = 6;
	e->hardware[0] = 2;
	e->qtype = 28;
	e->rcode = 3;
	e->lifetime_s = 300;
	e->by = (struct attribution){.found = true, .uid = 1000, .pid = 4711};
	event_set_text(e->by.exe, sizeof(e->by.exe), "/usr/bin/curl");
	event_set_text(e->by.command, sizeof(e->by.command), wild);
	event_set_text(e->by.cgroup, sizeof(e->by.cgroup), "system.slice/ci.service");
	event_set_text(e->by.unit, sizeof(e->by.unit), "ci.service");
	event_set_text(e->by.container, sizeof(e->by.container), "0123abcd");
	e->has_digest = 1;
	event_set_text(e->text, sizeof(e->text), wild);
}

/* Returns when the process has taken all that was sent. */
static void settle(void)
{
	struct msg_plain m = {0};
	union message_buffer reply;

	fakegate_send(&gate, MSG_PING, &m, -1);
	fakegate_wait(&gate, MSG_PONG, &reply);
}

static void send_samples(void)
{
	unsigned int n = EVENT_KIND_COUNT * REASON_COUNT;

	for (unsigned int i = 0; i < n; i++) {
		struct event e = event_new((enum event_kind)(i / REASON_COUNT));
		static const uint8_t protocols[] = {6, 17, 1, 58, 47, 253};

		e.reason = (uint16_t)(i % REASON_COUNT);
		e.action = (uint16_t)(i % EVENT_ACTION_COUNT);
		if (i % 3)
			fill_all(&e);
		if (i % 3 == 2) {
			e.protocol = protocols[i / 3 % sizeof(protocols)];
			e.inbound = 1;
			e.qtype = (uint16_t)(i * 7);
			e.rcode = (uint16_t)(i % 30);
			e.names[0] = e.names[1]; /* a hostile one */
			event_set_text(e.interface, sizeof(e.interface), "ve\nth 7");
		}
		event_send(&verdict, &e);
		if (i % 32 == 31)
			settle();
	}
	printf("sent %u\n", n - verdict.lost);
}

static void ping(void)
{
	struct msg_plain m = {0};
	union message_buffer reply;
	const struct msg_pong *pong = (const struct msg_pong *)&reply;

	fakegate_send(&gate, MSG_PING, &m, -1);
	fakegate_wait(&gate, MSG_PONG, &reply);
	for (unsigned int i = 0; i < COUNTER_AUDIT_COUNT; i++)
		printf("%s=%llu ", counter_name(ROLE_AUDIT, i), (unsigned long long)pong->counters[i]);
	printf("\n");
}

static void command(const char *line)
{
	char directory[300];
	unsigned int a, b;

	if (sscanf(line, "image %299s %u %u", directory, &a, &b) == 3) {
		send_image(directory, a, b, strstr(line, " outputs") != NULL);
	} else if (sscanf(line, "events %u %u", &a, &b) == 2) {
		send_events(a, b, false);
	} else if (sscanf(line, "traffic %u %u", &a, &b) == 2) {
		send_events(a, b, true);
	} else if (strncmp(line, "samples", 7) == 0) {
		send_samples();
	} else if (strncmp(line, "invalid", 7) == 0) {
		struct event e = event_new(EVENT_REFUSAL);

		e.reason = REASON_COUNT;
		event_send(&verdict, &e);
		printf("sent\n");
	} else if (strncmp(line, "ping", 4) == 0) {
		ping();
	} else if (strncmp(line, "reopen", 6) == 0) {
		struct msg_plain m = {0};

		fakegate_send(&gate, MSG_REOPEN, &m, -1);
		printf("reopened\n");
	} else {
		channel_fini(&verdict.channel);
		printf("exit %d\n", fakegate_end(&gate));
		exit(0);
	}
}

int main(int argc, char **argv)
{
	char line[512];

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	fakegate_start(&gate, argv[1], ROLE_AUDIT);
	channel_init(&verdict.channel, fakegate_peer(&gate, ROLE_VERDICT), ROLE_VERDICT, ROLE_AUDIT);
	while (fgets(line, sizeof(line), stdin))
		command(line);
	return 0;
}
