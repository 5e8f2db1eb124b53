/* SPDX-License-Identifier: MIT */
/*
 * The reader of snapshots. The form is the one that src/core/save.c writes down at its top:
 *
 *   [version, core {}, job env [], slots [], events [], tokens [], fds [], outbox [], foreign [], runs []]
 *   slot  = [{}, class id, successor id, [held], jobs [], wants [], what else follows states …]
 *   job   = [{}, class id, [held], [[process id, pid, exec done] …]]
 */
#include "snap.h"

#include <errno.h>
#include <string.h>

struct core_part {
	uint64_t last_id, yield_timer, quiesce_timer, down_timer, down_tick, bound_timer;
};
static const struct wire_field core_fields[] = {
	WIRE_FIELD(U64, struct core_part, last_id),
	WIRE_FIELD(U64, struct core_part, yield_timer),
	WIRE_FIELD(U64, struct core_part, quiesce_timer),
	WIRE_FIELD(U64, struct core_part, down_timer),
	WIRE_FIELD(U64, struct core_part, down_tick),
	WIRE_FIELD(U64, struct core_part, bound_timer),
};
static const struct wire_schema core_schema = WIRE_SCHEMA("core", core_fields);

struct slot_part {
	char *name;
};
static const struct wire_field slot_fields[] = { WIRE_FIELD(STR, struct slot_part, name) };
static const struct wire_schema slot_schema = WIRE_SCHEMA("slot", slot_fields);

#define J(type, member) WIRE_FIELD(type, struct snap_job, member)
static const struct wire_field job_fields[] = {
	J(U64, id),	  J(STR, name),	      J(U32, goal),	    J(U32, state),
	J(U64, blocker),  J(U64, kill_timer), J(U64, rest_timer), J(U64, family_timer), J(U64, ready_timer),
	J(U64, holds_timer),
	J(U64, watchdog_timer),
	J(U64V, waiters), J(U64V, fds),	      J(U64V, next_fds),
	J(STR, quarantine),
};
static const struct wire_schema job_schema = WIRE_SCHEMA("job", job_fields);

#define E(type, member) WIRE_FIELD(type, struct snap_event, member)
static const struct wire_field event_fields[] = {
	E(U64, id), E(STR, name), E(U64, fd), E(U32, progress), E(U64, job), E(U64V, requests),
};
static const struct wire_schema event_schema = WIRE_SCHEMA("event", event_fields);

struct token_part {
	struct u64v requests;
};
static const struct wire_field token_fields[] = { WIRE_FIELD(U64V, struct token_part, requests) };
static const struct wire_schema token_schema = WIRE_SCHEMA("token", token_fields);

struct want_part {
	struct u64v awaiting;
};
static const struct wire_field want_fields[] = { WIRE_FIELD(U64V, struct want_part, awaiting) };
static const struct wire_schema want_schema = WIRE_SCHEMA("want", want_fields);

/* Room for one more element of `size`, zeroed; NULL when out of memory. */
static void *
grow(void **array, size_t *n, size_t size)
{
	char *p = realloc(*array, (*n + 1) * size);

	if (p == NULL)
		return NULL;
	*array = p;
	memset(p + *n * size, 0, size);
	return p + (*n)++ * size;
}

#define GROW(array, n) grow((void **) &(array), &(n), sizeof(*(array)))

static int
get_tree(struct snap *snap, struct wire_in *in, uint64_t class_id, uint64_t job)
{
	struct snap_tree *tree = GROW(snap->trees, snap->n_trees);
	size_t n;

	if (tree == NULL)
		return -ENOMEM;
	tree->class_id = class_id;
	tree->job = job;
	tree->is_stop = job != 0;
	n = wire_get_array(in);
	for (; n > 0 && !in->bad; n--)
		if (u64v_add(&tree->held, wire_get_uint(in)) < 0)
			return -ENOMEM;
	return in->bad ? -EBADMSG : 0;
}

static int
note_timer(struct snap *snap, uint64_t timer)
{
	return timer == 0 ? 0 : u64v_add(&snap->timers, timer);
}

