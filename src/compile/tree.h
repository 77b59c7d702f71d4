/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration file as a tree of settings: the adapter to libconfig, and checks against a table of the
 * members that a group may have.
 */
#ifndef POSTERN_COMPILE_TREE_H
#define POSTERN_COMPILE_TREE_H

#include "text.h"

/* As bits, so that a member may be of several kinds. An array [ ] and a list ( ) are both NODE_LIST. */
enum node_kind {
	NODE_GROUP = 1,
	NODE_LIST = 2,
	NODE_STRING = 4,
	NODE_INTEGER = 8,
	NODE_BOOLEAN = 16,
	NODE_FLOAT = 32,
};

struct node; /* a setting; belongs to its tree */
struct tree;

struct member {
	const char *name;
	unsigned int kinds; /* enum node_kind */
	bool required;
};

/* Loads and parses; NULL after errors, which are reported. */
struct tree *tree_load(struct compile *c, struct spot from, const char *path);
void tree_free(struct tree *t); /* NULL is fine */
const struct text *tree_text(const struct tree *t);
const struct node *tree_root(const struct tree *t);

enum node_kind node_kind(const struct node *n);
const char *node_name(const struct node *n); /* "" for elements of lists */
struct spot node_spot(const struct node *n);
/* Elements of a list, members of a group, in order. */
size_t node_count(const struct node *n);
const struct node *node_at(const struct node *n, size_t i);
/* Values; the node has to be of that kind. */
const char *node_string(const struct node *n);
long long node_integer(const struct node *n);
bool node_boolean(const struct node *n);

/*
 * The member @name of a group, or NULL where it is absent or not of one of @kinds (which node_check_members() has
 * reported).
 */
const struct node *node_member(const struct node *group, const char *name, unsigned int kinds);
/*
 * Reports members that @table (ended by a NULL name) does not have, with the nearest that it has; those of another kind;
 * and required ones that are absent. @what names the group in these texts: "a DNS rule".
 */
void node_check_members(struct compile *c, const struct node *group, const char *what, const struct member *table);

#endif
