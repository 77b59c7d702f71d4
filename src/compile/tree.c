/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only file that knows libconfig: a struct node is its config_setting_t, and each setting's hook is the tree's
 * text, which knows the file behind a line.
 */
#include "tree.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

struct tree {
	config_t config;
	struct text text;
};

#define MEMBERS_MAX 32

/* syntax.c has found nothing: whatever libconfig has against it then, with the place. */
static void report(struct compile *c, const struct tree *t)
{
	const char *error = config_error_text(&t->config);
	struct spot at = text_spot(&t->text, (unsigned int)config_error_line(&t->config));

	diag_error(c->diag, at, "this cannot be read (%s): look here and just above for a missing \"=\", comma, semicolon or bracket",
		error ? error : "no reason given");
}

struct tree *tree_load(struct compile *c, struct spot from, const char *path)
{
	struct tree *t = calloc(1, sizeof(*t));

	ASSERT(t);
	config_init(&t->config);
	/* every @include is resolved by text.c; should one be left, it leads nowhere */
	config_set_include_dir(&t->config, "/proc/self/none");
	if (text_load(c, from, path, &t->text)) {
		if (config_read_string(&t->config, t->text.data) == CONFIG_TRUE) {
			config_setting_set_hook(config_root_setting(&t->config), &t->text);
			return t;
		}
		report(c, t);
	}
	tree_free(t);
	return NULL;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	config_destroy(&t->config);
	text_free(&t->text);
	free(t);
}

const struct text *tree_text(const struct tree *t)
{
	return &t->text;
}

/* libconfig's functions want a pointer to non-const even where they only read. */
static config_setting_t *setting(const struct node *n)
{
	return (config_setting_t *)(uintptr_t)n;
}

static const struct node *node(const config_setting_t *s)
{
	return (const struct node *)(const void *)s;
}

const struct node *tree_root(const struct tree *t)
{
	return node(config_root_setting(&t->config));
}

enum node_kind node_kind(const struct node *n)
{
	switch (config_setting_type(setting(n))) {
	case CONFIG_TYPE_GROUP:
		return NODE_GROUP;
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return NODE_LIST;
	case CONFIG_TYPE_STRING:
		return NODE_STRING;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return NODE_INTEGER;
	case CONFIG_TYPE_BOOL:
		return NODE_BOOLEAN;
	default:
		return NODE_FLOAT;
	}
}

const char *node_name(const struct node *n)
{
	const char *name = config_setting_name(setting(n));

	return name ? name : "";
}

struct spot node_spot(const struct node *n)
{
	const config_setting_t *root = setting(n);

	while (config_setting_parent(root))
		root = config_setting_parent(root);
	return text_spot(config_setting_get_hook(root), (unsigned int)config_setting_source_line(setting(n)));
}

size_t node_count(const struct node *n)
{
	return (size_t)config_setting_length(setting(n));
}

const struct node *node_at(const struct node *n, size_t i)
{
	return node(config_setting_get_elem(setting(n), (unsigned int)i));
}

const char *node_string(const struct node *n)
{
	const char *text = config_setting_get_string(setting(n));

	return text ? text : "";
}

long long node_integer(const struct node *n)
{
	return config_setting_get_int64(setting(n));
}

bool node_boolean(const struct node *n)
{
	return config_setting_get_bool(setting(n));
}

const struct node *node_member(const struct node *group, const char *name, unsigned int kinds)
{
	const config_setting_t *s = config_setting_get_member(setting(group), name);

	return s && (node_kind(node(s)) & kinds) ? node(s) : NULL;
}

static const char *kinds_text(unsigned int kinds)
{
	switch (kinds) {
	case NODE_GROUP:
		return "a group { ... }";
	case NODE_LIST:
		return "a list ( ... )";
	case NODE_STRING:
		return "a string in quotes";
	case NODE_INTEGER:
		return "a whole number without quotes";
	case NODE_BOOLEAN:
		return "true or false, without quotes";
	case NODE_STRING | NODE_LIST:
		return "a string in quotes, or several in [ ]";
	case NODE_GROUP | NODE_LIST:
		return "names in [ ], or { file = \"...\"; }";
	case NODE_INTEGER | NODE_LIST:
		return "a whole number, or several in [ ]";
	default:
		return "another kind of value";
	}
}

static void check_member(struct compile *c, const struct node *m, const char *what, const struct member *table)
{
	const char *words[MEMBERS_MAX] = {NULL}, *near;
	size_t i;

	for (i = 0; table[i].name && i < MEMBERS_MAX - 1; i++) {
		if (strcmp(table[i].name, node_name(m)) == 0) {
			if (!(node_kind(m) & table[i].kinds))
				diag_error(c->diag, node_spot(m), "\"%s\" is of the wrong kind: write %s",
					node_name(m), kinds_text(table[i].kinds));
			return;
		}
		words[i] = table[i].name;
	}
	near = diag_nearest(node_name(m), words);
	if (near)
		diag_error(c->diag, node_spot(m), "%s has no setting \"%s\": did you mean \"%s\"?", what, node_name(m), near);
	else
		diag_error(c->diag, node_spot(m), "%s has no setting \"%s\": remove it", what, node_name(m));
}

void node_check_members(struct compile *c, const struct node *group, const char *what, const struct member *table)
{
	for (size_t i = 0; i < node_count(group); i++)
		check_member(c, node_at(group, i), what, table);
	for (; table->name; table++)
		if (table->required && !config_setting_get_member(setting(group), table->name))
			diag_error(c->diag, node_spot(group), "%s without \"%s\": write %s = ...;", what, table->name,
				table->name);
}
