/* SPDX-License-Identifier: MIT */
/*
 * What happens in a simulated world, by chance: what users ask, what files change, how processes fare, in which
 * order answers come. A world lives a while, comes to rest now and then, and is emptied at its end.
 */
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/msg.h"

#define REST_LIMIT 20000 /* inputs within which every world without circles comes to rest */
#define EMPTY_ROUNDS 12

/*
 * Is it one that may be condemned here? Without those about definitions and clients the world would know other things than
 * the core.
 */
static bool
may_be_condemned(const struct input *in)
{
	return in->type != INPUT_DEFINE && in->type != INPUT_UNDEFINE && in->type != INPUT_CONTROL && in->type != INPUT_ACK &&
	       in->type != INPUT_SESSION_END && in->type != INPUT_SHUTDOWN;
}

/* Now and then init can't apply an input, and something safe takes its place. */
static void
condemn(struct world *w, struct input *in)
{
	struct input of = *in;

	if (!w->plan.condemns || w->calm || !may_be_condemned(in) || !chance(w, 2))
		return;
	if (input_substitute(&of, "it was condemned", chance(w, 20), in) < 0)
		world_fault(w, "out of memory");
	input_free(&of);
}

int
world_input(struct world *w, struct input *in)
{
	int r;

	condemn(w, in);
	r = world_apply(w, in);

	input_free(in);
	world_forget_procs(w);
	return r;
}

/* -- files ----------------------------------------------------------------------------------- */

static void
define(struct world *w, unsigned index)
{
	auto_strbuf struct strbuf text = STRBUF_INIT;
	struct input in = { .type = INPUT_DEFINE };
	char name[16];

	job_name(name, sizeof(name), index);
	job_write(&w->rng, &w->plan, index, &text);
	in.define.class_id = store_add(&w->store, name, text.p != NULL ? text.p : "");
	if (in.define.class_id == 0)
		world_fault(w, "the definition does not parse");
	else
		world_record_definition(w, in.define.class_id);
	w->defined[index] = in.define.class_id;
	if (w->options.print)
		(void) printf("# %s is definition %llu\n%s", name, (unsigned long long) in.define.class_id, text.p);
	if (w->fault == NULL && world_input(w, &in) < 0)
		world_fault(w, "a definition is refused");
}

static void
undefine(struct world *w, unsigned index)
{
	struct input in = { .type = INPUT_UNDEFINE };
	char name[16];

	job_name(name, sizeof(name), index);
	in.undefine.name = strdup(name);
	w->defined[index] = 0;
	(void) world_input(w, &in); /* a name without definition may be refused */
}

static void
do_files(struct world *w)
{
	unsigned index = below(w, w->plan.n_jobs);

	if (chance(w, 70))
		define(w, index);
	else
		undefine(w, index);
}

/* -- processes --------------------------------------------------------------------------------- */

static void
tell_spawned(struct world *w, struct proc *p)
{
	struct input in = { .type = INPUT_SPAWNED };

	if (p->pid == 0)
		p->pid = world_new_pid(w);
	p->made = true;
	p->head = p->pid;
	in.spawned.process = p->id;
	in.spawned.pid = p->pid;
	world_carried_out(w, TARGET_SPAWNER, p->id, UINT64_MAX);
	(void) world_input(w, &in);
}

static void
tell_failed(struct world *w, struct proc *p, uint32_t step)
{
	struct input in = { .type = INPUT_SPAWN_FAILED };

	p->failed = true;
	if (p->pid != 0 && !p->dead) {
		p->dead = true;
		p->status = 255;
	}
	world_carried_out(w, TARGET_SPAWNER, p->id, UINT64_MAX);
	in.spawn_failed.process = p->id;
	in.spawn_failed.step = step;
	in.spawn_failed.error = step == SPAWN_SETUP ? 0 : ENOENT;
	(void) world_input(w, &in);
}

static void
tell_executed(struct world *w, struct proc *p)
{
	struct input in = { .type = INPUT_EXEC_DONE };

	p->executed = true;
	in.exec_done.process = p->id;
	(void) world_input(w, &in);
}