/* Requests at every `step`-th place from `first` on. */
static int
note_requests(struct snap *snap, const struct u64v *from, size_t first, size_t step)
{
	for (size_t i = first; i < from->n; i += step)
		if (from->p[i] != 0 && u64v_add(&snap->requests, from->p[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int
get_job(struct snap *snap, struct wire_in *in, const char *slot)
{
	struct snap_job *job = GROW(snap->jobs, snap->n_jobs);
	uint64_t class_id;
	int r;

	if (job == NULL)
		return -ENOMEM;
	if (wire_get_array(in) != 4)
		return -EBADMSG;
	r = wire_get_struct(in, &job_schema, job);
	job->slot = strdup(slot);
	class_id = wire_get_uint(in);
	for (size_t i = 0; r == 0 && i + 2 < job->waiters.n; i += 3)
		if ((job->waiters.p[i] & 0xff) == 1 && job->waiters.p[i + 1] != 0)
			r = u64v_add(&snap->requests, job->waiters.p[i + 1]);
	if (r == 0)
		r = note_timer(snap, job->kill_timer);
	if (r == 0)
		r = note_timer(snap, job->rest_timer);
	if (r == 0)
		r = note_timer(snap, job->family_timer);
	if (r == 0)
		r = note_timer(snap, job->ready_timer);
	if (r == 0)
		r = note_timer(snap, job->holds_timer);
	if (r == 0)
		r = note_timer(snap, job->watchdog_timer);
	if (r == 0)
		r = get_tree(snap, in, class_id, job->id);
	if (r == 0)
		wire_skip(in); /* the processes */
	return in->bad ? -EBADMSG : r;
}

static int
get_want(struct snap *snap, struct wire_in *in)
{
	struct want_part part = { 0 };
	int r = wire_get_struct(in, &want_schema, &part);

	if (r == 0)
		r = note_requests(snap, &part.awaiting, 0, 3);
	wire_free_struct(&want_schema, &part);
	return r;
}

static int
get_slot(struct snap *snap, struct wire_in *in)
{
	struct slot_part part = { 0 };
	uint64_t class_id = 0;
	size_t n = 0, parts = wire_get_array(in);
	int r = parts >= 5 ? wire_get_struct(in, &slot_schema, &part) : -EBADMSG;

	if (r == 0) {
		class_id = wire_get_uint(in);
		(void) wire_get_uint(in);
		r = get_tree(snap, in, class_id, 0);
	}
	if (r == 0)
		n = wire_get_array(in);
	for (; r == 0 && n > 0; n--)
		r = get_job(snap, in, part.name);
	n = r == 0 && parts > 5 ? wire_get_array(in) : 0;
	for (; r == 0 && n > 0; n--)
		r = get_want(snap, in);
	for (; r == 0 && parts > 6; parts--)
		wire_skip(in);
	wire_free_struct(&slot_schema, &part);
	return in->bad ? -EBADMSG : r;
}

static int
get_event(struct snap *snap, struct wire_in *in)
{
	struct snap_event *event = GROW(snap->events, snap->n_events);
	int r;

	if (event == NULL)
		return -ENOMEM;
	r = wire_get_struct(in, &event_schema, event);
	return r < 0 ? r : note_requests(snap, &event->requests, 0, 2);
}

static int
get_token(struct snap *snap, struct wire_in *in)
{
	struct token_part part = { 0 };
	int r = wire_get_struct(in, &token_schema, &part);

	if (r == 0)
		r = note_requests(snap, &part.requests, 0, 1);
	wire_free_struct(&token_schema, &part);
	return r;
}

static int
get_fds(struct snap *snap, struct wire_in *in)
{
	size_t n = wire_get_array(in) / 2;

	for (; n > 0 && !in->bad; n--) {
		if (u64v_add(&snap->fds, wire_get_uint(in)) < 0)
			return -ENOMEM;
		(void) wire_get_uint(in);
	}
	return in->bad ? -EBADMSG : 0;
}

int
snap_read(struct snap *snap, const void *p, size_t n)
{
	static int (*const lists[])(struct snap * snap, struct wire_in * in) = { get_slot, get_event, get_token };
	struct core_part part = { 0 };
	struct wire_in in;
	int r = 0;

	*snap = (struct snap) { 0 };
	wire_in_init(&in, p, n);
	if (wire_get_array(&in) != 10 || wire_get_uint(&in) == 0)
		return -EBADMSG;
	r = wire_get_struct(&in, &core_schema, &part);
	snap->last_id = part.last_id;
	if (r == 0 && (note_timer(snap, part.yield_timer) < 0 || note_timer(snap, part.quiesce_timer) < 0 ||
		       note_timer(snap, part.down_timer) < 0 || note_timer(snap, part.down_tick) < 0 ||
		       note_timer(snap, part.bound_timer) < 0))
		r = -ENOMEM;
	if (r == 0)
		wire_skip(&in); /* job environment */
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++) {
		size_t count = wire_get_array(&in);

		for (; r == 0 && count > 0; count--)
			r = lists[i](snap, &in);
	}
	if (r == 0)
		r = get_fds(snap, &in);
	if (r == 0)
		wire_skip(&in); /* outbox */
	if (r == 0)
		wire_skip(&in); /* foreign states */
	if (r == 0)
		wire_skip(&in); /* runs */
	if (r == 0 && (in.bad || in.p != in.end))
		r = -EBADMSG;
	return r;
}

void
snap_deinit(struct snap *snap)
{
	for (size_t i = 0; i < snap->n_trees; i++)
		u64v_deinit(&snap->trees[i].held);
	for (size_t i = 0; i < snap->n_jobs; i++) {
		free(snap->jobs[i].slot);
		wire_free_struct(&job_schema, &snap->jobs[i]);
	}
	for (size_t i = 0; i < snap->n_events; i++)
		wire_free_struct(&event_schema, &snap->events[i]);
	free(snap->trees);
	free(snap->jobs);
	free(snap->events);
	u64v_deinit(&snap->requests);
	u64v_deinit(&snap->fds);
	u64v_deinit(&snap->timers);
	*snap = (struct snap) { 0 };
}

const struct snap_event *
snap_event(const struct snap *snap, uint64_t id)
{
	for (size_t i = 0; i < snap->n_events; i++)
		if (snap->events[i].id == id)
			return &snap->events[i];
	return NULL;
}

const struct snap_job *
snap_job(const struct snap *snap, uint64_t id)
{
	for (size_t i = 0; i < snap->n_jobs; i++)
		if (snap->jobs[i].id == id)
			return &snap->jobs[i];
	return NULL;
}

bool
snap_event_is_held(const struct snap *snap, uint64_t id)
{
	for (size_t i = 0; i < snap->n_trees; i++)
		for (size_t k = 0; k < snap->trees[i].held.n; k++)
			if (snap->trees[i].held.p[k] == id)
				return true;
	for (size_t i = 0; i < snap->n_jobs; i++)
		for (size_t k = 0; k + 2 < snap->jobs[i].waiters.n; k += 3)
			if ((snap->jobs[i].waiters.p[k] & 0xff) != 1 && snap->jobs[i].waiters.p[k + 1] == id)
				return true;
	return false;
}
