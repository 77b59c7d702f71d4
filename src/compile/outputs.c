/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list `audit.outputs` of postern.conf: the log once more in a format of others, each at most once, each a file of its own.
 * Words that end up in lines of these formats are held to characters that separate nothing.
 */
#include <string.h>

#include "policy.h"
#include "postern/flow.h"
#include "sandboxes.h"

#define WORD_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"

static const struct member members[] = {
	{"format", NODE_STRING, true}, {"directory", NODE_STRING, false}, {"account_id", NODE_STRING, false},
	{"region", NODE_STRING, false}, {"vpc_id", NODE_STRING, false}, {"instance", NODE_STRING, false},
	{"fields", NODE_STRING | NODE_LIST, false}, {0},
};

static const char *const formats[] = {
	[AUDIT_ROUTE53] = "route53", [AUDIT_VPC_FLOW] = "vpc-flow", [AUDIT_OCSF] = "ocsf", [AUDIT_FORMAT_COUNT] = NULL,
};

/* A word of the administrator's that is repeated in every line; IMAGE_NONE where it is absent or wrong. */
static uint32_t take_word(struct compile *c, const struct node *output, const char *name)
{
	const struct node *n = node_member(output, name, NODE_STRING);
	const char *text = n ? node_string(n) : "";

	if (!n)
		return IMAGE_NONE;
	if (text[0] && text[strspn(text, WORD_CHARS)] == '\0' && strlen(text) <= IMAGE_OUTPUT_WORD_MAX)
		return image_build_string(c->builder, text);
	diag_error(c->diag, node_spot(n), "%s \"%s\" cannot stand in a log line: write 1 to %d letters, digits, \".\", \"_\", \":\", "
		"\"/\", \"@\" or \"-\"", name, text, IMAGE_OUTPUT_WORD_MAX);
	return IMAGE_NONE;
}

static uint32_t take_directory(struct compile *c, const struct node *output, const char *otherwise)
{
	const struct node *n = node_member(output, "directory", NODE_STRING);

	if (!n && otherwise[0])
		return image_build_string(c->builder, otherwise);
	if (!n)
		diag_error(c->diag, node_spot(output), "an output without a directory, and audit.directory is standard error, which "
			"holds one format: write directory = \"/...\";");
	else if (node_string(n)[0] == '/')
		return image_build_string(c->builder, node_string(n));
	else
		diag_error(c->diag, node_spot(n), "directory \"%s\" is no absolute path: begin it with \"/\"", node_string(n));
	return IMAGE_NONE;
}

static void take_field(struct compile *c, const struct node *n, struct image_output *out)
{
	const char *words[FLOW_FIELD_COUNT + 1] = {0}, *near;
	enum flow_field f = flow_field_parse(node_string(n));

	if (f < FLOW_FIELD_COUNT && memchr(out->fields, (int)f, out->n_fields)) {
		diag_error(c->diag, node_spot(n), "the field \"%s\" stands here twice: remove one", node_string(n));
	} else if (f < FLOW_FIELD_COUNT) {
		out->fields[out->n_fields++] = (uint8_t)f;
	} else {
		for (unsigned int i = 0; i < FLOW_FIELD_COUNT; i++)
			words[i] = flow_field_text((enum flow_field)i);
		near = diag_nearest(node_string(n), words);
		if (near)
			diag_error(c->diag, node_spot(n), "there is no field \"%s\": did you mean \"%s\"?", node_string(n), near);
		else
			diag_error(c->diag, node_spot(n), "postern cannot fill a field \"%s\": write those that postern.conf(5) lists",
				node_string(n));
	}
}

static void take_fields(struct compile *c, const struct node *output, unsigned int format, struct image_output *out)
{
	const struct node *n = node_member(output, "fields", NODE_STRING | NODE_LIST);

	if (n && format != AUDIT_VPC_FLOW) {
		diag_error(c->diag, node_spot(n), "`fields` goes with format \"vpc-flow\": remove it");
		return;
	}
	if (format != AUDIT_VPC_FLOW)
		return;
	for (unsigned int f = 0; !n && f < FLOW_FIELDS_DEFAULT; f++)
		out->fields[out->n_fields++] = (uint8_t)f;
	if (n && policy_strings(n) == 0)
		diag_error(c->diag, node_spot(n), "`fields` is empty: name at least one, or remove it");
	for (size_t i = 0; n && i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(c, n, i);

		if (entry)
			take_field(c, entry, out);
	}
}

static void read_output(struct compile *c, const struct node *n, const char *directory, struct image_settings *s)
{
	struct image_output *out;
	int format;

	node_check_members(c, n, "an output", members);
	format = policy_word(c, n, "format", formats, AUDIT_FORMAT_COUNT);
	if (format == AUDIT_FORMAT_COUNT)
		return;
	out = &s->audit_outputs[format];
	if (out->directory != IMAGE_NONE) {
		diag_error(c->diag, node_spot(n), "a second output of format \"%s\": remove one", formats[format]);
		return;
	}
	out->directory = take_directory(c, n, directory);
	out->account_id = take_word(c, n, "account_id");
	out->region = take_word(c, n, "region");
	out->vpc_id = take_word(c, n, "vpc_id");
	out->instance = take_word(c, n, "instance");
	take_fields(c, n, (unsigned int)format, out);
}

void config_outputs(struct compile *c, const struct node *list, const char *directory, struct image_settings *s)
{
	for (size_t i = 0; i < node_count(list); i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_output(c, n, directory, s);
		else
			diag_error(c->diag, node_spot(n), "an entry of `outputs` that is no output: write { format = \"...\"; }");
	}
}
