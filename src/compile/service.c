/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child of posternd. Each compile runs in a forked worker: its memory returns when it ends, and a worker that
 * dies on a file costs one answer, "not good", and not the daemon. Meanwhile pings are answered. A compile that is
 * asked for while one runs waits for its turn; a third one is out of protocol. The state of trust anchors is written by a worker
 * too (one at a time), so that a disk that stalls stalls nothing else.
 *
 * Privileges: those of the role "policy", entered before READY is sent.
 */
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "anchor_state.h"
#include "compile.h"
#include "postern/channel.h"
#include "postern/clock.h"
#include "postern/counters.h"
#include "postern/log.h"
#include "postern/role.h"

#define COMPILE_LIMIT_MS (10 * 60 * 1000) /* then the worker is ended */
#define KEEP_LIMIT_MS (60 * 1000)

/* What a compile is asked with. */
struct job {
	uint32_t seq;
	int image_fd, diag_fd; /* -1: no job */
};

/* The worker's answer, in memory shared with it; @done stays false where it died. */
struct outcome {
	bool done;
	uint32_t n_errors, n_warnings;
};

/* Writes the state of trust anchors. */
struct keeper {
	pid_t pid; /* 0: none */
	uint32_t seq;
	uint64_t deadline_ms;
};

struct server {
	const char *config;
	struct channel channel;
	int signal_fd;
	struct job running, waiting;
	pid_t worker; /* 0: none */
	uint64_t deadline_ms;
	struct keeper keeper;
	struct outcome *outcome;
	uint64_t counters[COUNTERS_MAX];
};

static const struct job no_job = {.image_fd = -1, .diag_fd = -1};

static void job_close(struct job *j)
{
	if (j->image_fd >= 0)
		close(j->image_fd);
	if (j->diag_fd >= 0)
		close(j->diag_fd);
	*j = no_job;
}

POSTERN_NORETURN static void work(const struct server *s)
{
	struct diagnostics diag = {.out = fdopen(s->running.diag_fd, "w")};
	int rc;

	if (!diag.out)
		_exit(1);
	rc = compile_run(s->config, s->running.image_fd, &diag);
	if (rc < 0 && diag.n_errors == 0)
		diag_error(&diag, (struct spot){s->config, 0}, "it could not be compiled (%s): free memory", strerror(-rc));
	diag_finish(&diag);
	s->outcome->n_errors = diag.n_errors;
	s->outcome->n_warnings = diag.n_warnings;
	s->outcome->done = true;
	_exit(0);
}

static int answer(struct server *s, const struct outcome *o)
{
	struct msg_compiled m = {.h.seq = s->running.seq, .n_errors = o->n_errors, .n_warnings = o->n_warnings};

	return channel_send(&s->channel, MSG_COMPILED, &m, NULL, 0);
}

/* Ends a job that has no outcome of its own, with a line in its diagnostics. */
static int answer_failed(struct server *s, const char *why)
{
	struct diagnostics diag = {.out = fdopen(dup(s->running.diag_fd), "a")};

	log_err("compile failed: %s", why);
	if (diag.out) {
		diag_error(&diag, (struct spot){s->config, 0}, "%s", why);
		fclose(diag.out);
	}
	return answer(s, &(struct outcome){.n_errors = 1});
}

static int start(struct server *s, struct job job)
{
	int rc;

	s->running = job;
	*s->outcome = (struct outcome){0};
	s->worker = fork();
	if (s->worker == 0)
		work(s);
	if (s->worker > 0) {
		s->deadline_ms = clock_now_ms() + COMPILE_LIMIT_MS;
		return 0;
	}
	s->worker = 0;
	rc = answer_failed(s, "no process for the compile: raise the limit of processes");
	job_close(&s->running);
	return rc;
}

/* The keeper has ended, if it has. Its exit status is an errno. */
static int reap_keeper(struct server *s)
{
	struct msg_anchors_kept m = {.h.seq = s->keeper.seq};
	int status;

	if (!s->keeper.pid || waitpid(s->keeper.pid, &status, WNOHANG) != s->keeper.pid)
		return 0;
	s->keeper.pid = 0;
	m.error = WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
	return channel_send(&s->channel, MSG_ANCHORS_KEPT, &m, NULL, 0);
}

