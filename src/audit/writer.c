/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See the header. One mutex guards the ring's positions, the settings and the state; it is
 * never held during a system call on the disk. The bytes that ring_peek() shows stay untouched by pushes until
 * they are consumed, so they are written from where they are.
 *
 * When writing fails the lines stay in the ring, and the thread tries again every second: a short outage
 * loses nothing. A failure is said once on standard error, then once a minute, and its end too.
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

struct writer {
	pthread_mutex_t lock;
	pthread_cond_t wake;	/* the thread: something to do */
	pthread_cond_t told;	/* the main thread: entered, finished */
	struct ring ring;
	struct log_settings settings;
	struct writer_state state;
	bool configured, changed, entered, stop, stopped;
	bool waiting; /* the thread, for lines */
	int filter_error;
	/* the thread's own */
	struct log_file file;
	uint64_t remind_ms;
};

static struct writer the_writer;
static char ring_bytes[WRITER_RING_BYTES];

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

static void say_failure(struct writer *w, int error, int before)
{
	uint64_t now_ms = clock_now_ms();

	if (error == before && now_ms < w->remind_ms)
		return;
	w->remind_ms = now_ms + REMIND_MS;
	log_warning("audit log: cannot write directory=\"%s\" error=\"%s\": enforcement goes on; events wait, then are counted: "
		    "make the directory writable for this user, or free space",
		w->file.settings.directory, strerror(-error));
}

/* Writes one chunk outside the lock. Returns what the lock's holder then consumes. */
static size_t write_chunk(struct writer *w, const char *lines, size_t len)
{
	int before = w->state.error; /* only this thread writes it */
	int n = log_file_write(&w->file, lines, len);
	uint64_t count = 0;

	if (n < 0)
		say_failure(w, n, before);
	else if (before != 0)
		log_notice("audit log: writing again directory=\"%s\"", w->file.settings.directory);
	for (int i = 0; i < n; i++)
		count += lines[i] == '\n';
	pthread_mutex_lock(&w->lock);
	w->state.error = n < 0 ? n : 0;
	w->state.lines += count;
	w->state.rotations = w->file.rotations;
	pthread_mutex_unlock(&w->lock);
	return n < 0 ? 0 : (size_t)n;
}

static void take_settings(struct writer *w)
{
	if (!w->changed)
		return;
	w->changed = false;
	log_file_close(&w->file);
	w->file.settings = w->settings;
}

/* One round, lock held at entry and exit. */
static void writer_round(struct writer *w)
{
	const char *lines;
	size_t len, done;

	take_settings(w);
	len = w->configured ? ring_peek(&w->ring, CHUNK_BYTES, &lines) : 0;
	if (len == 0) {
		if (w->stop) {
			w->stopped = true;
			pthread_cond_broadcast(&w->told);
		}
		w->waiting = true;
		pthread_cond_wait(&w->wake, &w->lock);
		w->waiting = false;
		return;
	}
	if (len < CHUNK_BYTES && !w->stop) {
		pthread_mutex_unlock(&w->lock);
		(void)poll(NULL, 0, GATHER_MS);
		pthread_mutex_lock(&w->lock);
		len = ring_peek(&w->ring, CHUNK_BYTES, &lines);
	}
	pthread_mutex_unlock(&w->lock);
	done = write_chunk(w, lines, len);
	pthread_mutex_lock(&w->lock);
	ring_consume(&w->ring, done);
	if (done == 0 && !w->changed)
		wait_until(&w->wake, &w->lock, RETRY_MS);
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
	ring_init(&w->ring, ring_bytes, sizeof(ring_bytes));
	log_file_init(&w->file);
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

void writer_configure(struct writer *w, const struct log_settings *settings)
{
	pthread_mutex_lock(&w->lock);
	w->settings = *settings;
	w->configured = w->changed = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void writer_reopen(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->changed = w->configured;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool writer_push(struct writer *w, const char *line, size_t len)
{
	bool taken;

	pthread_mutex_lock(&w->lock);
	taken = ring_push(&w->ring, line, len);
	/* While it is at work, or writing fails, the thread keeps to its own pace. */
	if (taken && w->waiting)
		pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

void writer_state(struct writer *w, struct writer_state *ret_state)
{
	pthread_mutex_lock(&w->lock);
	*ret_state = w->state;
	pthread_mutex_unlock(&w->lock);
}

bool writer_finish(struct writer *w, unsigned int timeout_ms)
{
	uint64_t end_ms = clock_now_ms() + timeout_ms, now_ms;
	bool done;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	w->stopped = false; /* it may be called again */
	pthread_cond_signal(&w->wake);
	while (!w->stopped && (now_ms = clock_now_ms()) < end_ms)
		wait_until(&w->told, &w->lock, end_ms - now_ms);
	done = w->stopped && ring_peek(&w->ring, CHUNK_BYTES, &(const char *){NULL}) == 0;
	pthread_mutex_unlock(&w->lock);
	return done;
}