static void
tell_exited(struct world *w, struct proc *p)
{
	struct input in = { .type = INPUT_EXITED };
	int32_t pid = p->pid;

	if (!p->ended)
		kin_before_exit(w, p, NULL);
	p = world_proc_by_pid(w, pid); /* that may have moved it */
	p->reaped = true;
	in.exited.pid = p->pid;
	in.exited.status = p->status;
	(void) world_input(w, &in);
}

static void
tell_stopped(struct world *w, struct proc *p, int signal, bool continued)
{
	struct input in = { .type = INPUT_STOPPED };

	in.stopped.pid = p->pid;
	in.stopped.signal = signal;
	in.stopped.continued = continued;
	(void) world_input(w, &in);
}

static int32_t
random_status(struct world *w)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, 34 };

	if (chance(w, 65))
		return 0;
	return chance(w, 60) ? (int32_t) (1 + below(w, 8)) : JOB_EXIT_SIGNAL(signals[below(w, ARRAY_SIZE(signals))]);
}

/* A process that was asked for. */
static void
made_or_not(struct world *w, struct proc *p)
{
	if (!w->calm && chance(w, 8)) {
		tell_failed(w, p, SPAWN_CLONE);
	} else if (!w->calm && p->pid == 0 && chance(w, 5)) {
		p->pid = world_new_pid(w); /* killed before anybody heard of it */
		p->dead = true;
		p->status = JOB_EXIT_SIGNAL(SIGKILL);
		tell_exited(w, p);
	} else {
		tell_spawned(w, p);
	}
}

/* A process that is made, and has not got to its program. */
static void
executed_or_not(struct world *w, struct proc *p)
{
	if (chance(w, 70) && kin_begin(w, p))
		return;
	if (p->dead && !p->reaped && chance(w, 50))
		tell_failed(w, p, SPAWN_SETUP);
	else if (p->dead && !p->reaped && chance(w, 20))
		tell_exited(w, p);
	else if (!w->calm && chance(w, 10))
		tell_failed(w, p, SPAWN_EXEC);
	else
		tell_executed(w, p);
}

static bool
is_endless(const struct world *w, const struct proc *p)
{
	const struct job_class *cls = store_get(&w->store, p->class_id);

	return p->kind == PROCESS_MAIN && !cls->task;
}

/* A process that runs its program. True if something happened. */
static bool
run_on(struct world *w, struct proc *p)
{
	const struct job_class *cls = store_get(&w->store, p->class_id);

	if (p->ended) { /* the job is done with it, and it does not matter */
		p->dead = true;
		tell_exited(w, p);
		return true;
	}
	if (kin_begin(w, p))
		return true;
	if (kin_is_expected(w, p) && (w->calm || !chance(w, 5)))
		return kin_run(w, p);
	if (p->kind == PROCESS_MAIN && cls->expect == EXPECT_STOP && !p->stopped && (w->calm || chance(w, 70))) {
		p->stopped = true;
		tell_stopped(w, p, SIGSTOP, false);
		return true;
	}
	if (p->kind == PROCESS_MAIN && (cls->expect == EXPECT_NOTIFY || cls->expect == EXPECT_FD) &&
	    (!p->stopped || (w->calm ? !p->calmed : chance(w, 30)))) {
		p->calmed = w->calm; /* or it would be killed, and come again, for ever */
		p->stopped = p->stopped || w->calm || chance(w, 70);
		kin_says(w, p, p->stopped);
		return true;
	}
	if (!w->calm && chance(w, 3)) {
		tell_stopped(w, p, chance(w, 50) ? SIGSTOP : SIGTSTP, chance(w, 40));
		return true;
	}
	if (is_endless(w, p) && (w->calm || !chance(w, 15)))
		return false;
	p->dead = true;
	p->status = w->calm && chance(w, 80) ? 0 : random_status(w);
	tell_exited(w, p);
	return true;
}

/* Let one process go a step further; false if it stays where it is. */
static bool
progress(struct world *w, struct proc *p)
{
	if (p->failed && p->pid == 0)
		return false;
	if (!p->made && !p->failed)
		made_or_not(w, p);
	else if (p->made && !p->failed && !p->executed && !p->ended)
		executed_or_not(w, p);
	else if (p->dead && !p->reaped)
		tell_exited(w, p);
	else if (!p->dead && p->executed)
		return run_on(w, p);
	else if (p->executed && !p->ended && p->n_kin > 0)
		return kin_run(w, p);
	else
		return false;
	return true;
}

