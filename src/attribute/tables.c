/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/net/icmp and its like: see the header.
 *
 * A raw socket writes whatever header it likes, so neither address nor identifier says for certain whose a packet is.
 * But a held packet is still charged to the memory of its socket: a socket that has nothing on its way did not send
 * it. Who is left is named only where he is the only one.
 */
#include "tables.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_V4 6
#define FIELDS_V6 12

struct tables {
	int net_fd; /* /proc/self/net */
	char text[TABLES_BYTES_MAX];
};

/* What has been found so far. */
struct search {
	const struct msg_attribute_ask *ask;
	bool ping; /* is the table one of ping sockets? */
	unsigned int n;
	struct diag_socket socket;
};

int tables_new(struct tables **ret_tables)
{
	struct tables *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->net_fd = open("/proc/self/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->net_fd < 0) {
		free(t);
		return -errno;
	}
	*ret_tables = t;
	return 0;
}

void tables_free(struct tables *t)
{
	if (t)
		close(t->net_fd);
	free(t);
}

/* Addresses are printed as words of this machine (%08X of what is in network order). */
static bool row_v4(const char *line, struct table_row *row, unsigned int *port, unsigned int *sending)
{
	uint32_t a[2];

	if (sscanf(line, "%*d: %8x:%4x %8x:%*4x %*2x %8x:%*8x %*2x:%*8x %*8x %10u %*10u %10u", &a[0], port, &a[1], sending,
		    &row->uid, &row->inode) != FIELDS_V4)
		return false;
	memcpy(row->local.bytes, &a[0], sizeof(a[0]));
	memcpy(row->remote.bytes, &a[1], sizeof(a[1]));
	return true;
}

static bool row_v6(const char *line, struct table_row *row, unsigned int *port, unsigned int *sending)
{
	uint32_t a[8];

	if (sscanf(line, "%*d: %8x%8x%8x%8x:%4x %8x%8x%8x%8x:%*4x %*2x %8x:%*8x %*2x:%*8x %*8x %10u %*10u %10u", &a[0],
		    &a[1], &a[2], &a[3], port, &a[4], &a[5], &a[6], &a[7], sending, &row->uid,
		    &row->inode) != FIELDS_V6)
		return false;
	memcpy(row->local.bytes, &a[0], sizeof(row->local.bytes));
	memcpy(row->remote.bytes, &a[4], sizeof(row->remote.bytes));
	return true;
}

bool tables_row(const char *line, uint8_t family, struct table_row *ret_row)
{
	struct table_row row = {.local.family = family, .remote.family = family};
	unsigned int port = 0, sending = 0;
	bool good = family == ADDR_V4 ? row_v4(line, &row, &port, &sending) : row_v6(line, &row, &port, &sending);

	if (!good)
		return false;
	row.port = (uint16_t)port;
	row.sending = sending != 0;
	*ret_row = row;
	return true;
}

static bool is_any(const struct addr *a)
{
	static const uint8_t zero[sizeof(a->bytes)];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

static bool may_have_sent(const struct search *s, const struct table_row *row)
{
	if (!row->sending || !row->inode)
		return false;
	if (s->ping ? row->port != s->ask->source_port : row->port != s->ask->protocol && row->port != IPPROTO_RAW)
		return false;
	return (is_any(&row->local) || addr_equal(&row->local, &s->ask->source) || row->port == IPPROTO_RAW) &&
		(is_any(&row->remote) || addr_equal(&row->remote, &s->ask->destination));
}

static size_t read_table(struct tables *t, const char *name)
{
	int fd = openat(t->net_fd, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return 0;
	while (len < sizeof(t->text) - 1) {
		ssize_t n = read(fd, t->text + len, sizeof(t->text) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	return len;
}

static void search_table(struct tables *t, const char *name, struct search *s)
{
	char *line = t->text, *end;
	struct table_row row;

	t->text[read_table(t, name)] = '\0';
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!tables_row(line, s->ask->source.family, &row) || !may_have_sent(s, &row))
			continue;
		s->socket = (struct diag_socket){.uid = row.uid, .inode = row.inode};
		s->n++;
	}
}

int tables_find(struct tables *t, const struct msg_attribute_ask *ask, struct diag_socket *ret_socket)
{
	bool v4 = ask->source.family == ADDR_V4;
	struct search s = {.ask = ask, .ping = true};

	if (ask->protocol == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		search_table(t, v4 ? "icmp" : "icmp6", &s);
	s.ping = false;
	search_table(t, v4 ? "raw" : "raw6", &s);
	if (s.n == 0)
		return -ENOENT;
	if (s.n > 1)
		return -ENOTUNIQ;
	*ret_socket = s.socket;
	return 0;
}
