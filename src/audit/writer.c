/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See the header. One mutex guards the rings' positions, the settings and the states; it is
 * never held during a system call on the disk. The bytes that ring_peek() shows stay untouched by pushes until
 * they are consumed, so they are written from where they are.
 *
 * When writing fails the lines stay in the ring, and the thread tries again every second: a short outage
 * loses nothing. A failure is said once on standard error, then once a minute, and its end too. A file that cannot be
 * written holds up no other, unless its disk hangs.
 *
 * Lines gather for a moment before they are written, and the thread is woken only where it waits for the first of
 * them: a busy log costs neither a wake-up nor a write(2) for each line.
 *
 * The thread has a stack of its own and allocates nothing. It ends with the process.
 */
#include "writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "postern/clock.h"
#include "postern/log.h"
#include "postern/role.h"

#include "ring.h"

#define CHUNK_BYTES (64u << 10)
#define RETRY_MS 1000
#define REMIND_MS 60000
#define GATHER_MS 2
#define STACK_BYTES (256u << 10)

/* One file. */
struct output {
	struct ring ring;
	struct log_settings settings;
	struct writer_state state;
	bool configured, changed;
	uint64_t retry_ms; /* writing failed: not before; 0: it did not */
	/* the thread's own */
	struct log_file file;
	uint64_t remind_ms;
};

struct writer {
	pthread_mutex_t lock;
	pthread_cond_t wake;	/* the thread: something to do */
	pthread_cond_t told;	/* the main thread: entered, finished */
	struct output outputs[SINK_COUNT];
	bool entered, stop, stopped;
	bool waiting; /* the thread, for lines */
	int filter_error;
};

static struct writer the_writer;
static char ring_bytes[SINK_COUNT][WRITER_RING_BYTES];

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t wait_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(wait_ms / 1000);
	ts.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(cond, lock, &ts); /* the caller looks at its condition again */
}

static void say_failure(struct output *o, int error, int before)
{
	uint64_t now_ms = clock_now_ms();

	if (error == before && now_ms < o->remind_ms)
		return;
	o->remind_ms = now_ms + REMIND_MS;
	log_warning("audit log: cannot write file=\"%s/%s\" error=\"%s\": enforcement goes on; events wait, then are counted: "
		    "make the directory writable for this user, or free space",
		o->file.settings.directory, o->file.settings.name, strerror(-error));
}

/* Writes one chunk outside the lock. Returns what the lock's holder then consumes. */
static size_t write_chunk(struct writer *w, struct output *o, const char *lines, size_t len)
{
	int before = o->state.error; /* only this thread writes it */
	int n = log_file_write(&o->file, lines, len);
	uint64_t count = 0;

	if (n < 0)
		say_failure(o, n, before);
	else if (before != 0)
		log_notice("audit log: writing again file=\"%s/%s\"", o->file.settings.directory, o->file.settings.name);
	for (int i = 0; i < n; i++)
		count += lines[i] == '\n';
	pthread_mutex_lock(&w->lock);
	o->state.error = n < 0 ? n : 0;
	o->state.lines += count;
	o->state.rotations = o->file.rotations;
	pthread_mutex_unlock(&w->lock);
	return n < 0 ? 0 : (size_t)n;
}

static void take_settings(struct output *o)
{
	if (!o->changed)
		return;
	o->changed = false;
	o->retry_ms = 0;
	log_file_close(&o->file);
	o->file.settings = o->settings;
}

/* The file's next lines, 0: none, or not yet. */
static size_t ready(struct output *o, const char **ret_lines)
{
	if (!o->configured || o->retry_ms > clock_now_ms())
		return 0;
	return ring_peek(&o->ring, CHUNK_BYTES, ret_lines);
}

/* Lock held at entry and exit. */
static void write_output(struct writer *w, struct output *o)
{
	const char *lines;
	size_t len = ready(o, &lines), done;

	if (len == 0)
		return;
	pthread_mutex_unlock(&w->lock);
	done = write_chunk(w, o, lines, len);
	pthread_mutex_lock(&w->lock);
	ring_consume(&o->ring, done);
	o->retry_ms = done ? 0 : clock_now_ms() + RETRY_MS;
}

