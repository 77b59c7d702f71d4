/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two tables, commands and options, say all there is: parsing, help and what a command refuses follow from
 * them. An option that a command does not take is an error, not a silence.
 */
#include "options.h"

#include <errno.h>
#include <string.h>

#include "config.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_SELECTOR };

struct option_row {
	const char *name;
	char letter; /* 0: none */
	const char *argument, *help;
	unsigned int takes; /* 0: every command */
	enum option_kind kind;
	size_t where; /* in struct cli; of a selector its enum sandbox_kind */
};

#define AT(member) offsetof(struct cli, member)

static const struct option_row options[] = {
	{"--json", 0, NULL, "JSON instead of text", 0, OPTION_FLAG, AT(json)},
	{"--help", 'h', NULL, "this", 0, OPTION_FLAG, AT(help)},
	{"--version", 'V', NULL, "the version", 0, OPTION_FLAG, AT(version)},
	{"--socket", 0, "PATH", "control socket (default /run/postern/control.sock)", 0, OPTION_TEXT, AT(socket)},
	{"--config", 0, "PATH", "configuration (default " POSTERN_SYSCONFDIR "/postern.conf)", 0, OPTION_TEXT, AT(config)},
	{"--libexec-dir", 0, "DIR", "where postern-policy is", 0, OPTION_TEXT, AT(libexec_dir)},
	{"--sandbox", 0, "NAME", "only this sandbox", TAKES_SANDBOX, OPTION_TEXT, AT(sandbox)},
	{"--policy", 0, "NAME", "the policy", TAKES_POLICY, OPTION_TEXT, AT(policy)},
	{"--qtype", 0, "TYPE", "DNS type asked for: A (default), AAAA, ...", TAKES_QTYPE, OPTION_TEXT, AT(qtype)},
	{"--interface", 0, "NAME", "what comes in through it", TAKES_SELECTOR, OPTION_SELECTOR, SANDBOX_INTERFACE},
	{"--source", 0, "PREFIX", "what comes from there", TAKES_SELECTOR, OPTION_SELECTOR, SANDBOX_SOURCE},
	{"--cgroup", 0, "PATH", "processes in this cgroup", TAKES_SELECTOR, OPTION_SELECTOR, SANDBOX_CGROUP},
	{"--uid", 0, "N", "processes of this user", TAKES_SELECTOR, OPTION_SELECTOR, SANDBOX_UID},
	{"--host", 0, NULL, "every other process of this machine", TAKES_SELECTOR, OPTION_FLAG, AT(host)},
	{"--mode", 0, "MODE", "enforce (default), or audit: let through and record", TAKES_SELECTOR, OPTION_TEXT, AT(mode)},
	{"--fail-open", 0, NULL, "answer names that cannot be pinned", TAKES_SELECTOR, OPTION_FLAG, AT(fail_open)},
	{"--follow", 'f', NULL, "go on with what is added", TAKES_FILTER, OPTION_FLAG, AT(follow)},
	{"--lines", 'n', "N", "only the last N", TAKES_FILTER, OPTION_TEXT, AT(lines)},
	{"--since", 0, "TIME", "not older: 90s, 10m, 2h, 1d, or 2026-11-20T08:00:00Z", TAKES_FILTER, OPTION_TEXT, AT(since)},
	{"--kind", 0, "KIND", "refusal, dns, pin, policy, sandbox, tamper, ...", TAKES_FILTER, OPTION_TEXT, AT(kind)},
	{"--action", 0, "ACTION", "allow, alert, block, refuse, drop, would-block", TAKES_FILTER, OPTION_TEXT, AT(action)},
	{"--reason", 0, "REASON", "never-resolved, no-rule, ...", TAKES_FILTER, OPTION_TEXT, AT(reason)},
	{"--name", 0, "NAME", "this name or one below it", TAKES_FILTER, OPTION_TEXT, AT(name)},
	{"--rules", 0, "PATH", "the ruleset (default " POSTERN_DATADIR "/postern.nft)", TAKES_RULES, OPTION_TEXT, AT(rules)},
	{"--directory", 0, "DIR", "where the log is (default: as postern.conf says)", TAKES_FILTER, OPTION_TEXT, AT(directory)},
};

const struct cli_command cli_commands[] = {
	{"check", "[POLICY-FILE...]", "check the configuration, or policy files alone", 0, 0, CLI_WORDS_MAX, cmd_check},
	{"explain", "NAME[:PORT] | ADDRESS:PORT", "which rule decides, and why",
		TAKES_SANDBOX | TAKES_POLICY | TAKES_QTYPE, 1, 1, cmd_explain},
	{"status", "", "what the daemon says of itself", 0, 0, 0, cmd_status},
	{"pins", "", "addresses that are open now, and for which name", TAKES_SANDBOX, 0, 0, cmd_pins},
	{"sandbox", "list | add NAME | remove NAME", "the sandboxes", TAKES_SELECTOR | TAKES_POLICY, 1, 2, cmd_sandbox},
	{"reload", "", "read configuration and policies again", 0, 0, 0, cmd_reload},
	{"audit", "", "read the audit log", TAKES_FILTER | TAKES_SANDBOX, 0, 0, cmd_audit},
	{"doctor", "", "look for what stands in postern's way", TAKES_RULES, 0, 0, cmd_doctor},
	{"version", "", "the version", 0, 0, 0, cmd_version},
	{"help", "[COMMAND]", "this, or what a command takes", 0, 0, 1, cmd_help},
	{NULL, NULL, NULL, 0, 0, 0, NULL},
};

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "postern: %s %s: see postern help\n", what, word);
	return -EINVAL;
}

