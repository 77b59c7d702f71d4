/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From postern.conf and the files that it names to an image: everything that a compile holds, and its
 * stages. Not for other processes: they get the image.
 */
#ifndef POSTERN_COMPILE_H
#define POSTERN_COMPILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "diag.h"
#include "postern/image_build.h"

/* A text list that was read: named again, it is not read again. */
struct list_file {
	dev_t device;
	ino_t inode;
	uint32_t list;
};

/* A policy's name and where it was given, to find duplicates and what sandboxes mean. */
struct policy_seen {
	const char *name;
	struct spot at;
};

struct compile {
	struct diagnostics *diag;
	struct image_builder *builder;
	uid_t owner;	      /* whose files are trusted beside root's */
	char **kept;	      /* strings that live as long as the compile: paths, names */
	size_t n_kept;
	struct list_file *list_files;
	size_t n_list_files;
	struct policy_seen *policies;
	size_t n_policies;
	uint32_t n_nameless; /* policy files that failed before their name was known */
	uint32_t n_upstreams, n_anchors;
};

/* 0 or -ENOMEM. */
POSTERN_MUST_CHECK int compile_init(struct compile *c, struct diagnostics *diag);
void compile_fini(struct compile *c);

/* A copy of @text that lives until compile_fini(). Ends the process without memory: nothing is half done then. */
const char *compile_keep(struct compile *c, const char *text);
/* The path @name, taken relative to the folder of @file. */
const char *compile_path(struct compile *c, const char *file, const char *name);
/* One more element of an array that is part of struct compile. */
void *compile_grow(void *array, size_t n, size_t size);

/* postern.conf and all that it names. Whether it is good: the diagnostics count. */
void compile_config(struct compile *c, const char *path);
/* One policy file. */
void compile_policy(struct compile *c, struct spot from, const char *path);
/* A text list of @policy into a new list of the image, or the one it is in already; IMAGE_NONE after an error. */
uint32_t compile_list_file(struct compile *c, struct spot from, const char *path, uint32_t policy);

/*
 * The whole: compiles the configuration @path and writes the image to @image_fd, then looks for rules and names
 * that nothing reaches. 0 where the image is good, -EINVAL where there were errors (the file is then left
 * empty), or -errno of writing it.
 */
POSTERN_MUST_CHECK int compile_run(const char *path, int image_fd, struct diagnostics *diag);

#endif
