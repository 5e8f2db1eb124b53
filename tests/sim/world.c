/* SPDX-License-Identifier: MIT */
/*
 * The frame of a simulated world: making it, applying inputs to core and twin, and the checks that look at the whole.
 * What effects do is in effects.c, what happens by chance in driver.c.
 */
#include "world.h"

#include "init/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

static char *own_env[] = { (char *) "OWN=of init", (char *) "PATH=/bin", NULL };
static char *job_env[] = { (char *) "PATH=/bin", (char *) "TERM=linux", NULL };

void
world_fault(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (w->fault != NULL)
		return;
	va_start(args, fmt);
	if (vasprintf(&w->fault, fmt, args) < 0)
		w->fault = strdup("out of memory");
	va_end(args);
}

static uint64_t
hash(uint64_t h, const struct strbuf *b)
{
	for (size_t i = 0; i < b->len; i++)
		h = (h ^ (unsigned char) b->p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* -- a recording ------------------------------------------------------------------------- */

static int
begin_record(struct world *w)
{
	int r = record_open(w->options.record, false, &w->record);

	w->recorded = definitions_new();
	return r < 0 || w->recorded == NULL ? -1 : record_config(w->record, &w->config);
}

void
world_record_definition(struct world *w, uint64_t id)
{
	struct definition_text text = { .path = (char *) "sim" };
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct job_class *cls;
	uint64_t number = 0;

	if (w->record == NULL)
		return;
	text.name = (char *) (uintptr_t) store_get(&w->store, id)->name;
	text.text = w->store.all[id - 1].text;
	cls = store_parse(text.name, text.text);
	if (cls == NULL || definitions_add(w->recorded, &text, cls, &number) < 0 || number != id ||
	    definitions_payload(w->recorded, id, &b) < 0 ||
	    journal_append(w->record, RECORD_DEFINITION, &b, false, NULL) < 0)
		world_fault(w, "a definition can't be recorded");
}

/* -- the frame ----------------------------------------------------------------------------- */

/* Most worlds are small, so that there are many; some are as large as may be. */
static unsigned
size_limit(struct world *w)
{
	unsigned percent = rng_below(&w->rng, 100), most = w->options.max_jobs;

	if (percent < 90 && most > 6)
		return 6;
	return percent < 99 && most > 30 ? 30 : most;
}

bool
world_init(struct world *w, const struct world_options *options, struct totals *totals)
{
	*w = (struct world) { .options = *options, .totals = totals, .effects_hash = FNV_START };
	w->rng.state = options->seed;
	w->plan.n_jobs = 1 + rng_below(&w->rng, size_limit(w));
	if (w->plan.n_jobs > totals->largest)
		totals->largest = w->plan.n_jobs;
	w->plan.loops = rng_chance(&w->rng, 5);
	w->plan.condemns = rng_chance(&w->rng, 25);
	w->session = rng_chance(&w->rng, 40);
	w->untraced = rng_chance(&w->rng, 15);
	w->now = rng_next(&w->rng) % (USEC_PER_SEC * 1000);
	w->last_pid = 100;
	w->config = (struct core_config) {
		.own_env = own_env,
		.job_env = job_env,
		.session_address = w->session ? (char *) "unix:abstract=/sim" : NULL,
		.log_level = (int32_t) rng_below(&w->rng, 3),
		.policies = rng_chance(&w->rng, 20) ? rng_below(&w->rng, 16) : 0,
		.awake = rng_chance(&w->rng, 80),
		.resolve = store_resolve,
		.resolve_data = &w->store,
	};
	w->core = core_new(&w->config);
	w->twin = core_new(&w->config);
	if (options->record != NULL && begin_record(w) < 0)
		return false;
	return w->core != NULL && w->twin != NULL;
}

static void
proc_deinit(struct proc *p)
{
	free(p->job);
	free(p->instance);
}

void
world_deinit(struct world *w)
{
	w->core = core_free(w->core);
	w->twin = core_free(w->twin);
	for (size_t i = 0; i < w->n_procs; i++)
		proc_deinit(&w->procs[i]);
	for (size_t i = 0; i < w->n_shadows; i++) {
		free(w->shadows[i].job);
		free(w->shadows[i].instance);
	}
	free(w->pending);
	free(w->procs);
	free(w->timers);
	free(w->requests);
	free(w->fds);
	free(w->shadows);
	free(w->fault);
	strbuf_deinit(&w->journal);
	(void) journal_free(w->record);
	(void) definitions_free(w->recorded);
	store_deinit(&w->store);
}

struct proc *
world_proc_by_pid(struct world *w, int32_t pid)
{
	for (size_t i = 0; i < w->n_procs; i++)
		if ((w->procs[i].pid == pid && !w->procs[i].reaped) || kin_by_pid(&w->procs[i], pid) != NULL)
			return &w->procs[i];
	return NULL;
}

int32_t
world_new_pid(struct world *w)
{
	int32_t pid;

	/* Few numbers, so that they come again. */
	do
		pid = 100 + (++w->last_pid - 100) % (80 + 8 * (int32_t) w->plan.n_jobs);
	while (world_proc_by_pid(w, pid) != NULL);
	return pid;
}

/* Drop the processes that both sides are done with. */
void
world_forget_procs(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_procs; i++) {
		struct proc *p = &w->procs[i];

		if (p->ended && (p->pid == 0 || p->reaped))
			proc_deinit(p);
		else
			w->procs[kept++] = *p;
	}
	w->n_procs = kept;
}

/* -- applying --------------------------------------------------------------------------- */

void
world_carried_out(struct world *w, enum effect_target target, uint64_t process, uint64_t upto)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_pending; i++) {
		const struct pending *p = &w->pending[i];

		if (p->target != target || p->process != process || p->id > upto)
			w->pending[kept++] = *p;
	}
	w->n_pending = kept;
}