static bool
progress_some(struct world *w)
{
	unsigned n = (unsigned) w->n_procs, first;

	if (n == 0)
		return false;
	first = below(w, n);
	for (unsigned i = 0; i < n; i++)
		if (progress(w, &w->procs[(first + i) % n]))
			return true;
	return false;
}

/* -- what is left ------------------------------------------------------------------------------ */

static void
sweep_cb(const struct core_sweep *sweep, void *data)
{
	struct core_sweep *chosen = data;

	if (chosen->sweep == 0)
		*chosen = *sweep;
}

/* Nobody is left of an instance that waits for that, and has no process itself. False: there is none such. */
static bool
do_sweep(struct world *w)
{
	struct input in = { .type = INPUT_STRAYS };
	struct core_sweep sweep = { 0 };
	struct core_instance view;

	core_each_sweep(w->core, sweep_cb, &sweep);
	if (sweep.sweep == 0 || core_instance(w->core, sweep.job, sweep.instance, &view) < 0 || view.n_processes > 0)
		return false;
	if (!w->calm && chance(w, 30))
		return false; /* it does not end */
	in.strays.job_id = sweep.job_id;
	in.strays.sweep = sweep.sweep;
	(void) world_input(w, &in);
	return true;
}

/* -- time ------------------------------------------------------------------------------------------ */

static bool
do_timer(struct world *w)
{
	struct input in = { .type = INPUT_TIMER };
	size_t next = 0;

	if (w->n_timers == 0)
		return false;
	for (size_t i = 1; i < w->n_timers; i++)
		if (w->timers[i].due < w->timers[next].due)
			next = i;
	if (w->timers[next].due > w->now)
		w->now = w->timers[next].due;
	in.timer.timer = w->timers[next].id;
	w->timers[next] = w->timers[--w->n_timers];
	w->old_timer = in.timer.timer;
	(void) world_input(w, &in);
	return true;
}

/* -- oddities --------------------------------------------------------------------------------------- */

static void
do_ack(struct world *w, bool all)
{
	for (uint32_t target = 0; target < TARGET_COUNT; target++) {
		struct input in = { .type = INPUT_ACK };
		uint64_t span = w->taken[target] - w->acked[target];

		if (span == 0 || (!all && chance(w, 50)))
			continue;
		w->acked[target] += all ? span : 1 + rng_next(&w->rng) % span;
		in.ack.target = target;
		in.ack.upto = w->acked[target];
		if (target != TARGET_SPAWNER) /* that one answers instead */
			world_carried_out(w, (enum effect_target) target, 0, w->acked[target]);
		(void) world_input(w, &in);
	}
}

static void
do_control(struct world *w)
{
	struct input in = { .type = INPUT_CONTROL };

	w->control = !w->control || chance(w, 20); /* some come without the old one being seen to go */
	in.control.present = w->control;
	for (size_t i = 0; i < w->n_requests; i++)
		if (w->requests[i] == REQUEST_PENDING)
			w->requests[i] = REQUEST_LOST;
	world_carried_out(w, TARGET_CONTROL, 0, UINT64_MAX); /* nobody is there to hear the rest */
	(void) world_input(w, &in);
	/* What clients know now is what they are told when they ask. */
	for (size_t i = 0; i < w->n_shadows; i++) {
		free(w->shadows[i].job);
		free(w->shadows[i].instance);
	}
	w->n_shadows = 0;
	if (w->control)
		world_look(w);
}

