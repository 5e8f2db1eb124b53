/* SPDX-License-Identifier: MIT */
/*
 * Writing the whole core and making one from what was written. Flat members go by the tables below;
 * links between things are written as ids and made anew. What can be derived (blocker counts, the
 * event heap, all indexes) is derived, so that a damaged or older snapshot can't contradict itself.
 *
 *   [version, core {}, job env [], slots [], events [], tokens [], fds [], outbox [], foreign [], runs []]
 *   slot  = [{}, class id, successor id, [held], jobs [], wants [], ended [], pasts [], paces []]
 *   job   = [{}, class id, [held], [[process id, pid, exec done] …]]
 */
#include "core/internal.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define SAVE_VERSION 1
#define SAVE_PARTS 10
#define SAVE_PARTS_MIN 8 /* an older release's */
#define SLOT_PARTS 9
#define SLOT_PARTS_MIN 5 /* an older release's */

#define F(type, st, member) WIRE_FIELD(type, struct st, member)
#define LINEAGE(st, member) F(U64, st, member.root), F(U32, st, member.loops), F(U32, st, member.hops)

static const struct wire_field core_fields[] = {
	F(U64, core, seq),           F(U64, core, last_effect),   F(U64, core, last_id),
	F(U64, core, now),           F(U64, core, last_order),    F(I32, core, log_level),
	F(BOOL, core, control),      F(U64, core, yield_timer),   F(U64V, core, early),
	F(U32, core, quiesce),       F(U64, core, quiesce_timer), F(U64, core, quiesce_start),
	F(BOOL, core, quiesce_logout), F(BOOL, core, no_respawn), F(BOOL, core, finished),
	F(BOOL, core, awake),        F(BOOL, core, going_down),   F(STRV, core, runlevel),
	F(U64V, core, calls),
	F(U32, core, down),          F(U64, core, down_limit),    F(U64, core, down_since),
	F(U64, core, down_event),    F(U64, core, down_timer),    F(U64, core, down_tick),
	F(STR, core, down_level),    F(STR, core, down_halt),     F(STRV, core, killed),
	F(STRV, core, exit_with),    F(I32, core, exit_status), F(BOOL, core, down_assist),
	F(STRV, core, slow),
	F(U64, core, bound_timer),
	F(U64, core, last_run),      F(U64, core, runs_dropped),  F(U64, core, began),
	F(U64, core, startup),
};
static const struct wire_schema core_schema = WIRE_SCHEMA("core", core_fields);

static const struct wire_field slot_fields[] = {
	F(U64, slot, order),
	F(STR, slot, name),
	F(BOOL, slot, has_successor),
	F(BOOL, slot, in_list),      F(BOOL, slot, in_held),  F(U64, slot, look_cause), F(U64V, slot, look_events),
	LINEAGE(slot, look_lineage), F(U32, slot, wants_kept), F(U64, slot, look_run),
	F(BOOL, slot, nameless),
};
static const struct wire_schema slot_schema = WIRE_SCHEMA("slot", slot_fields);

static const struct wire_field job_fields[] = {
	F(U64, job, id),          F(STR, job, name),         F(U32, job, goal),          F(U32, job, state),
	F(STRV, job, env),        F(STRV, job, next_env),    F(BOOL, job, has_next_env), F(STRV, job, stop_env),
	F(U64V, job, fds),        F(U64V, job, next_fds),    F(U64, job, blocker),       F(U64V, job, waiters),
	F(BOOL, job, failed),     F(U32, job, failed_kind),  F(I32, job, exit_status),   F(U64, job, kill_timer),
	F(BOOL, job, hook_told),  F(U64, job, sweep),        F(BOOL, job, swept_hard),
	F(U64V, job, respawns),   F(U64, job, respawn_delay), F(U64, job, main_since),   F(U64, job, not_before),
	F(U64, job, rest_timer),  F(BOOL, job, restart),     F(BOOL, job, up),          F(STRV, job, up_env),
	F(U64, job, cause),       LINEAGE(job, lineage),
	F(U64, job, since),       F(U64V, job, exits),
	F(U64V, job, family_words), F(U64, job, family_timer), F(U64, job, family_due), F(BOOL, job, mainless),
	F(U64, job, ready_timer), F(U64, job, ready_due),    F(U64, job, kill_due),       F(U64, job, watchdog),
	F(U64, job, watchdog_timer), F(U64, job, watchdog_due), F(BOOL, job, bitten),   F(U32, job, doing),
	F(STR, job, status_text),
	F(STR, job, quarantine),  F(BOOL, job, resetting),   F(I32, job, main_ended),
	F(U64, job, holds_timer),
	F(U64, job, run),	  F(U32, job, prompt.why),   F(U64, job, prompt.by),
	F(U64, job, prompt.event_id), F(U64, job, prompt.event_at), F(U64, job, prompt.asked),
	F(STR, job, prompt.event),
};
static const struct wire_schema job_schema = WIRE_SCHEMA("job", job_fields);

