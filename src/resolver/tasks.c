/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of tasks and waiters: see the header. Free places form a list through `next`; a hash of
 * buckets finds the task of a question, so that the same question is asked once.
 * A reference is the task's number with a generation above it.
 */
#include "tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define REF_SHIFT 11
#define REF_INDEX ((1u << REF_SHIFT) - 1)

static_assert(RESOLVER_ASKS_MAX == 2 << REF_SHIFT, "and one bit of the generation");
static_assert(RESOLVER_TASKS_MAX == 1 << REF_SHIFT, "a reference holds every index");

struct tasks {
	uint16_t buckets[BUCKETS];
	uint16_t free_task, free_waiter;
	uint16_t n_active;
	uint16_t active[RESOLVER_TASKS_MAX];
	struct task tasks[RESOLVER_TASKS_MAX];
	struct waiter waiters[RESOLVER_WAITERS_MAX];
};

struct tasks *tasks_new(void)
{
	struct tasks *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memset(t->buckets, 0xff, sizeof(t->buckets));
	/* the lists of free places grow as places are first used, so that untouched pages stay so */
	t->free_task = t->free_waiter = 0;
	return t;
}

void tasks_free(struct tasks *t)
{
	free(t);
}

/*
 * Free lists: a place that was never used has next 0, which here means "the one behind me". Links are
 * therefore kept plus one.
 */
static uint16_t take(uint16_t *free_list, uint16_t next_of_first)
{
	uint16_t taken = *free_list;

	*free_list = next_of_first ? (uint16_t)(next_of_first - 1) : (uint16_t)(taken + 1);
	return taken;
}

static uint16_t *bucket_of(struct tasks *t, const struct cache_key *k)
{
	return &t->buckets[k->hash >> 32 & (BUCKETS - 1)];
}

struct task *tasks_find(struct tasks *t, const struct cache_key *k)
{
	for (uint16_t i = *bucket_of(t, k); i != INDEX_NONE; i = t->tasks[i].next) {
		const struct cache_key *have = &t->tasks[i].key;

		if (have->hash == k->hash && have->slot == k->slot && have->qtype == k->qtype &&
			have->dnssec_ok == k->dnssec_ok && dns_name_equal(&have->name, &k->name))
			return &t->tasks[i];
	}
	return NULL;
}

static uint16_t index_of(const struct tasks *t, const struct task *task)
{
	return (uint16_t)(task - t->tasks);
}

struct task *tasks_add(struct tasks *t, const struct cache_key *k)
{
	uint16_t *bucket = bucket_of(t, k);
	struct task *task;
	uint16_t i;

	if (t->free_task >= RESOLVER_TASKS_MAX)
		return NULL;
	i = take(&t->free_task, t->tasks[t->free_task].next);
	task = &t->tasks[i];
	memset((char *)task + offsetof(struct task, rule), 0, offsetof(struct task, draft) - offsetof(struct task, rule));
	task->key = *k;
	task->first_waiter = INDEX_NONE;
	task->n_waiters = 0;
	task->next = *bucket;
	*bucket = i;
	task->active_at = t->n_active;
	t->active[t->n_active++] = i;
	tasks_renew_ref(t, task);
	return task;
}

void tasks_drop_waiters(struct tasks *t, struct task *task)
{
	uint16_t next;

	for (uint16_t i = task->first_waiter; i != INDEX_NONE; i = next) {
		next = t->waiters[i].next;
		t->waiters[i].next = (uint16_t)(t->free_waiter + 1);
		t->free_waiter = i;
	}
	task->first_waiter = INDEX_NONE;
	task->n_waiters = 0;
}

void tasks_move_waiters(struct tasks *t, struct task *from, struct task *to)
{
	uint16_t *end = &to->first_waiter;

	while (*end != INDEX_NONE)
		end = &t->waiters[*end].next;
	*end = from->first_waiter;
	to->n_waiters = (uint16_t)(to->n_waiters + from->n_waiters);
	from->first_waiter = INDEX_NONE;
	from->n_waiters = 0;
}

void tasks_remove(struct tasks *t, struct task *task)
{
	uint16_t i = index_of(t, task), last = t->active[t->n_active - 1];
	uint16_t *link = bucket_of(t, &task->key);

	tasks_drop_waiters(t, task);
	while (*link != i)
		link = &t->tasks[*link].next;
	*link = task->next;
	t->active[task->active_at] = last;
	t->tasks[last].active_at = task->active_at;
	t->n_active--;
	task->state = TASK_FREE;
	task->generation++;
	task->next = (uint16_t)(t->free_task + 1);
	t->free_task = i;
}

uint32_t tasks_ref(const struct tasks *t, const struct task *task)
{
	(void)t;
	return task->ref;
}

uint32_t tasks_renew_ref(struct tasks *t, struct task *task)
{
	do /* the lowest bit of the generation tells two that are out apart */
		task->generation++;
	while (task->before.asked && (task->generation & 1) == (task->before.ref >> REF_SHIFT & 1));
	task->ref = task->generation << REF_SHIFT | index_of(t, task);
	return task->ref;
}

struct task *tasks_by_ref(struct tasks *t, uint32_t ref)
{
	struct task *task = &t->tasks[ref & REF_INDEX];

	if (task->state == TASK_FREE)
		return NULL;
	return task->ref == ref || (task->before.asked && task->before.ref == ref) ? task : NULL;
}

struct task *tasks_active(struct tasks *t, unsigned int i)
{
	return i < t->n_active ? &t->tasks[t->active[i]] : NULL;
}

const struct waiter *tasks_waiter(const struct tasks *t, uint16_t index)
{
	return index == INDEX_NONE ? NULL : &t->waiters[index];
}

static bool same_asker(const struct waiter *w, const struct client *c, const struct dns_query *q)
{
	return !c->stream && w->query.id == q->id && w->client.port == c->port && w->client.socket == c->socket &&
		w->client.generation == c->generation && w->client.stream == c->stream &&
		addr_equal(&w->client.peer, &c->peer);
}

int tasks_wait(struct tasks *t, struct task *task, const struct client *c, const struct dns_query *q)
{
	struct waiter *w;
	uint16_t i;

	for (i = task->first_waiter; i != INDEX_NONE; i = t->waiters[i].next)
		if (same_asker(&t->waiters[i], c, q))
			return 0;
	if (t->free_waiter >= RESOLVER_WAITERS_MAX)
		return -ENOSPC;
	i = take(&t->free_waiter, t->waiters[t->free_waiter].next);
	w = &t->waiters[i];
	w->client = *c;
	w->query = *q;
	w->next = task->first_waiter;
	task->first_waiter = i;
	task->n_waiters++;
	return 0;
}