static const struct option_row *find_option(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strlen(options[i].name) == len && strncmp(options[i].name, word, len) == 0)
			return &options[i];
		if (len == 2 && word[0] == '-' && options[i].letter && word[1] == options[i].letter)
			return &options[i];
	}
	return NULL;
}

static int store(struct cli *c, const struct option_row *o, const char *value)
{
	switch (o->kind) {
	case OPTION_FLAG:
		memcpy((char *)c + o->where, &(bool){true}, sizeof(bool));
		return 0;
	case OPTION_TEXT:
		memcpy((char *)c + o->where, &value, sizeof(value));
		return 0;
	case OPTION_SELECTOR:
		if (c->n_selectors[o->where] == SELECTORS_MAX)
			return complain("too many times", o->name);
		c->selectors[o->where][c->n_selectors[o->where]++] = value;
		return 0;
	}
	return -EINVAL;
}

/* Takes argv[*i], and the word after it where it is the option's value. Remembers it in @used. */
static int take_option(struct cli *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *value = strchr(word, '=');
	const struct option_row *o = find_option(word, value ? (size_t)(value - word) : strlen(word));

	if (!o)
		return complain("unknown option", word);
	if (!o->argument && value)
		return complain("takes no value:", o->name);
	if (o->argument && !value && *i + 1 == argc)
		return complain("needs a value:", o->name);
	if (value)
		value++;
	else if (o->argument)
		value = argv[++*i];
	return store(c, o, value);
}

static const struct cli_command *find_command(const char *name)
{
	for (const struct cli_command *cmd = cli_commands; cmd->name; cmd++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}

static bool is_set(const struct cli *c, const struct option_row *o)
{
	static const char *const none = NULL;

	switch (o->kind) {
	case OPTION_FLAG:
		return *((const char *)c + o->where) != 0;
	case OPTION_TEXT:
		return memcmp((const char *)c + o->where, &none, sizeof(none)) != 0;
	case OPTION_SELECTOR:
		return c->n_selectors[o->where] != 0;
	}
	return false;
}

/* Number of words, and no option that the command does not take. */
static int check_command(const struct cli *c)
{
	if (c->n_words < c->command->min_words || c->n_words > c->command->max_words) {
		fprintf(stderr, "usage: postern %s %s\n", c->command->name, c->command->words);
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].takes && !(options[i].takes & c->command->takes) && is_set(c, &options[i])) {
			fprintf(stderr, "postern: %s has no meaning with %s: see postern help %s\n", options[i].name,
				c->command->name, c->command->name);
			return -EINVAL;
		}
	return 0;
}

static int take_word(struct cli *c, const char *word)
{
	if (!c->command) {
		c->command = find_command(word);
		return c->command ? 0 : complain("unknown command", word);
	}
	if (c->n_words == CLI_WORDS_MAX)
		return complain("too many words:", word);
	c->words[c->n_words++] = word;
	return 0;
}

int options_parse(int argc, char **argv, struct cli *ret_cli)
{
	struct cli c = {0};
	bool only_words = false;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1])
			rc = take_option(&c, argc, argv, &i);
		else
			rc = take_word(&c, argv[i]);
	}
	if (rc == 0 && c.help && c.command) {
		c.words[0] = c.command->name;
		c.n_words = 1;
	}
	if (rc == 0 && (c.help || c.version || !c.command))
		c.command = find_command(c.version ? "version" : "help");
	else if (rc == 0)
		rc = check_command(&c);
	if (rc == 0)
		*ret_cli = c;
	return rc;
}

static void help_options(unsigned int takes, bool common, FILE *to)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option_row *o = &options[i];
		char name[40];

		if (common ? o->takes != 0 : !(o->takes & takes))
			continue;
		snprintf(name, sizeof(name), "%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		if (o->letter)
			fprintf(to, "  -%c, %-18s %s\n", o->letter, name, o->help);
		else
			fprintf(to, "      %-18s %s\n", name, o->help);
	}
}

void options_help(const struct cli *c, FILE *to)
{
	const struct cli_command *cmd = c->n_words ? find_command(c->words[0]) : NULL;

	if (cmd) {
		fprintf(to, "usage: postern %s %s [OPTION]...\n%s\n", cmd->name, cmd->words, cmd->summary);
		help_options(cmd->takes, false, to);
	} else {
		fprintf(to, "usage: postern COMMAND [OPTION]...\n");
		for (cmd = cli_commands; cmd->name; cmd++)
			fprintf(to, "  %-8s %-30s %s\n", cmd->name, cmd->words, cmd->summary);
		fprintf(to, "Exit status: 0 yes or done, 1 no, 2 wrong usage, 3 daemon not reachable, 4 failure. See postern(1).\n");
	}
	fprintf(to, "every command:\n");
	help_options(0, true, to);
}