static const struct wire_field want_fields[] = {
	F(STR, want, name),   F(STRV, want, arming), F(STRV, want, binding), F(BOOL, want, armed),
	F(BOOL, want, spent), F(BOOL, want, bound),  F(U64, want, chain),    F(U32, want, rises),
	F(U64V, want, awaiting), F(BOOL, want, missed),
};
static const struct wire_schema want_schema = WIRE_SCHEMA("want", want_fields);

static const struct wire_field ended_fields[] = { F(STR, ended, name), F(BOOL, ended, failed) };
static const struct wire_schema ended_schema = WIRE_SCHEMA("ended", ended_fields);

static const struct wire_field past_fields[] = {
	F(STR, past, name), F(U64V, past, exits), F(BOOL, past, failed), F(U32, past, failed_kind), F(U64, past, at),
};
static const struct wire_schema past_schema = WIRE_SCHEMA("past", past_fields);

static const struct wire_field pace_fields[] = {
	F(STR, pace, name), LINEAGE(pace, last), F(U64, pace, started), F(U32, pace, most), F(U32, pace, rounds),
};
static const struct wire_schema pace_schema = WIRE_SCHEMA("pace", pace_fields);

static const struct wire_field event_fields[] = {
	F(U64, event, id),	 F(STR, event, name),	  F(STRV, event, env), F(U64, event, fd),
	F(U32, event, progress), F(BOOL, event, failed),  F(U64, event, job),  F(U64V, event, requests),
	F(U64, event, cause),	 LINEAGE(event, lineage), F(STR, event, root),
	F(U64V, event, fds),	 F(BOOL, event, literal), F(BOOL, event, only),
	F(STRV, event, classes), F(STRV, event, instances),
	F(BOOL, event, silent),	 F(U64, event, run),	  F(U64, event, queued),
};
static const struct wire_schema event_schema = WIRE_SCHEMA("event", event_fields);

static const struct wire_field token_fields[] = {
	F(U64, token, id),   F(STR, token, name), F(BOOL, token, done), F(U64, token, done_at), F(U64V, token, requests),
	F(STR, token, error), F(STR, token, text), F(STR, token, job),  F(STR, token, instance),
};
static const struct wire_schema token_schema = WIRE_SCHEMA("token", token_fields);

static const struct wire_field run_fields[] = {
	F(U64, core_run, number),	     F(STR, core_run, job),	   F(STR, core_run, instance), F(BOOL, core_run, task),
	F(U32, core_run, why),	     F(U64, core_run, by),	   F(U64, core_run, event_id), F(U64, core_run, event_at),
	F(STR, core_run, event),     F(U64, core_run, asked),	   F(U64, core_run, starting),
	F(U64, core_run, starting_event), F(U64, core_run, begun), F(U64, core_run, main),
	F(U64, core_run, main_ready), F(U64, core_run, ready),	   F(U64, core_run, stopping), F(U64, core_run, gone),
	F(BOOL, core_run, failed),   F(U32, core_run, failed_kind),
};
static const struct wire_schema run_schema = WIRE_SCHEMA("run", run_fields);

/* -- writing --------------------------------------------------------------------- */

static void
put_held(struct strbuf *b, const struct trigger *t)
{
	int n = t->cond != NULL ? t->cond->n_leaves : 0;

	wire_put_array(b, (size_t) n);
	for (int i = 0; i < n; i++)
		wire_put_uint(b, t->held[i]);
}