static void
note_pending(struct world *w, const struct effect *e)
{
	struct pending *grown = realloc(w->pending, (w->n_pending + 1) * sizeof(*grown));

	if (grown == NULL) {
		world_fault(w, "out of memory");
		return;
	}
	w->pending = grown;
	w->pending[w->n_pending++] =
	    (struct pending) { e->id, e->type == EFFECT_SPAWN ? e->spawn.process : 0, effect_target_of(e->type) };
}

/* The next effect of both cores is the same; takes it. */
static bool
take_one(struct world *w, const struct effect *e, const struct effect *twin)
{
	auto_strbuf struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

	if (e->id <= w->seen)
		world_fault(w, "effect %llu comes after %llu", (unsigned long long) e->id,
			    (unsigned long long) w->seen);
	if (e->id > core_last_effect(w->core))
		world_fault(w, "effect %llu is later than the last", (unsigned long long) e->id);
	w->seen = e->id;
	effect_pack(&a, e);
	w->effects_hash = hash(w->effects_hash, &a);
	if (w->options.print)
		print_packed("  ->", effect_type_name(e->type), &a);
	if (twin == NULL) {
		world_fault(w, "the twin lacks effect %s", effect_type_name(e->type));
		return false;
	}
	effect_pack(&b, twin);
	if (a.len != b.len || memcmp(a.p, b.p, a.len) != 0) {
		if (w->options.print)
			print_packed("  -> TWIN", effect_type_name(twin->type), &b);
		world_fault(w, "the twin has another effect: %s, not %s", effect_type_name(twin->type),
			    effect_type_name(e->type));
		return false;
	}
	w->totals->effects++;
	w->totals->made[e->type]++;
	w->taken[effect_target_of(e->type)] = e->id;
	note_pending(w, e);
	world_take(w, e);
	return true;
}

