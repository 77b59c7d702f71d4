/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern: the administrator's command. It has no privilege of its own: what it shows of the daemon it
 * asks over the control socket, what it shows of the policy it has compiled by postern-policy, what it shows of
 * the log it reads. Output that came from others is escaped before it reaches a terminal (print.h).
 */
#include <signal.h>
#include <stdio.h>

#include "cli.h"
#include "config.h"
#include "options.h"
#include "print.h"

enum cli_status cmd_version(struct cli *c)
{
	if (c->json)
		printf("{\"version\":\"" POSTERN_VERSION "\"}\n");
	else
		printf("postern " POSTERN_VERSION "\n");
	return CLI_OK;
}

enum cli_status cmd_help(struct cli *c)
{
	options_help(c, stdout);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	struct cli c;
	enum cli_status status;

	signal(SIGPIPE, SIG_DFL); /* `postern audit | head` ends quietly */
	if (options_parse(argc, argv, &c) < 0)
		return CLI_USAGE;
	print_init();
	status = c.command->run(&c);
	if (fflush(stdout) != 0) {
		perror("postern: standard output");
		return CLI_FAILED;
	}
	return (int)status;
}
