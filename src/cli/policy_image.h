/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy on disk, compiled by postern-policy: the same program that the daemon uses, so that check and
 * explain cannot disagree with it.
 */
#ifndef CLI_POLICY_IMAGE_H
#define CLI_POLICY_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "postern/image.h"

#define POLICY_PATH_MAX 4096

/* What the compiler said: to be freed with policy_report_free(). */
struct policy_report {
	char *text; /* diagnostics, one a line */
	size_t len;
	int status; /* exit status of postern-policy; -errno where it could not be run */
};

/* Compiles @config (NULL: the one of @c) into @image_fd, or nowhere where it is -1. 0, or -errno where it could not be run. */
POSTERN_MUST_CHECK int policy_compile(const struct cli *c, const char *config, int image_fd, struct policy_report *ret_report);
void policy_report_free(struct policy_report *r);
/* The configuration of @c as an image; errors are said on standard error unless @quiet. NULL: @ret_status says why. */
struct image *policy_image(const struct cli *c, bool quiet, enum cli_status *ret_status);
/* Where the configuration has the log written. */
struct log_directories {
	char log[POLICY_PATH_MAX];				   /* audit.directory; "": standard error */
	char outputs[AUDIT_FORMAT_COUNT][POLICY_PATH_MAX]; /* "": not written */
};

/* 0 or -errno. */
POSTERN_MUST_CHECK int policy_log_directories(const struct cli *c, struct log_directories *ret_directories);
/* The first file of the image that was changed after @loaded (RFC 3339, as the daemon says it), or NULL. */
const char *policy_changed_since(const struct image *im, const char *loaded);
/* Path of the configuration in use. */
const char *policy_config(const struct cli *c);

#endif