/* The worker has ended, if it has: its answer, and the next job. */
static int reap_worker(struct server *s)
{
	struct job next = s->waiting;
	char why[96];
	int status, rc;

	if (!s->worker || waitpid(s->worker, &status, WNOHANG) != s->worker)
		return 0;
	s->worker = 0;
	s->counters[COUNTER_POLICY_compiles]++;
	if (s->outcome->done) {
		rc = answer(s, s->outcome);
	} else {
		snprintf(why, sizeof(why), "the compile ended before it was done (%s %d): report the files as a bug",
			WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		rc = answer_failed(s, why);
	}
	job_close(&s->running);
	s->waiting = no_job;
	return rc < 0 || next.image_fd < 0 ? rc : start(s, next);
}

static int reap(struct server *s)
{
	struct signalfd_siginfo info;
	int rc;

	if (read(s->signal_fd, &info, sizeof(info)) < 0 && errno != EAGAIN)
		return -errno;
	rc = reap_keeper(s);
	return rc < 0 ? rc : reap_worker(s);
}

POSTERN_NORETURN static void keep(const struct msg_anchors_keep *m)
{
	int rc = anchor_file_store(m->directory, &m->anchors);

	_exit(rc < 0 && rc > -256 ? -rc : rc < 0 ? EIO : 0);
}

static int take_anchors(struct server *s, const struct msg_anchors_keep *m)
{
	if (s->keeper.pid || !anchors_valid(&m->anchors) || !memchr(m->directory, '\0', sizeof(m->directory)))
		return -EPROTO;
	s->keeper = (struct keeper){fork(), m->h.seq, clock_now_ms() + KEEP_LIMIT_MS};
	if (s->keeper.pid == 0)
		keep(m);
	if (s->keeper.pid > 0)
		return 0;
	s->keeper.pid = 0;
	return channel_send(&s->channel, MSG_ANCHORS_KEPT, &(struct msg_anchors_kept){.h.seq = m->h.seq, .error = -EAGAIN}, NULL, 0);
}

static int take_compile(struct server *s, const struct message_header *h, const int *fds)
{
	struct job job = {.seq = h->seq, .image_fd = fds[0], .diag_fd = fds[1]};

	if (!s->worker)
		return start(s, job);
	if (s->waiting.image_fd >= 0)
		return -EPROTO;
	s->waiting = job;
	return 0;
}

static int pong(struct server *s, const struct message_header *h)
{
	struct msg_pong m = {.h.seq = h->seq};

	memcpy(m.counters, s->counters, sizeof(m.counters));
	return channel_send(&s->channel, MSG_PONG, &m, NULL, 0);
}

static int receive(struct server *s)
{
	union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = channel_recv(&s->channel, &m, fds);

	if (rc <= 0)
		return rc;
	if (m.h.type == MSG_PING)
		return pong(s, &m.h);
	if (m.h.type == MSG_COMPILE)
		return take_compile(s, &m.h, fds);
	if (m.h.type == MSG_ANCHORS_KEEP)
		return take_anchors(s, (const struct msg_anchors_keep *)&m);
	for (unsigned int i = 0; i < CHANNEL_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return m.h.type == MSG_PEER ? 0 : -EPROTO; /* it needs no peer */
}

static int serve(struct server *s)
{
	struct pollfd p[] = {{.fd = s->channel.fd, .events = POLLIN}, {.fd = s->signal_fd, .events = POLLIN}};
	int rc = 0;

	while (rc == 0) {
		if (poll(p, ARRAY_LEN(p), s->worker || s->keeper.pid ? 1000 : -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			rc = reap(s);
		if (rc == 0 && p[0].revents)
			rc = receive(s);
		if (s->worker && clock_now_ms() > s->deadline_ms)
			kill(s->worker, SIGKILL);
		if (s->keeper.pid && clock_now_ms() > s->keeper.deadline_ms)
			kill(s->keeper.pid, SIGKILL);
	}
	return rc;
}

static int prepare(struct server *s)
{
	struct msg_plain ready = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	s->outcome = mmap(NULL, sizeof(*s->outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->outcome == MAP_FAILED)
		return -errno;
	int rc = role_filter(ROLE_POLICY);

	return rc < 0 ? rc : channel_send(&s->channel, MSG_READY, &ready, NULL, 0);
}

int service_run(const char *config)
{
	struct server s = {.config = config, .running = no_job, .waiting = no_job};
	int rc;

	log_init("policy", LOG_LEVEL_INFO);
	channel_init(&s.channel, CHANNEL_FD, ROLE_POLICY, ROLE_GATE);
	rc = prepare(&s);
	if (rc == 0)
		rc = serve(&s);
	if (s.worker)
		kill(s.worker, SIGKILL);
	if (rc == -EPIPE) /* posternd has ended, and so do we */
		return 0;
	log_err("stopped: %s", strerror(-rc));
	return 1;
}