static void
take_effects(struct world *w)
{
	uint64_t since = w->seen;
	const struct effect *e = core_outbox(w->core, since);
	const struct effect *twin = core_outbox(w->twin, since);

	for (; e != NULL; e = e->next) {
		if (!take_one(w, e, twin))
			return;
		twin = twin->next;
	}
	if (twin != NULL)
		world_fault(w, "the twin has one effect more: %s", effect_type_name(twin->type));
	if (core_last_effect(w->core) != core_last_effect(w->twin))
		world_fault(w, "core and twin count effects differently");
}

/* The twin gets the input as it comes out of a journal. */
static int
apply_to_twin(struct world *w, const struct strbuf *packed)
{
	struct input in;
	struct wire_in from;
	int r;

	wire_in_init(&from, packed->p, packed->len);
	if (input_unpack(&from, &in) < 0 || from.p != from.end) {
		world_fault(w, "a packed input does not unpack");
		return -EBADMSG;
	}
	r = core_apply(w->twin, &in);
	input_free(&in);
	return r;
}

/* After each input, but for large worlds: that would take most of the time. */
static bool
is_time_to_check(const struct world *w)
{
	return w->plan.n_jobs <= 16 || w->steps % 16 == 0;
}

int
world_apply(struct world *w, struct input *in)
{
	auto_strbuf struct strbuf packed = STRBUF_INIT;
	uint64_t seq = core_seq(w->core);
	char why[256];
	int r, twin;

	in->now = w->now;
	input_pack(&packed, in);
	strbuf_addn(&w->journal, packed.p, packed.len);
	if (w->options.print)
		print_packed(">", input_type_name(in->type), &packed);
	w->steps++;
	w->totals->steps++;
	w->totals->inputs[in->type]++;
	/* Before it is applied: if that crashes, the recording ends with it. */
	if (w->record != NULL && record_input(w->record, in, 0, 0) < 0)
		world_fault(w, "an input can't be recorded");
	r = core_apply(w->core, in);
	if (w->record != NULL && record_effects(w->record, w->core, w->seen) < 0)
		world_fault(w, "effects can't be recorded");
	if (w->options.print && r < 0)
		(void) printf("  = %s\n", strerror(-r));
	twin = apply_to_twin(w, &packed);
	if (r != twin)
		world_fault(w, "the input gives %d, and %d in the twin", r, twin);
	if (r != 0 && r != -EINVAL)
		world_fault(w, "core_apply() returns %d", r);
	if (in->seq != seq + 1 || core_seq(w->core) != seq + 1)
		world_fault(w, "input %llu got number %llu", (unsigned long long) seq + 1,
			    (unsigned long long) in->seq);
	take_effects(w);
	if (w->fault == NULL && w->options.checks && is_time_to_check(w) && core_check(w->core, why, sizeof(why)) < 0)
		world_fault(w, "core_check: %s", why);
	if (w->steps == w->options.fault_at)
		world_fault(w, "as asked for");
	return r;
}

/* -- snapshot and replay --------------------------------------------------------------------- */

void
world_check_snapshot(struct world *w)
{
	auto_strbuf struct strbuf first = STRBUF_INIT, second = STRBUF_INIT, twin = STRBUF_INIT;
	struct core *loaded = NULL;
	int r;

	core_save(w->core, &first);
	core_save(w->twin, &twin);
	if (first.len != twin.len || memcmp(first.p, twin.p, first.len) != 0)
		world_fault(w, "core and twin save different bytes");
	r = core_load(first.p, first.len, &w->config, &loaded);
	if (r < 0) {
		world_fault(w, "core_load() of what core_save() wrote gives %d", r);
		return;
	}
	core_save(loaded, &second);
	if (first.len != second.len || memcmp(first.p, second.p, first.len) != 0) {
		if (w->options.print) {
			print_packed("SAVED", "", &first);
			print_packed("AGAIN", "", &second);
		}
		world_fault(w, "save, load, save gives different bytes");
	}
	w->totals->snapshots++;
	if (rng_chance(&w->rng, 50)) {
		(void) core_free(w->twin);
		w->twin = loaded;
	} else {
		(void) core_free(w->core);
		w->core = loaded;
	}
}