static void
put_job(struct strbuf *b, const struct job *job)
{
	struct job flat = *job;

	if (job->family != NULL && family_pack(job->family, &flat.family_words) < 0)
		b->failed = true;
	wire_put_array(b, 4);
	wire_put_struct(b, &job_schema, &flat);
	u64v_deinit(&flat.family_words);
	wire_put_uint(b, job->cls->id);
	put_held(b, &job->stop);
	wire_put_array(b, PROCESS_KIND_COUNT);
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		wire_put_array(b, 3);
		wire_put_uint(b, job->process[i].id);
		wire_put_int(b, job->process[i].pid);
		wire_put_bool(b, job->process[i].exec_done);
	}
}

static void
put_slot(struct strbuf *b, const struct slot *slot)
{
	const struct ended *ended;
	const struct past *past;
	const struct pace *pace;
	const struct want *want;
	const struct job *job;
	size_t n = 0;

	DL_FOREACH(slot->jobs, job)
		n++;
	wire_put_array(b, SLOT_PARTS);
	wire_put_struct(b, &slot_schema, slot);
	wire_put_uint(b, slot->cls->id);
	wire_put_uint(b, slot->successor != NULL ? slot->successor->id : 0);
	put_held(b, &slot->start);
	wire_put_array(b, n);
	DL_FOREACH(slot->jobs, job)
		put_job(b, job);
	n = 0;
	DL_FOREACH(slot->wants, want)
		n++;
	wire_put_array(b, n);
	DL_FOREACH(slot->wants, want)
		wire_put_struct(b, &want_schema, want);
	wire_put_array(b, slot->n_ended);
	DL_FOREACH(slot->ended, ended)
		wire_put_struct(b, &ended_schema, ended);
	wire_put_array(b, slot->n_pasts);
	DL_FOREACH(slot->pasts, past)
		wire_put_struct(b, &past_schema, past);
	wire_put_array(b, slot->n_paces);
	DL_FOREACH(slot->paces, pace)
		wire_put_struct(b, &pace_schema, pace);
}

static void
put_runs(struct strbuf *b, const struct core *core)
{
	const struct core_run *run;

	wire_put_array(b, core->n_runs);
	DL_FOREACH(core->runs, run)
		wire_put_struct(b, &run_schema, run);
}

void
core_save(const struct core *core, struct strbuf *b)
{
	const struct slot *slot;
	const struct event *event;
	const struct token *t;
	const struct fdref *ref;
	const struct effect *e;
	size_t n = 0;

	wire_put_array(b, SAVE_PARTS);
	wire_put_uint(b, SAVE_VERSION);
	wire_put_struct(b, &core_schema, core);
	wire_put_strv(b, core->job_env);
	DL_FOREACH(core->slots, slot)
		n++;
	wire_put_array(b, n);
	DL_FOREACH(core->slots, slot)
		put_slot(b, slot);
	n = 0;
	DL_FOREACH(core->events, event)
		n++;
	wire_put_array(b, n);
	DL_FOREACH(core->events, event)
		wire_put_struct(b, &event_schema, event);
	n = 0;
	DL_FOREACH(core->tokens, t)
		n++;
	wire_put_array(b, n + core->n_answers);
	DL_FOREACH(core->tokens, t)
		wire_put_struct(b, &token_schema, t);
	DL_FOREACH(core->answers, t)
		wire_put_struct(b, &token_schema, t);
	n = 0;
	DL_FOREACH(core->fds, ref)
		n++;
	wire_put_array(b, 2 * n);
	DL_FOREACH(core->fds, ref) {
		wire_put_uint(b, ref->fd);
		wire_put_uint(b, ref->refs);
	}
	wire_put_array(b, core->outbox_count);
	DL_FOREACH(core->outbox, e)
		effect_pack(b, e);
	foreign_put(b, core);
	put_runs(b, core);
}

/* -- reading --------------------------------------------------------------------- */

static struct job_class *
resolve(const struct core *core, uint64_t id)
{
	return id != 0 && core->config.resolve != NULL ? core->config.resolve(id, core->config.resolve_data) : NULL;
}

