/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection to the control socket, as postern-control(7) describes it.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include <stdio.h>

#include "cli.h"

struct client {
	FILE *file;
};

/* CLI_OK, or CLI_UNREACHABLE, which is said on standard error unless @quiet. */
enum cli_status client_open(const struct cli *c, bool quiet, struct client *ret_client);
void client_close(struct client *cl);
/* Sends @request (the reference is taken). */
enum cli_status client_send(struct client *cl, json_t *request);
/*
 * The next line of the reply, to be freed with json_decref(). CLI_OK also where the daemon refused: the last line has
 * the member "ok".
 */
enum cli_status client_line(struct client *cl, json_t **ret_line);
/* Is this the last line of the reply? */
bool client_is_last(const json_t *line);
/* What a last line means: CLI_OK, CLI_NO or CLI_UNREACHABLE; a refusal is said on standard error. */
enum cli_status client_verdict(const json_t *last);
/* Opens, sends, reads a reply that is one line, closes. */
enum cli_status client_ask(const struct cli *c, json_t *request, json_t **ret_reply);
/* Calls @row with each row object (its member @member) of a streamed reply. */
enum cli_status client_rows(const struct cli *c, json_t *request, const char *member,
	void (*row)(const json_t *object, void *arg), void *arg);

#endif