/* Things that come too late, twice, or from nowhere: nothing may change. */
static void
do_noise(struct world *w)
{
	struct input in = { .type = INPUT_NONE };

	switch (below(w, 9)) {
	case 8:
		in.type = INPUT_STRAYS;
		in.strays.job_id = below(w, 300);
		in.strays.sweep = below(w, 2) * UINT64_MAX;
		break;
	case 7:
		in.type = INPUT_SAID;
		in.said.process = below(w, 2) * UINT64_MAX;
		in.said.what = below(w, SAID_NOTHING << 1);
		break;
	case 0:
		in.type = INPUT_TIMER;
		in.timer.timer = w->old_timer;
		break;
	case 1:
		in.type = INPUT_EXITED;
		in.exited.pid = 5000 + (int32_t) below(w, 100000);
		in.exited.status = random_status(w);
		break;
	case 2:
		in.type = INPUT_STOPPED;
		in.stopped.pid = 5000;
		in.stopped.signal = SIGSTOP;
		break;
	case 3:
		in.type = INPUT_EXEC_DONE;
		in.exec_done.process = UINT64_MAX;
		break;
	case 4:
		in.type = INPUT_SPAWN_FAILED;
		in.spawn_failed.process = 0;
		break;
	case 5:
		in.type = INPUT_SPAWNED;
		in.spawned.process = UINT64_MAX;
		in.spawned.pid = 6000;
		break;
	default:
		in.type = INPUT_REQUEST;
		in.request.kind = REQUEST_KIND_COUNT;
		break;
	}
	(void) world_input(w, &in);
}

static void
do_log_level(struct world *w)
{
	struct input in = { .type = INPUT_LOG_LEVEL };

	in.log_level.level = (int32_t) below(w, 6);
	(void) world_input(w, &in);
}

static void
do_session_end(struct world *w)
{
	struct input in = { .type = INPUT_SESSION_END };

	in.session_end.type = strdup(chance(w, 50) ? "logout" : "shutdown");
	w->ending = w->ending || w->session;
	(void) world_input(w, &in);
}

static void
do_shutdown(struct world *w, enum shutdown_action what)
{
	struct input in = { .type = INPUT_SHUTDOWN };

	in.shutdown.what = what;
	if (what == SHUTDOWN_RULES) {
		in.shutdown.limit = (1 + below(w, 60)) * USEC_PER_SEC;
		in.shutdown.assist = w->assist;
	}
	(void) world_input(w, &in);
}

/* -- a world's life ------------------------------------------------------------------------------------ */

static void
step(struct world *w)
{
	unsigned n = below(w, 100);

	w->now += rng_next(&w->rng) % (chance(w, 90) ? 20000 : 3 * USEC_PER_SEC);
	if (n < 15)
		clients_emit(w);
	else if (n < 30)
		clients_request(w);
	else if (n < 33)
		do_files(w);
	else if (n < 35)
		clients_set_env(w);
	else if (n < 40)
		do_ack(w, false);
	else if (n < 43)
		do_noise(w);
	else if (n < 47)
		(void) do_timer(w);
	else if (n < 48 && chance(w, 40))
		do_control(w);
	else if (n < 49 && chance(w, 50))
		do_log_level(w);
	else if (n < 51)
		clients_state(w);
	else if ((n < 55 && do_sweep(w)) || progress_some(w))
		return;
	else
		(void) do_timer(w);
}

/* Let everything that is under way come to its end. False: there is a circle. */
static bool
settle(struct world *w)
{
	bool was_calm = w->calm;
	unsigned limit = w->plan.loops ? 300 : REST_LIMIT * (1 + w->plan.n_jobs / 12);

	w->calm = true;
	while (w->fault == NULL && !w->finished && limit-- > 0)
		if (!progress_some(w) && !do_sweep(w) && !do_timer(w)) {
			w->calm = was_calm;
			do_ack(w, true);
			if (w->fault == NULL && !w->finished)
				world_check_rest(w);
			return true;
		}
	w->calm = was_calm;
	if (w->fault == NULL && !w->finished && !w->plan.loops)
		world_fault(w, "it does not come to rest");
	return false;
}

static void
stop_all(struct world *w)
{
	auto_strv char **names = core_class_names(w->core);

	for (size_t i = 0; names != NULL && names[i] != NULL && w->fault == NULL; i++) {
		auto_strv char **instances = core_instance_names(w->core, names[i]);

		for (size_t k = 0; instances != NULL && instances[k] != NULL && w->fault == NULL; k++) {
			struct input in = { .type = INPUT_REQUEST };
			struct core_instance view;

			in.request.kind = INSTANCE_STOP;
			if (core_instance(w->core, names[i], instances[k], &view) == 0 && view.quarantine != NULL)
				in.request.kind = INSTANCE_RESET;
			in.request.job = strdup(names[i]);
			in.request.instance = strdup(instances[k]);
			(void) world_input(w, &in);
		}
	}
}