/* The events leaves held; ids that name no event are dropped by link(). */
static void
get_held(struct wire_in *in, struct trigger *t)
{
	size_t n = wire_get_array(in);

	for (size_t i = 0; i < n && !in->bad; i++) {
		uint64_t id = wire_get_uint(in);

		if (t != NULL && t->cond != NULL && i < (size_t) t->cond->n_leaves)
			t->held[i] = id;
	}
}

static int
get_processes(struct core *core, struct wire_in *in, struct job *job)
{
	size_t n = wire_get_array(in);

	for (size_t i = 0; i < n && !in->bad; i++) {
		struct process p = { 0 };

		if (wire_get_array(in) != 3)
			return -EBADMSG;
		p.id = wire_get_uint(in);
		p.pid = (int32_t) wire_get_int(in);
		p.exec_done = wire_get_bool(in);
		if (in->bad || i >= PROCESS_KIND_COUNT || p.id == 0)
			continue;
		job->process[i] = p;
		if (map_put_id(&core->process_to_job, p.id, job) < 0 ||
		    (p.pid > 0 && map_put_id(&core->pid_to_process, (uint64_t) p.pid, job) < 0))
			return -ENOMEM;
		if (p.pid == 0)
			core->spawns_open++;
	}
	return 0;
}

/* A job as it was read, not linked to anything yet. */
static void
discard_job(struct core *core, struct job *job)
{
	trigger_deinit(core, &job->stop);
	job->cls = job_class_unref(job->cls);
	wire_free_struct(&job_schema, job);
	free(job);
}

/* A quarantined one listens to nothing. */
static const struct condition *
stop_on(const struct job *job)
{
	return job->quarantine == NULL ? job->cls->stop_on : NULL;
}

static int
get_job(struct core *core, struct wire_in *in, struct slot *slot)
{
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (job == NULL)
		return -ENOMEM;
	r = wire_get_array(in) == 4 ? wire_get_struct(in, &job_schema, job) : -EBADMSG;
	if (r == 0 && (job->name == NULL || job->id == 0 || job->state >= JOB_STATE_COUNT || job->goal >= JOB_GOAL_COUNT))
		r = -EBADMSG;
	if (r == 0) {
		job->slot = slot;
		job->cls = resolve(core, wire_get_uint(in));
		/* A definition that can't be read any more: it goes on by that of its job now. */
		if (job->cls == NULL)
			job->cls = job_class_ref(slot->cls);
		r = job->cls == NULL ? -EBADMSG : trigger_init(core, &job->stop, stop_on(job), slot, job);
	}
	if (r == 0) {
		get_held(in, &job->stop);
		r = in->bad ? -EBADMSG : 0;
	}
	if (r < 0) {
		discard_job(core, job);
		return r;
	}
	job_live(core, job);
	if (map_put(&slot->by_name, job->name, job) < 0 || map_put_id(&core->jobs_by_id, job->id, job) < 0 ||
	    (job->kill_timer != 0 && map_put_id(&core->timer_to_job, job->kill_timer, job) < 0) ||
	    (job->rest_timer != 0 && map_put_id(&core->timer_to_job, job->rest_timer, job) < 0) ||
	    (job->ready_timer != 0 && map_put_id(&core->timer_to_job, job->ready_timer, job) < 0) ||
	    (job->holds_timer != 0 && map_put_id(&core->timer_to_job, job->holds_timer, job) < 0) ||
	    (job->watchdog_timer != 0 && map_put_id(&core->timer_to_job, job->watchdog_timer, job) < 0))
		return -ENOMEM;
	r = get_processes(core, in, job);
	return r < 0 ? r : track_restore(core, job);
}

static int
get_want(struct core *core, struct wire_in *in, struct slot *slot)
{
	struct want flat = { 0 }, *want;
	int r = wire_get_struct(in, &want_schema, &flat);

	if (r == 0 && (flat.name == NULL || want_get(slot, flat.name) != NULL))
		r = -EBADMSG;
	want = r == 0 ? want_make(core, slot, flat.name) : NULL;
	if (want == NULL) {
		wire_free_struct(&want_schema, &flat);
		return r < 0 ? r : -ENOMEM;
	}
	flat.prev = want->prev;
	flat.next = want->next;
	free(want->name);
	*want = flat;
	await_restore(core, want);
	return 0;
}