/* Nothing to write: until there is, or until what failed is tried again. */
static void wait_for_lines(struct writer *w)
{
	const char *lines;
	bool failing = false, empty = true;

	for (unsigned int i = 0; i < SINK_COUNT; i++) {
		failing |= w->outputs[i].retry_ms != 0;
		empty &= !w->outputs[i].configured || ring_peek(&w->outputs[i].ring, CHUNK_BYTES, &lines) == 0;
	}
	if (w->stop && empty) {
		w->stopped = true;
		pthread_cond_broadcast(&w->told);
	}
	w->waiting = true;
	if (failing)
		wait_until(&w->wake, &w->lock, RETRY_MS);
	else
		pthread_cond_wait(&w->wake, &w->lock);
	w->waiting = false;
}

/* One round, lock held at entry and exit. */
static void writer_round(struct writer *w)
{
	const char *lines;
	size_t len, most = 0;

	for (unsigned int i = 0; i < SINK_COUNT; i++) {
		take_settings(&w->outputs[i]);
		len = ready(&w->outputs[i], &lines);
		most = len > most ? len : most;
	}
	if (most == 0) {
		wait_for_lines(w);
		return;
	}
	if (most < CHUNK_BYTES && !w->stop) {
		pthread_mutex_unlock(&w->lock);
		(void)poll(NULL, 0, GATHER_MS);
		pthread_mutex_lock(&w->lock);
	}
	for (unsigned int i = 0; i < SINK_COUNT; i++)
		write_output(w, &w->outputs[i]);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	int rc = role_filter(ROLE_AUDIT);

	pthread_mutex_lock(&w->lock);
	w->filter_error = rc;
	w->entered = true;
	pthread_cond_broadcast(&w->told);
	while (rc == 0)
		writer_round(w);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_thread(struct writer *w)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (rc == 0)
		rc = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (rc == 0)
		rc = pthread_create(&thread, &attr, writer_main, w);
	pthread_attr_destroy(&attr);
	return -rc;
}

int writer_start(struct writer **ret_writer)
{
	struct writer *w = &the_writer;
	pthread_condattr_t clock;
	int rc;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &clock);
	pthread_cond_init(&w->told, &clock);
	for (unsigned int i = 0; i < SINK_COUNT; i++) {
		ring_init(&w->outputs[i].ring, ring_bytes[i], sizeof(ring_bytes[i]));
		log_file_init(&w->outputs[i].file);
	}
	rc = start_thread(w);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&w->lock);
	while (!w->entered)
		pthread_cond_wait(&w->told, &w->lock);
	rc = w->filter_error;
	pthread_mutex_unlock(&w->lock);
	if (rc == 0)
		*ret_writer = w;
	return rc;
}

void writer_configure(struct writer *w, enum sink s, const struct log_settings *settings)
{
	struct output *o = &w->outputs[s];

	pthread_mutex_lock(&w->lock);
	o->settings = *settings;
	o->configured = o->changed = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void writer_reopen(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < SINK_COUNT; i++)
		w->outputs[i].changed = w->outputs[i].configured;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool writer_push(struct writer *w, enum sink s, const char *line, size_t len)
{
	struct output *o = &w->outputs[s];
	bool taken;

	pthread_mutex_lock(&w->lock);
	taken = ring_push(&o->ring, line, len);
	/* While it is at work, or writing fails, the thread keeps to its own pace. */
	if (taken && w->waiting && o->retry_ms == 0)
		pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

void writer_state(struct writer *w, enum sink s, struct writer_state *ret_state)
{
	pthread_mutex_lock(&w->lock);
	*ret_state = w->outputs[s].state;
	pthread_mutex_unlock(&w->lock);
}

/* Is there nothing left that can be written? */
static bool all_written(struct writer *w)
{
	const char *lines;

	for (unsigned int i = 0; i < SINK_COUNT; i++)
		if (ring_peek(&w->outputs[i].ring, CHUNK_BYTES, &lines) != 0)
			return false;
	return true;
}

bool writer_finish(struct writer *w, unsigned int timeout_ms)
{
	uint64_t end_ms = clock_now_ms() + timeout_ms, now_ms;
	bool done;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	w->stopped = false; /* it may be called again */
	for (unsigned int i = 0; i < SINK_COUNT; i++)
		w->outputs[i].retry_ms = 0;
	pthread_cond_signal(&w->wake);
	while (!w->stopped && (now_ms = clock_now_ms()) < end_ms)
		wait_until(&w->told, &w->lock, end_ms - now_ms);
	done = w->stopped && all_written(w);
	pthread_mutex_unlock(&w->lock);
	return done;
}
