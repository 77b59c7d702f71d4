/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users, configuration, audit log: is what the daemon needs there, and is it nobody else's to change? */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "policy_image.h"
#include "postern/message.h"
#include "print.h"

void doctor_users(struct doctor *d)
{
	char missing[256] = "", user[64];

	for (unsigned int role = 0; role < ROLE_COUNT; role++) {
		size_t used = strlen(missing);

		snprintf(user, sizeof(user), "postern-%s", role_text((enum role)role));
		if (role != ROLE_STANDBY && /* runs as postern-tls */
			!getpwnam(user))
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "", user);
	}
	if (missing[0])
		doctor_find(d, FINDING_PROBLEM, "systemd-sysusers", "users are missing: %s", missing);
	if (!getgrnam("postern"))
		doctor_find(d, FINDING_WARNING, "systemd-sysusers", "group postern is missing: only root can use the control socket");
}

/* Finds whether anybody but root may change @path. */
static void look_at_owner(struct doctor *d, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		doctor_find(d, FINDING_PROBLEM, "create it: see postern.conf(5)", "%s: %s", path, strerror(errno));
		return;
	}
	if (st.st_uid != 0)
		doctor_find(d, FINDING_PROBLEM, "chown root", "%s belongs to uid %u, who can change it", path, (unsigned int)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		doctor_find(d, FINDING_PROBLEM, "chmod go-w", "%s is writable for others (mode %04o): posternd refuses it", path,
			(unsigned int)(st.st_mode & 07777));
}

static unsigned int count_errors(char *text)
{
	unsigned int n = 0;
	char *line;

	while ((line = strsep(&text, "\n")))
		n += *line && !strstr(line, ": warning: ");
	return n;
}

/* Is what the daemon has in force what stands in the files? */
static void look_at_age(struct doctor *d)
{
	enum cli_status status;
	struct image *im = policy_image(d->c, true, &status);
	const char *path = im ? policy_changed_since(im, member_text(d->status, "policy_loaded")) : NULL;

	if (path)
		doctor_find(d, FINDING_NOTE, "postern reload", "%s was changed after the daemon loaded its policy", path);
	image_unmap(im);
}

void doctor_config(struct doctor *d)
{
	const char *path = policy_config(d->c);
	struct policy_report report;
	char folder[POLICY_PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		look_at_owner(d, folder);
	}
	look_at_owner(d, path);
	if (access(path, R_OK) < 0 || policy_compile(d->c, NULL, -1, &report) < 0)
		return;
	if (report.status != 0)
		doctor_find(d, FINDING_PROBLEM, "postern check", "the configuration has %u errors: a start or reload will refuse it",
			count_errors(report.text));
	else if (d->status)
		look_at_age(d);
	policy_report_free(&report);
}

static void look_at_log_owner(struct doctor *d, const char *path, const struct stat *st)
{
	const struct passwd *pw = getpwnam("postern-audit");

	if (pw && st->st_uid != pw->pw_uid)
		doctor_find(d, FINDING_PROBLEM, "chown postern-audit:postern, chmod 2750",
			"the audit log's directory %s belongs to uid %u, not to postern-audit: events are lost", path, (unsigned int)st->st_uid);
	if (st->st_mode & S_IWOTH)
		doctor_find(d, FINDING_PROBLEM, "chmod o-w", "everybody can write to the audit log's directory %s", path);
}

static void look_at_log(struct doctor *d, const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno != EACCES)
			doctor_find(d, FINDING_PROBLEM, "systemd-tmpfiles --create, or mkdir, chown postern-audit:postern, chmod 2750",
				"the audit log's directory %s: %s: events are lost, enforcement goes on", path, strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		doctor_find(d, FINDING_PROBLEM, "set audit.directory in postern.conf to a directory", "%s is no directory: events are lost", path);
		return;
	}
	look_at_log_owner(d, path, &st);
	if (statvfs(path, &fs) < 0)
		return;
	if (fs.f_flag & ST_RDONLY)
		doctor_find(d, FINDING_PROBLEM, "mount it writable, or set audit.directory in postern.conf",
			"the audit log's directory %s is on a read-only file system: events are lost, enforcement goes on", path);
	else if (fs.f_bavail * 20 < fs.f_blocks)
		doctor_find(d, FINDING_WARNING, "free space, or lower audit.rotate_bytes and audit.keep in postern.conf",
			"less than 5 percent are free where the audit log is (%s)", path);
}

void doctor_log(struct doctor *d)
{
	struct log_directories found;
	bool seen;

	if (policy_log_directories(d->c, &found) < 0)
		return;
	if (found.log[0])
		look_at_log(d, found.log);
	for (unsigned int f = 0; f < AUDIT_FORMAT_COUNT; f++) {
		seen = strcmp(found.outputs[f], found.log) == 0;
		for (unsigned int earlier = 0; earlier < f; earlier++)
			seen |= strcmp(found.outputs[f], found.outputs[earlier]) == 0;
		if (found.outputs[f][0] && !seen)
			look_at_log(d, found.outputs[f]);
	}
}