static int
get_ended(struct wire_in *in, struct slot *slot)
{
	struct ended *ended = calloc(1, sizeof(*ended));
	int r;

	if (ended == NULL)
		return -ENOMEM;
	r = wire_get_struct(in, &ended_schema, ended);
	if (r == 0 && ended->name == NULL)
		r = -EBADMSG;
	if (r < 0) {
		wire_free_struct(&ended_schema, ended);
		free(ended);
		return r;
	}
	DL_APPEND(slot->ended, ended);
	slot->n_ended++;
	return 0;
}

static int
get_past(struct wire_in *in, struct slot *slot)
{
	struct past *past = calloc(1, sizeof(*past));
	int r;

	if (past == NULL)
		return -ENOMEM;
	r = wire_get_struct(in, &past_schema, past);
	if (r == 0 && past->name == NULL)
		r = -EBADMSG;
	if (r < 0) {
		wire_free_struct(&past_schema, past);
		free(past);
		return r;
	}
	DL_APPEND(slot->pasts, past);
	slot->n_pasts++;
	return 0;
}

static int
get_pace(struct core *core, struct wire_in *in, struct slot *slot)
{
	struct pace flat = { 0 }, *pace = NULL;
	int r = wire_get_struct(in, &pace_schema, &flat);
	const struct pace *there = flat.name != NULL ? map_get(&slot->paces_by_name, flat.name)
						     : map_get_id(&slot->paces_by_root, flat.last.root);

	if (r == 0 && there == NULL)
		pace = pace_make(core, slot, flat.name, flat.last.root);
	if (pace != NULL) {
		pace->last = flat.last;
		pace->started = flat.started;
		pace->most = flat.most;
		pace->rounds = flat.rounds;
	}
	wire_free_struct(&pace_schema, &flat);
	if (r < 0)
		return r;
	return pace != NULL ? 0 : there != NULL ? -EBADMSG : -ENOMEM;
}

/* What a slot has behind its jobs; `parts` of them are there. */
static int
get_following(struct core *core, struct wire_in *in, struct slot *slot, size_t parts)
{
	size_t n = parts > 0 ? wire_get_array(in) : 0;
	int r = 0;

	for (; n > 0 && r == 0 && !in->bad; n--)
		r = get_want(core, in, slot);
	n = r == 0 && parts > 1 ? wire_get_array(in) : 0;
	for (; n > 0 && r == 0 && !in->bad; n--)
		r = get_ended(in, slot);
	n = r == 0 && parts > 2 ? wire_get_array(in) : 0;
	for (; n > 0 && r == 0 && !in->bad; n--)
		r = get_past(in, slot);
	n = r == 0 && parts > 3 ? wire_get_array(in) : 0;
	for (; n > 0 && r == 0 && !in->bad; n--)
		r = get_pace(core, in, slot);
	for (; parts > 4 && r == 0 && !in->bad; parts--)
		wire_skip(in);
	return r;
}

static int
get_slot(struct core *core, struct wire_in *in)
{
	struct slot flat = { 0 }, *slot = NULL;
	uint64_t class_id, successor;
	size_t n, parts = wire_get_array(in);
	int r = parts >= SLOT_PARTS_MIN ? wire_get_struct(in, &slot_schema, &flat) : -EBADMSG;

	if (r == 0 && (flat.name == NULL || slot_get(core, flat.name) != NULL))
		r = -EBADMSG;
	if (r == 0)
		slot = slot_make(core, flat.name);
	free(flat.name);
	if (slot == NULL) {
		u64v_deinit(&flat.look_events);
		return r < 0 ? r : -ENOMEM;
	}
	slot->order = flat.order;
	slot->has_successor = flat.has_successor;
	slot->look_cause = flat.look_cause;
	slot->look_lineage = flat.look_lineage;
	slot->look_run = flat.look_run;
	slot->wants_kept = flat.wants_kept;
	slot->nameless = flat.nameless;
	slot->look_events = flat.look_events;
	class_id = wire_get_uint(in);
	successor = wire_get_uint(in);
	slot->cls = resolve(core, class_id);
	slot->successor = resolve(core, successor);
	if (in->bad)
		return -EBADMSG;
	if (slot->cls == NULL && slot->successor != NULL)
		slot->cls = job_class_ref(slot->successor);
	if (slot->cls == NULL) { /* a definition that can't be read any more: only what hangs from it is lost */
		slot_free(core, slot);
		for (n = 3; n < parts && !in->bad; n++)
			wire_skip(in);
		return in->bad ? -EBADMSG : 0;
	}
	r = trigger_init(core, &slot->start, slot->cls->start_on, slot, NULL);
	if (r < 0)
		return r;
	get_held(in, &slot->start);
	n = wire_get_array(in);
	for (; n > 0 && r == 0 && !in->bad; n--)
		r = get_job(core, in, slot);
	if (r == 0 && !in->bad)
		r = follow_restore(core, slot, &flat);
	if (r == 0 && !in->bad)
		r = get_following(core, in, slot, parts - SLOT_PARTS_MIN);
	return r == 0 && in->bad ? -EBADMSG : r; /* out of memory in the middle it looks bad as well */
}

