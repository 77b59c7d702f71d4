/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribute_rig POSTERN-ATTRIBUTE: runs it and asks it in the place of the verdict loop.
 *
 * Reads lines "PROTOCOL SOURCE PORT DESTINATION PORT TIMES"; for each asks TIMES times in a row and prints what the last answer
 * said, members separated by tabs: found, uid, pid, exe, command, cgroup, unit, container, microseconds
 * of one question (mean).
 */
#include <fcntl.h>
#include <signal.h>

#include "postern/clock.h"
#include "postern/escape.h"
#include "spawn.h"

static bool read_ask(const char *line, struct msg_attribute_ask *ask, unsigned int *ret_times)
{
	char from[64], to[64];
	unsigned int protocol, sport, dport;

	if (sscanf(line, "%u %63s %u %63s %u %u", &protocol, from, &sport, to, &dport, ret_times) != 6)
		return false;
	ask->protocol = (uint8_t)protocol;
	ask->source_port = (uint16_t)sport;
	ask->destination_port = (uint16_t)dport;
	return addr_parse(from, &ask->source) == 0 && addr_parse(to, &ask->destination) == 0;
}

static void ask_times(struct channel *c, struct msg_attribute_ask *ask, unsigned int times)
{
	union message_buffer m = {0};
	const struct attribution *by = &((const struct msg_attribute_reply *)&m)->by;
	char command[4 * EVENT_TEXT_MAX];
	uint64_t before = clock_now_us();

	for (unsigned int i = 0; i < times; i++) {
		ask->h.seq = i + 1;
		if (channel_send(c, MSG_ATTRIBUTE_ASK, ask, NULL, 0) < 0)
			spawn_fail("ask");
		spawn_recv(c, &m);
		if (m.h.seq != i + 1)
			spawn_fail("sequence");
	}
	escape_bytes(command, sizeof(command), by->command, strlen(by->command));
	printf("%d\t%u\t%d\t%s\t%s\t%s\t%s\t%s\t%.1f\n", by->found, by->uid, by->pid, by->exe, command, by->cgroup,
		by->unit, by->container, (double)(clock_now_us() - before) / times);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct channel gate, verdict;
	char line[512];
	int fds[2];

	if (argc != 2)
		return 2;
	spawn(ROLE_ATTRIBUTE, argv[1], &gate);
	if (channel_pair(fds) < 0)
		spawn_fail("channel");
	spawn_peer(&gate, ROLE_VERDICT, fds[1]);
	channel_init(&verdict, fds[0], ROLE_VERDICT, ROLE_ATTRIBUTE);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct msg_attribute_ask ask = {0};
		unsigned int times;

		if (!read_ask(line, &ask, &times))
			return 2;
		ask_times(&verdict, &ask, times);
	}
	channel_fini(&verdict);
	channel_fini(&gate);
	return 0;
}