void
world_check_replay(struct world *w)
{
	struct core *core = core_new(&w->config);
	uint64_t h = FNV_START, seen = 0;
	struct wire_in in;

	if (core == NULL || w->journal.failed)
		world_fault(w, "out of memory");
	wire_in_init(&in, w->journal.p, w->journal.len);
	while (w->fault == NULL && in.p < in.end) {
		struct input input;

		if (input_unpack(&in, &input) < 0) {
			world_fault(w, "the journal does not read back");
			break;
		}
		(void) !core_apply(core, &input);
		input_free(&input);
		for (const struct effect *e = core_outbox(core, seen); e != NULL; e = e->next) {
			auto_strbuf struct strbuf packed = STRBUF_INIT;

			effect_pack(&packed, e);
			h = hash(h, &packed);
			seen = e->id;
		}
	}
	if (h != w->effects_hash)
		world_fault(w, "a replay from the start gives other effects");
	w->totals->replays++;
	(void) core_free(core);
}

/* -- what the snapshot says --------------------------------------------------------------------- */

static bool
is_in(const struct u64v *v, uint64_t value)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] == value)
			return true;
	return false;
}

/* Everybody who was not answered yet is written down, and nobody else. */
static void
check_requests(struct world *w, const struct snap *snap)
{
	for (size_t i = 0; i < snap->requests.n; i++) {
		uint64_t id = snap->requests.p[i];

		if (id >= w->n_requests || w->requests[id] != REQUEST_PENDING)
			world_fault(w, "the core waits to answer request %llu, which does not wait",
				    (unsigned long long) id);
		for (size_t k = 0; k < i; k++)
			if (snap->requests.p[k] == id)
				world_fault(w, "request %llu will be answered twice", (unsigned long long) id);
	}
	for (size_t id = 1; id < w->n_requests; id++)
		if (w->requests[id] == REQUEST_PENDING && !is_in(&snap->requests, id))
			world_fault(w, "request %zu will never be answered", id);
}

static void
check_fds(struct world *w, const struct snap *snap)
{
	for (size_t i = 0; i < snap->fds.n; i++)
		if (snap->fds.p[i] >= w->n_fds || w->fds[snap->fds.p[i]] != FD_OPEN)
			world_fault(w, "the core holds descriptor %llu, which is closed",
				    (unsigned long long) snap->fds.p[i]);
	for (size_t id = 1; id < w->n_fds; id++)
		if (w->fds[id] == FD_OPEN && !is_in(&snap->fds, id))
			world_fault(w, "descriptor %zu will never be closed", id);
}

/* The core waits for the timers that run, and for no others. */
static void
check_timers(struct world *w, const struct snap *snap)
{
	if (snap->timers.n != w->n_timers)
		world_fault(w, "%zu timers run, and the core waits for %zu", w->n_timers, snap->timers.n);
	for (size_t i = 0; i < w->n_timers; i++)
		if (!is_in(&snap->timers, w->timers[i].id))
			world_fault(w, "a timer runs that the core does not wait for");
}

static void
check_events(struct world *w, const struct snap *snap)
{
	for (size_t i = 0; i < snap->n_events; i++) {
		const struct snap_event *event = &snap->events[i];

		if (!snap_event_is_held(snap, event->id) && event->progress != 0)
			world_fault(w, "event %s is blocked by nobody", event->name);
		if (event->job != 0 && snap_job(snap, event->job) == NULL)
			world_fault(w, "event %s blocks a job that is gone", event->name);
	}
	for (size_t i = 0; i < snap->n_trees; i++)
		for (size_t k = 0; k < snap->trees[i].held.n; k++)
			if (snap->trees[i].held.p[k] != 0 && snap_event(snap, snap->trees[i].held.p[k]) == NULL)
				world_fault(w, "a condition holds event %llu, which is gone",
					    (unsigned long long) snap->trees[i].held.p[k]);
}