static int
get_event(struct core *core, struct wire_in *in)
{
	struct event *event = calloc(1, sizeof(*event));
	int r;

	if (event == NULL)
		return -ENOMEM;
	r = wire_get_struct(in, &event_schema, event);
	if (r == 0 && (event->name == NULL || event->id == 0 || event_get(core, event->id) != NULL))
		r = -EBADMSG;
	if (r == 0)
		r = map_put_id(&core->events_by_id, event->id, event);
	if (r < 0) {
		wire_free_struct(&event_schema, event);
		free(event);
		return r;
	}
	DL_APPEND(core->events, event);
	return 0;
}

static int
get_token(struct core *core, struct wire_in *in)
{
	struct token *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return -ENOMEM;
	r = wire_get_struct(in, &token_schema, t);
	if (r == 0 && (t->name == NULL || t->id == 0))
		r = -EBADMSG;
	if (r < 0) {
		wire_free_struct(&token_schema, t);
		free(t);
		return r;
	}
	if (t->done) {
		DL_APPEND(core->answers, t);
		core->n_answers++;
	} else {
		DL_APPEND(core->tokens, t);
	}
	if (map_put(&core->tokens_by_name, t->name, t) < 0 || map_put_id(&core->tokens_by_id, t->id, t) < 0)
		return -ENOMEM;
	return 0;
}

static int
get_fds(struct core *core, struct wire_in *in)
{
	size_t n = wire_get_array(in) / 2;

	for (; n > 0 && !in->bad; n--) {
		struct fdref *ref = calloc(1, sizeof(*ref));

		if (ref == NULL)
			return -ENOMEM;
		ref->fd = wire_get_uint(in);
		ref->refs = (uint32_t) wire_get_uint(in);
		DL_APPEND(core->fds, ref);
	}
	return in->bad ? -EBADMSG : 0;
}

static int
get_outbox(struct core *core, struct wire_in *in)
{
	size_t n = wire_get_array(in);

	for (; n > 0 && !in->bad; n--) {
		struct effect *e = calloc(1, sizeof(*e));
		int r;

		if (e == NULL)
			return -ENOMEM;
		r = effect_unpack(in, e);
		if (r < 0) {
			free(e);
			return r;
		}
		if (e->type == EFFECT_SPAWN && map_get_id(&core->process_to_job, e->spawn.process) == NULL) {
			effect_free(e); /* nobody is left who would know what it is */
			free(e);
			continue;
		}
		outbox_append(core, e);
		if (e->type == EFFECT_SPAWN) {
			struct job *job = map_get_id(&core->process_to_job, e->spawn.process);

			for (size_t i = 0; job != NULL && i < PROCESS_KIND_COUNT; i++)
				if (job->process[i].id == e->spawn.process)
					job->process[i].asked = e;
		}
	}
	return in->bad ? -EBADMSG : 0;
}

static int
get_runs(struct core *core, struct wire_in *in)
{
	size_t n = wire_get_array(in);
	int r = 0;

	for (; n > 0 && r == 0 && !in->bad; n--) {
		struct core_run *run = calloc(1, sizeof(*run));

		if (run == NULL)
			return -ENOMEM;
		r = wire_get_struct(in, &run_schema, run);
		if (r == 0 && (run->job == NULL || run->instance == NULL || run->number == 0 || run->why >= CORE_RUN_WHY_COUNT ||
			       map_get_id(&core->runs_by_id, run->number) != NULL))
			r = -EBADMSG;
		if (r == 0)
			r = history_add(core, run);
		if (r < 0)
			(void) run_free(run);
	}
	return r == 0 && in->bad ? -EBADMSG : r; /* out of memory in the middle it looks bad as well */
}

