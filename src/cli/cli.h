/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The postern command: what its files share. Commands return an exit status; what went wrong they have said on
 * standard error, with what to do.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/compiler.h"
#include "postern/sandbox.h"

/* Exit statuses, documented in postern(1). */
enum cli_status {
	CLI_OK = 0,
	CLI_NO = 1,	     /* denied, errors in the policy, findings, refused by the daemon */
	CLI_USAGE = 2,
	CLI_UNREACHABLE = 3, /* no daemon, or it does not speak with this user */
	CLI_FAILED = 4,	     /* a file, memory, an answer that makes no sense */
};

#define CLI_WORDS_MAX 64

struct cli_command;

struct cli {
	const struct cli_command *command;
	const char *words[CLI_WORDS_MAX]; /* arguments that are no options */
	unsigned int n_words;
	bool json, follow, help, version;
	const char *socket, *config, *libexec_dir, *directory, *rules;
	const char *sandbox, *name, *reason, *kind, *since, *lines, *policy, *qtype, *mode, *action;
	const char *selectors[SANDBOX_KIND_COUNT][SELECTORS_MAX];
	unsigned int n_selectors[SANDBOX_KIND_COUNT];
	bool host, fail_open;
};

/* Options that a command takes: the table of options.c names them with these bits. */
enum {
	TAKES_SANDBOX = 1 << 0,
	TAKES_FILTER = 1 << 1,	 /* of the log */
	TAKES_SELECTOR = 1 << 2, /* of a new sandbox */
	TAKES_POLICY = 1 << 3,
	TAKES_QTYPE = 1 << 4,
	TAKES_RULES = 1 << 5,
};

struct cli_command {
	const char *name, *words, *summary;
	unsigned int takes; /* TAKES_* */
	unsigned int min_words, max_words;
	enum cli_status (*run)(struct cli *c);
};

/* The table of commands, ended by a NULL name. */
extern const struct cli_command cli_commands[];

enum cli_status cmd_check(struct cli *c);
enum cli_status cmd_explain(struct cli *c);
enum cli_status cmd_status(struct cli *c);
enum cli_status cmd_pins(struct cli *c);
enum cli_status cmd_sandbox(struct cli *c);
enum cli_status cmd_reload(struct cli *c);
enum cli_status cmd_audit(struct cli *c);
enum cli_status cmd_doctor(struct cli *c);
enum cli_status cmd_version(struct cli *c);
enum cli_status cmd_help(struct cli *c);

#endif