static bool
read_snapshot(struct world *w, struct snap *snap)
{
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	int r;

	core_save(w->core, &saved);
	r = snap_read(snap, saved.p, saved.len);
	if (r < 0)
		world_fault(w, "the snapshot is not of the form written down: %d", r);
	return r == 0;
}

/* -- looking at all instances ----------------------------------------------------------------------- */

typedef void (*instance_fn)(struct world *w, const struct core_instance *view, void *data);

static void
each_instance(struct world *w, instance_fn fn, void *data)
{
	auto_strv char **names = core_class_names(w->core);

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		auto_strv char **instances = core_instance_names(w->core, names[i]);

		for (size_t k = 0; instances != NULL && instances[k] != NULL; k++) {
			struct core_instance view;

			if (core_instance(w->core, names[i], instances[k], &view) < 0)
				world_fault(w, "%s (%s) is listed and not found", names[i], instances[k]);
			else
				fn(w, &view, data);
		}
	}
}

static struct proc *
proc_by_id(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_procs; i++)
		if (w->procs[i].id == id)
			return &w->procs[i];
	return NULL;
}

static void
check_processes(struct world *w, const struct core_instance *view)
{
	bool settling = false;

	for (size_t i = 0; i < view->n_processes; i++) {
		const struct core_process *p = &view->processes[i];
		const struct proc *known = proc_by_id(w, p->process);

		settling = settling || p->pid == 0;
		if (known == NULL || known->ended) {
			world_fault(w, "%s has a process that was never asked for, or is over", view->job);
			continue;
		}
		if (strcmp(known->job, view->job) != 0 || strcmp(known->instance, view->name) != 0 ||
		    known->kind != p->kind)
			world_fault(w, "process %llu belongs to somebody else", (unsigned long long) p->process);
		if (known->made && p->pid != known->head)
			world_fault(w, "%s: pid %d is told as %d", view->job, known->head, p->pid);
		if (p->pid != 0 && core_process_of_pid(w->core, p->pid) != p->process)
			world_fault(w, "pid %d is owned twice", p->pid);
		if (!core_process_is_live(w->core, p->process))
			world_fault(w, "process %llu is listed and not live", (unsigned long long) p->process);
	}
	if (settling != view->settling)
		world_fault(w, "%s: settling is %d", view->job, view->settling);
}

static void
check_shadow(struct world *w, const struct core_instance *view, void *data)
{
	size_t *seen = data;

	check_processes(w, view);
	(*seen)++;
	w->totals->states[view->state]++;
	if (!w->control)
		return;
	for (size_t i = 0; i < w->n_shadows; i++) {
		const struct shadow *s = &w->shadows[i];

		if (strcmp(s->job, view->job) != 0 || strcmp(s->instance, view->name) != 0)
			continue;
		if (s->goal != view->goal || s->state != view->state)
			world_fault(w, "%s (%s) is %s/%s, and clients were told %s/%s", view->job, view->name,
				    job_goal_name(view->goal), job_state_name(view->state), job_goal_name(s->goal),
				    job_state_name(s->state));
		return;
	}
	world_fault(w, "clients were not told of %s (%s)", view->job, view->name);
}

/* The outbox holds what was not acknowledged, no more and no less. */
static void
check_outbox(struct world *w)
{
	const struct effect *e = core_outbox(w->core, 0);
	struct core_counts counts;

	for (size_t i = 0; i < w->n_pending; i++, e = e->next) {
		if (e == NULL || e->id != w->pending[i].id) {
			world_fault(w, "effect %llu is not in the outbox any more", (unsigned long long) w->pending[i].id);
			return;
		}
	}
	if (e != NULL)
		world_fault(w, "effect %llu is still in the outbox", (unsigned long long) e->id);
	core_counts(w->core, &counts);
	if (counts.outbox != w->n_pending)
		world_fault(w, "%zu effects are counted, %zu are there", counts.outbox, w->n_pending);
}