/* Count who blocks what; drop links to what is not there. */
static void
link_trigger(struct core *core, struct trigger *t)
{
	for (int i = 0; t->cond != NULL && i < t->cond->n_leaves; i++) {
		struct event *event = event_get(core, t->held[i]);

		if (event != NULL)
			event_block(event);
		else
			t->held[i] = 0;
	}
}

/* They were read by slots. */
static int
older_first(const struct job *a, const struct job *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static void
link_all(struct core *core)
{
	struct slot *slot;
	struct job *job;
	struct event *event;

	DL_FOREACH(core->slots, slot) {
		link_trigger(core, &slot->start);
		DL_FOREACH(slot->jobs, job) {
			link_trigger(core, &job->stop);
			for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS) {
				event = (job->waiters.p[i] & 0xff) == WAITER_REQUEST ? NULL : event_get(core, job->waiters.p[i + 1]);
				if (event != NULL)
					event_block_for(core, event, job->id);
			}
		}
	}
	DL_FOREACH(core->events, event) {
		if (job_get(core, event->job) == NULL)
			event->job = 0;
		if (event->progress == EVENT_PENDING || event->blockers == 0)
			event_ready(core, event);
	}
}

/* Nothing was counted yet: what is thrown away in the middle of loading must not be counted down. */
static void
unlink_all(struct core *core)
{
	struct slot *slot;
	struct job *job;

	DL_FOREACH(core->slots, slot) {
		for (int i = 0; slot->start.cond != NULL && i < slot->start.cond->n_leaves; i++)
			slot->start.held[i] = 0;
		DL_FOREACH(slot->jobs, job)
			for (int i = 0; job->stop.cond != NULL && i < job->stop.cond->n_leaves; i++)
				job->stop.held[i] = 0;
	}
}

static int
get_all(struct core *core, struct wire_in *in)
{
	static int (*const lists[])(struct core *core, struct wire_in *in) = { get_slot, get_event, get_token };
	char **job_env = NULL;
	uint64_t last_order;
	size_t parts = wire_get_array(in);
	int r;

	core->log_level = 0; /* zero is not written */
	if (parts < SAVE_PARTS_MIN || wire_get_uint(in) != SAVE_VERSION)
		return -EBADMSG;
	r = wire_get_struct(in, &core_schema, core);
	if (r < 0)
		return r;
	r = wire_get_strv(in, &job_env);
	if (r < 0)
		return r;
	core->job_env = strv_free(core->job_env);
	core->job_env = job_env;
	last_order = core->last_order;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		size_t n = wire_get_array(in);

		for (; n > 0 && r == 0 && !in->bad; n--)
			r = lists[i](core, in);
		if (r < 0 || in->bad)
			return r < 0 ? r : -EBADMSG;
	}
	core->last_order = last_order; /* making the slots counted on */
	r = get_fds(core, in);
	if (r == 0)
		r = get_outbox(core, in);
	if (r == 0 && parts > SAVE_PARTS_MIN)
		r = foreign_get(core, in);
	if (r == 0 && parts > SAVE_PARTS_MIN + 1)
		r = get_runs(core, in);
	/* What a newer release has besides is left out. */
	for (; r == 0 && parts > SAVE_PARTS && !in->bad; parts--)
		wire_skip(in);
	return r == 0 && in->bad ? -EBADMSG : r;
}

int
core_load(const void *p, size_t n, const struct core_config *config, struct core **made)
{
	struct core *core = core_new(config);
	struct wire_in in;
	int r;

	*made = NULL;
	if (core == NULL)
		return -ENOMEM;
	wire_in_init(&in, p, n);
	r = get_all(core, &in);
	if (r < 0) {
		unlink_all(core);
		(void) core_free(core);
		return r;
	}
	DL_SORT2(core->live, older_first, live_prev, live_next);
	link_all(core);
	if (core->oom) {
		(void) core_free(core);
		return -ENOMEM;
	}
	*made = core;
	return 0;
}