/* Emit what half-true conditions wait for: those hold events back. */
static void
complete_conditions(struct world *w)
{
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	struct snap snap;

	core_save(w->core, &saved);
	if (snap_read(&snap, saved.p, saved.len) < 0)
		world_fault(w, "the snapshot does not read");
	for (size_t i = 0; i < snap.n_trees && w->fault == NULL; i++) {
		const struct job_class *cls = store_get(&w->store, snap.trees[i].class_id);
		const struct condition *cond = snap.trees[i].is_stop ? cls->stop_on : cls->start_on;
		bool any = false;

		for (size_t k = 0; k < snap.trees[i].held.n; k++)
			any = any || snap.trees[i].held.p[k] != 0;
		for (size_t k = 0; any && k < snap.trees[i].held.n && w->fault == NULL; k++) {
			const struct condition_node *node = &cond->nodes[cond->leaves[k]];
			struct input in = { .type = INPUT_EMIT };

			in.emit.name = strdup(node->name);
			leaf_example(node, &in.emit.env);
			(void) world_input(w, &in);
		}
	}
	snap_deinit(&snap);
}

/* Take all definitions away, stop everything: in the end nothing may be left, but for jobs that hold one another. */
static void
empty(struct world *w)
{
	struct core_counts counts;

	for (unsigned i = 0; i < w->plan.n_jobs && w->fault == NULL; i++)
		undefine(w, i);
	for (unsigned round = 0; round < EMPTY_ROUNDS && w->fault == NULL && !w->finished; round++) {
		core_counts(w->core, &counts);
		if (counts.instances == 0)
			break;
		stop_all(w);
		(void) settle(w);
		core_counts(w->core, &counts);
		if (counts.instances > 0) {
			complete_conditions(w);
			stop_all(w);
			(void) settle(w);
		}
	}
	if (w->fault != NULL || w->finished)
		return;
	(void) settle(w);
	world_check_views(w);
	core_counts(w->core, &counts);
	if (counts.instances == 0)
		world_check_empty(w);
}

static void
live(struct world *w)
{
	unsigned steps = 30 + below(w, 400) + 4 * w->plan.n_jobs;

	for (unsigned i = 0; i < steps && w->fault == NULL && !w->finished; i++) {
		step(w);
		if (w->fault == NULL && chance(w, 4))
			world_check_snapshot(w);
		if (w->fault == NULL && chance(w, 10))
			world_check_views(w);
		if (w->fault == NULL && !w->finished && chance(w, 1) && chance(w, 50))
			(void) settle(w);
	}
}

/* The end of a container, or of a machine, which a job could bring before: it must come. */
static void
go_down(struct world *w)
{
	w->assist = chance(w, 30);
	w->ending = !w->session; /* there are events `runlevel` in the world */
	do_shutdown(w, SHUTDOWN_RULES);
	live(w);
	if (w->fault == NULL && !w->finished)
		do_shutdown(w, SHUTDOWN_BEGIN);
	live(w);
	if (w->fault == NULL && !w->finished && chance(w, 30))
		do_shutdown(w, SHUTDOWN_SKIP);
	/* An event may have called it off. */
	if (w->fault == NULL && !w->finished)
		do_shutdown(w, SHUTDOWN_BEGIN);
	if (w->fault == NULL && !w->finished && settle(w) && !w->finished && w->ending)
		world_fault(w, "it does not go down");
}

void
world_run(struct world *w)
{
	if (chance(w, 95))
		do_control(w);
	for (unsigned i = 0; i < w->plan.n_jobs && w->fault == NULL; i++)
		define(w, i);
	live(w);
	if (w->fault == NULL && !w->finished && settle(w))
		world_check_views(w);
	if (w->session && chance(w, 50) && w->fault == NULL && !w->finished) {
		do_session_end(w);
		live(w);
		if (w->fault == NULL && !w->finished && settle(w) && !w->finished)
			world_fault(w, "the session does not end");
	}
	if (chance(w, 20) && w->fault == NULL && !w->finished)
		go_down(w);
	if (w->fault == NULL && !w->finished)
		empty(w);
	if (w->fault == NULL)
		world_check_snapshot(w);
	if (w->fault == NULL)
		world_check_replay(w);
	w->totals->worlds++;
}