void
world_check_views(struct world *w)
{
	struct core_counts counts;
	struct snap snap;
	size_t seen = 0;

	check_outbox(w);
	each_instance(w, check_shadow, &seen);
	core_counts(w->core, &counts);
	if (counts.instances != seen || (w->control && seen != w->n_shadows))
		world_fault(w, "%zu instances are listed, %zu counted, %zu told", seen, counts.instances, w->n_shadows);
	for (size_t i = 0; i < w->n_procs; i++)
		if (!w->procs[i].ended && !core_process_is_live(w->core, w->procs[i].id))
			world_fault(w, "process %llu was dropped without a word", (unsigned long long) w->procs[i].id);
	if (read_snapshot(w, &snap)) {
		check_requests(w, &snap);
		check_fds(w, &snap);
		check_events(w, &snap);
		check_timers(w, &snap);
		if (counts.events != snap.n_events)
			world_fault(w, "%zu events are counted, %zu saved", counts.events, snap.n_events);
	}
	snap_deinit(&snap);
}

static void
learn(struct world *w, const struct core_instance *view, void *data)
{
	struct shadow *grown = realloc(w->shadows, (w->n_shadows + 1) * sizeof(*grown));

	if (grown == NULL) {
		world_fault(w, "out of memory");
		return;
	}
	w->shadows = grown;
	w->shadows[w->n_shadows++] =
	    (struct shadow) { strdup(view->job), strdup(view->name), view->goal, view->state, false };
}

void
world_look(struct world *w)
{
	each_instance(w, learn, NULL);
}

/* -- rest ------------------------------------------------------------------------------------------- */

void
world_check_rest(struct world *w)
{
	struct snap snap;

	w->totals->rests++;
	if (w->n_timers > 0)
		world_fault(w, "a timer runs for nothing");
	if (!read_snapshot(w, &snap)) {
		snap_deinit(&snap);
		return;
	}
	for (size_t i = 0; i < snap.n_jobs; i++) {
		const struct snap_job *job = &snap.jobs[i];
		bool blocked = job->state == JOB_STARTING || job->state == JOB_STOPPING;

		if ((job->state == JOB_RUNNING && job->goal == GOAL_START) || job->quarantine != NULL)
			continue;
		if (!blocked || !snap_event_is_held(&snap, job->blocker))
			world_fault(w, "at rest, %s (%s) is %s/%s", job->slot, job->name, job_goal_name(job->goal),
				    job_state_name(job->state));
	}
	snap_deinit(&snap);
}

void
world_check_empty(struct world *w)
{
	struct core_counts counts;

	core_counts(w->core, &counts);
	if (counts.classes != 0 || counts.instances != 0 || counts.events != 0 || counts.requests != 0)
		world_fault(w, "at the end there are %zu classes, %zu instances, %zu events, %zu requests",
			    counts.classes, counts.instances, counts.events, counts.requests);
	for (size_t i = 1; i < w->n_fds; i++)
		if (w->fds[i] == FD_OPEN)
			world_fault(w, "descriptor %zu was not closed", i);
	for (size_t i = 1; i < w->n_requests; i++)
		if (w->requests[i] == REQUEST_PENDING)
			world_fault(w, "request %zu was not answered", i);
	if (w->n_timers > 0)
		world_fault(w, "a timer was left armed");
	for (size_t i = 0; i < w->n_procs; i++)
		if (!w->procs[i].ended)
			world_fault(w, "process %llu was never said to be over", (unsigned long long) w->procs[i].id);
	w->totals->emptied++;
}
