/* SPDX-License-Identifier: MIT */
#include "plan/world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#include "common/log.h"
#include "common/map.h"

#define OUR_REQUEST (UINT64_MAX - 1) /* whoever really waits has a smaller number */
#define FIRST_PID 1000000000	     /* beyond those of real processes */

/* An imaginary process. */
struct imagined {
	struct imagined *prev, *next; /* in the order in which they have their turn */
	uint64_t id;
	char *job, *instance; /* owned */
	enum process_kind kind;
	const struct job_class *cls; /* borrowed from the store; NULL: unknown */
	int32_t pid;		     /* 0: not made yet */
	bool executed;
	int signal; /* it dies of it; 0: of none */
	bool said;  /* it has emitted what its job says */
	bool rests; /* in the other list: it does nothing until a signal comes */
};

struct armed {
	struct armed *prev, *next;
	uint64_t id;
	usec_t due;
};

struct world {
	const struct world_question *question;
	struct source *source; /* borrowed */
	struct core *core;     /* owned */
	struct story *story;   /* borrowed */
	struct imagined *procs, *resting;
	struct map by_id; /* process -> imagined */
	struct armed *timers;
	uint64_t seen; /* effects up to here are carried out */
	usec_t now;
	int32_t last_pid;
	const char *asked_job; /* borrowed: of the input at hand, when it is the question */
	const char *ended_job; /* borrowed: whose main process the input at hand ends */
	bool assuming;	       /* the event at hand is one a job says it emits */
	bool hush;	       /* the next line of the log says how a process ended, which is imaginary */
	bool nomem, broken, over;
};

/* -- what is told ------------------------------------------------------------------- */

static void
keep(struct world *w, char **to, const char *from)
{
	w->nomem = str_copy(to, from) < 0 || w->nomem;
}

static void
note_event(struct world *w, const struct core *core, uint64_t id)
{
	static const char *const job_events[] = { "starting", "started", "stopping", "stopped" };
	struct core_event event;
	struct item *item;

	if (core_event(core, id, &event) < 0)
		return;
	item = story_add(w->story, ITEM_EVENT);
	if (item == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(job_events); i++)
		item->minor = item->minor || strcmp(event.name, job_events[i]) == 0;
	item->assumed = w->assuming;
	keep(w, &item->event, event.name);
	w->nomem = strv_dup(&item->env, event.env) < 0 || w->nomem;
}

static void
note_wait(struct world *w, const struct core *core, uint64_t id)
{
	struct item *item = story_add(w->story, ITEM_WAITS);

	if (item != NULL && item_waits(item, core, id) == -ENOMEM)
		w->nomem = true;
}

/* A new item about an instance; NULL as story_add(). */
static struct item *
note_instance(struct world *w, const struct core *core, const char *job, const char *instance, enum item_type type)
{
	const struct job_class *cls = core_class(core, job);
	struct item *item = story_add(w->story, type);

	if (item == NULL)
		return NULL;
	item->task = cls != NULL && cls->task;
	keep(w, &item->job, job);
	keep(w, &item->instance, instance);
	return item;
}

/* Why it starts or stops. */
static void
set_reason(struct world *w, const struct core *core, const struct core_step *step, struct item *item)
{
	bool starts = step->goal == GOAL_START;
	const char *events =
	    env_get(starts ? step->start_env : step->stop_env, starts ? "UPSTART_EVENTS" : "UPSTART_STOP_EVENTS");
	const char *states = starts ? env_get(step->start_env, "UPSTART_STATES") : NULL;
	struct core_want want;

	if (w->asked_job != NULL && strcmp(w->asked_job, step->job) == 0) {
		item->reason = REASON_REQUEST;
	} else if (!starts && w->ended_job != NULL && strcmp(w->ended_job, step->job) == 0) {
		item->reason = REASON_END;
	} else if (states != NULL ||
		   (!starts && core_want(core, step->job, step->instance, &want) == 0 && !want.wanted)) {
		item->reason = REASON_STATES;
		keep(w, &item->names, states);
	} else if (events != NULL) {
		item->reason = REASON_EVENTS;
		keep(w, &item->names, events);
	}
}

static void
step_cb(const struct core *core, const struct core_step *step, void *data)
{
	struct world *w = data;
	struct item *item = NULL;

	w->story->steps++;
	switch (step->type) {
	case CORE_STEP_HANDLED:
		note_event(w, core, step->event);
		w->assuming = false;
		break;
	case CORE_STEP_HELD:
		note_wait(w, core, step->event);
		break;
	case CORE_STEP_FINISHED:
		break;
	case CORE_STEP_GOAL:
		if (step->goal == GOAL_RESPAWN)
			break;
		item = note_instance(w, core, step->job, step->instance,
				     step->goal == GOAL_START ? ITEM_STARTS : ITEM_STOPS);
		if (item != NULL)
			set_reason(w, core, step, item);
		break;
	case CORE_STEP_STATE:
		if (step->state == JOB_RUNNING)
			item = note_instance(w, core, step->job, step->instance, ITEM_RUNNING);
		else if (step->state == JOB_WAITING)
			item = note_instance(w, core, step->job, step->instance, ITEM_STOPPED);
		if (item != NULL)
			item->minor = step->state == JOB_RUNNING && item->task;
		break;
	}
}

/* -- carrying out ----------------------------------------------------------------------- */

static struct imagined *
imagine(struct world *w, uint64_t id, const char *job, const char *instance, enum process_kind kind,
	const struct job_class *cls, int32_t pid)
{
	struct imagined *p = calloc(1, sizeof(*p));

	if (p == NULL || map_put_id(&w->by_id, id, p) < 0) {
		free(p);
		w->nomem = true;
		return NULL;
	}
	p->id = id;
	p->kind = kind;
	p->cls = cls;
	p->pid = pid;
	keep(w, &p->job, job);
	keep(w, &p->instance, instance);
	DL_APPEND(w->procs, p);
	return p;
}

static void
forget(struct world *w, uint64_t id)
{
	struct imagined *p = map_get_id(&w->by_id, id);

	if (p == NULL)
		return;
	map_del_id(&w->by_id, id);
	if (p->rests)
		DL_DELETE(w->resting, p);
	else
		DL_DELETE(w->procs, p);
	free(p->job);
	free(p->instance);
	free(p);
}

/* Into the other list. */
static void
set_resting(struct world *w, struct imagined *p, bool rests)
{
	if (p->rests == rests)
		return;
	if (rests) {
		DL_DELETE(w->procs, p);
		DL_APPEND(w->resting, p);
	} else {
		DL_DELETE(w->resting, p);
		DL_APPEND(w->procs, p);
	}
	p->rests = rests;
}

static void
set_timer(struct world *w, uint64_t id, usec_t due)
{
	struct armed *t;

	DL_FOREACH(w->timers, t)
		if (t->id == id)
			break;
	if (due == 0) {
		if (t != NULL) {
			DL_DELETE(w->timers, t);
			free(t);
		}
		return;
	}
	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL) {
			w->nomem = true;
			return;
		}
		DL_APPEND(w->timers, t);
	}
	*t = (struct armed){ t->prev, t->next, id, due };
}

static void
note_process(struct world *w, const struct effect_spawn *spawn)
{
	struct item *item = note_instance(w, w->core, spawn->job, spawn->instance, ITEM_PROCESS);

	if (item == NULL)
		return;
	item->kind = (enum process_kind) spawn->kind;
	item->minor = true;
}

static void
take_reply(struct world *w, const struct effect_reply *reply)
{
	if (reply->request != OUR_REQUEST || w->story->answered)
		return;
	w->story->answered = true;
	keep(w, &w->story->error, reply->error);
	keep(w, &w->story->error_text, reply->text);
}

static void
carry_out(struct world *w, const struct effect *e)
{
	struct imagined *p;
	struct item *item;

	switch (e->type) {
	case EFFECT_SPAWN:
		(void) imagine(w, e->spawn.process, e->spawn.job, e->spawn.instance, (enum process_kind) e->spawn.kind,
			       definitions_class(w->source->definitions, e->spawn.class_id), 0);
		note_process(w, &e->spawn);
		break;
	case EFFECT_KILL:
		p = map_get_id(&w->by_id, e->kill.process);
		if (p != NULL && e->kill.signal != SIGCONT) {
			p->signal = e->kill.signal;
			set_resting(w, p, false);
		}
		break;
	case EFFECT_MAIN:
		p = map_get_id(&w->by_id, e->main.process);
		if (p != NULL)
			p->pid = e->main.pid;
		break;
	case EFFECT_TIMER:
		if (!core_timer_is_for_silence(w->core, e->timer.timer))
			set_timer(w, e->timer.timer, e->timer.due);
		break;
	case EFFECT_LOG:
		item = e->log.level >= LOG_LEVEL_WARN && !w->hush ? story_add(w->story, ITEM_WARNING) : NULL;
		if (item != NULL)
			keep(w, &item->text, e->log.text);
		w->hush = false;
		break;
	case EFFECT_ENDED:
		forget(w, e->ended.process);
		break;
	case EFFECT_FINISHED:
		w->over = true;
		break;
	case EFFECT_REPLY:
		take_reply(w, &e->reply);
		break;
	default:
		break;
	}
}

static void
apply(struct world *w, struct input *in)
{
	int r;

	in->now = w->now;
	r = core_apply(w->core, in);
	w->nomem = w->nomem || r == -ENOMEM;
	w->broken = w->broken || r == -ENOTRECOVERABLE;
}

/* An input, what follows from it, and that it was done. Takes its members. */
static void
feed(struct world *w, struct input *in)
{
	struct input ack = { .type = INPUT_ACK };

	w->story->steps++;
	apply(w, in);
	input_free(in);
	if (w->nomem)
		return; /* effects may lack something */
	for (const struct effect *e = core_outbox(w->core, w->seen); e != NULL; e = e->next)
		carry_out(w, e);
	w->seen = core_last_effect(w->core);
	ack.ack.upto = w->seen;
	for (uint32_t target = 0; target < TARGET_COUNT; target++) {
		ack.ack.target = target;
		apply(w, &ack);
	}
}

/* -- living --------------------------------------------------------------------------------- */

/* Does a main process say itself that it is ready? */
static bool
is_told(enum expect_mode mode)
{
	return mode == EXPECT_STOP || mode == EXPECT_NOTIFY || mode == EXPECT_FD;
}

static bool
is_waited_for_to_be_ready(const struct world *w, const struct imagined *p)
{
	struct core_instance view;

	return p->kind == PROCESS_MAIN && p->cls != NULL && is_told(p->cls->expect) &&
	       core_instance(w->core, p->job, p->instance, &view) == 0 && view.state == JOB_SPAWNED;
}

/* The family of a main process that daemonises. */
struct kin {
	const struct imagined *of;
	int32_t eldest; /* 0: nobody, it is not followed */
	size_t n;
	bool itself; /* the process that stands for it is a member */
};

static void
note_kin_cb(const struct core_member *m, void *data)
{
	struct kin *kin = data;

	if (m->process != kin->of->id)
		return;
	if (kin->n++ == 0)
		kin->eldest = m->pid;
	kin->itself = kin->itself || m->pid == kin->of->pid;
}

static struct kin
kin_of(const struct world *w, const struct imagined *p)
{
	struct kin kin = { .of = p };

	if (p->kind == PROCESS_MAIN)
		core_each_member(w->core, note_kin_cb, &kin);
	return kin;
}

/*
 * On the way to be a daemon: who is alone forks, and whoever has a child ends, until there is the process that the job
 * expects. False: it is there, or none is expected.
 */
static bool
daemonise(struct world *w, const struct imagined *p)
{
	struct kin kin = kin_of(w, p);
	struct input in = { .type = INPUT_EXITED, .exited = { kin.eldest, 0 } };

	if (kin.n == 0 || !core_process_is_awaited(w->core, p->id))
		return false;
	if (p->cls != NULL && (p->cls->expect == EXPECT_PIDFILE || p->cls->expect == EXPECT_LISTEN)) {
		in.type = INPUT_SAID;
		in.said = (struct input_said){ .process = p->id, .what = SAID_MAIN | SAID_READY, .main_pid = kin.eldest };
		feed(w, &in);
		return true;
	}
	if (kin.n == 1) {
		in.type = INPUT_FAMILY;
		in.family = (struct input_family){ .process = p->id,
						   .what = FAMILY_NEWS_FORKED,
						   .pid = kin.eldest,
						   .other = ++w->last_pid };
	}
	feed(w, &in);
	return true;
}

static void
feed_process(struct world *w, uint32_t type, struct imagined *p)
{
	struct input in = { .type = type };
	struct kin kin;

	switch (type) {
	case INPUT_SPAWNED:
		p->pid = ++w->last_pid;
		in.spawned = (struct input_spawned){ p->id, p->pid };
		break;
	case INPUT_EXEC_DONE:
		p->executed = true;
		in.exec_done.process = p->id;
		break;
	case INPUT_SAID:
		in.said = (struct input_said){ .process = p->id, .what = SAID_READY };
		break;
	case INPUT_STOPPED:
		in.stopped = (struct input_stopped){ p->pid, SIGSTOP, false };
		break;
	default:
		w->ended_job = p->kind == PROCESS_MAIN && p->signal == 0 ? p->job : NULL;
		w->hush =
		    p->signal != 0 && p->cls != NULL && !job_class_exit_is_normal(p->cls, JOB_EXIT_SIGNAL(p->signal));
		kin = kin_of(w, p);
		in.exited = (struct input_exited){ kin.n == 0 || kin.itself ? p->pid : kin.eldest,
						   p->signal != 0 ? JOB_EXIT_SIGNAL(p->signal) : 0 };
		break;
	}
	feed(w, &in);
	w->ended_job = NULL;
	w->hush = false;
}

/* Is that event name one that can be emitted: no pattern, and none of init's own? */
static bool
is_plain(const char *event)
{
	return strpbrk(event, "*?[") == NULL;
}

/* The process emits what its job says. */
static void
say(struct world *w, struct imagined *p)
{
	p->said = true;
	for (size_t i = 0; p->cls != NULL && p->cls->emits != NULL && p->cls->emits[i] != NULL; i++) {
		struct input in = { .type = INPUT_EMIT };

		if (!is_plain(p->cls->emits[i]))
			continue;
		keep(w, &in.emit.name, p->cls->emits[i]);
		w->assuming = true;
		feed(w, &in);
		/* What is held from being handled by others before it is none of that. */
		w->assuming = false;
	}
}

/* One thing that a process does; false: it does nothing any more. */
static bool
live(struct world *w, struct imagined *p)
{
	bool lasts = p->kind == PROCESS_MAIN && p->cls != NULL && !p->cls->task;

	if (p->pid == 0)
		feed_process(w, INPUT_SPAWNED, p);
	else if (p->signal != 0)
		feed_process(w, INPUT_EXITED, p);
	else if (!p->executed)
		feed_process(w, INPUT_EXEC_DONE, p);
	else if (is_waited_for_to_be_ready(w, p))
		feed_process(w, p->cls->expect == EXPECT_STOP ? INPUT_STOPPED : INPUT_SAID, p);
	else if (daemonise(w, p))
		return true; /* the process that stands for it may have changed */
	else if (w->question->emits && p->kind == PROCESS_MAIN && !p->said)
		say(w, p);
	else if (!lasts)
		feed_process(w, INPUT_EXITED, p);
	else
		return false;
	return true;
}

/* The first process in the row does something and goes to its end, or rests. False: all do. */
static bool
live_on(struct world *w)
{
	while (w->procs != NULL) {
		uint64_t id = w->procs->id;
		bool lived = live(w, w->procs);
		struct imagined *p = map_get_id(&w->by_id, id);

		if (p != NULL && !lived) {
			set_resting(w, p, true);
		} else if (p != NULL && !p->rests) {
			DL_DELETE(w->procs, p);
			DL_APPEND(w->procs, p);
		}
		if (lived)
			return true;
	}
	return false;
}

static bool
next_timer(struct world *w)
{
	struct armed *t, *first = NULL;
	struct input in = { .type = INPUT_TIMER };

	DL_FOREACH(w->timers, t)
		if (first == NULL || t->due < first->due)
			first = t;
	if (first == NULL)
		return false;
	w->now = first->due > w->now ? first->due : w->now;
	in.timer.timer = first->id;
	DL_DELETE(w->timers, first);
	free(first);
	feed(w, &in);
	return true;
}

static void
sweep_cb(const struct core_sweep *sweep, void *data)
{
	struct input_strays *first = data;

	if (first->sweep == 0)
		*first = (struct input_strays){ sweep->job_id, sweep->sweep };
}

/* Nobody is left of an instance that waits for that: in here none leaves anything behind. */
static bool
sweep(struct world *w)
{
	struct input in = { .type = INPUT_STRAYS };

	core_each_sweep(w->core, sweep_cb, &in.strays);
	if (in.strays.sweep == 0)
		return false;
	feed(w, &in);
	return true;
}

/* Until nothing moves, or too much has. */
static void
run(struct world *w)
{
	while (!w->nomem && !w->broken && !w->over) {
		if (w->story->steps >= w->question->limit)
			return;
		if (!live_on(w) && !sweep(w) && !next_timer(w))
			break;
	}
	w->story->complete = !w->nomem && !w->broken;
}

/* -- beginning ------------------------------------------------------------------------------ */

/* What an instance that is there already has: processes, and a rest that ends. */
static int
adopt_instance(struct world *w, const struct job_class *cls, const char *name)
{
	struct core_instance view;
	struct core_past past;

	if (core_instance(w->core, cls->name, name, &view) < 0 || core_past(w->core, cls->name, name, &past) < 0)
		return 0;
	for (size_t i = 0; i < view.n_processes; i++) {
		const struct core_process *p = &view.processes[i];
		struct imagined *made = imagine(w, p->process, cls->name, name, p->kind, cls, p->pid);

		/* Its signal has been sent before. */
		if (made != NULL && view.state == JOB_KILLED && p->kind == PROCESS_MAIN && p->pid != 0)
			made->signal = cls->kill_signal;
	}
	if (past.rests != 0)
		set_timer(w, past.rest_timer, past.rests);
	return w->nomem ? -ENOMEM : 0;
}

static int
adopt(struct world *w)
{
	auto_strv char **jobs = core_class_names(w->core);

	for (size_t i = 0; jobs != NULL && jobs[i] != NULL; i++) {
		auto_strv char **names = core_instance_names(w->core, jobs[i]);

		for (size_t k = 0; names != NULL && names[k] != NULL; k++)
			if (adopt_instance(w, core_class(w->core, jobs[i]), names[k]) < 0)
				return -ENOMEM;
		if (names == NULL)
			return -ENOMEM;
	}
	return jobs != NULL ? 0 : -ENOMEM;
}

/* The definitions that a boot would find: those of the files, not those that still run. */
static int
boot_ids(const struct world *w, const struct core *core, struct u64v *ids)
{
	auto_strv char **jobs = NULL;

	if (core == NULL) {
		for (size_t i = 0; i < w->source->ids.n; i++)
			if (u64v_add(ids, w->source->ids.p[i]) < 0)
				return -ENOMEM;
		return 0;
	}
	jobs = core_class_names(core);
	for (size_t i = 0; jobs != NULL && jobs[i] != NULL; i++) {
		const struct job_class *cls = core_next_class(core, jobs[i]);

		if (cls != NULL && u64v_add(ids, cls->id) < 0)
			return -ENOMEM;
	}
	return jobs != NULL ? 0 : -ENOMEM;
}

/* An empty core that has read all files. */
static int
begin_boot(struct world *w, const struct core_config *config, const struct core *snapshot)
{
	struct input control = { .type = INPUT_CONTROL, .control.present = true };
	struct u64v ids = { 0 };
	int r;

	w->core = core_new(config);
	r = w->core != NULL ? boot_ids(w, snapshot, &ids) : -ENOMEM;
	if (r == 0)
		feed(w, &control);
	for (size_t i = 0; i < ids.n && r == 0; i++) {
		struct input in = { .type = INPUT_DEFINE, .define.class_id = ids.p[i] };

		feed(w, &in);
	}
	u64v_deinit(&ids);
	return r;
}

static int
begin(struct world *w)
{
	struct core_config config = source_config(w->source);
	struct input level = { .type = INPUT_LOG_LEVEL, .log_level.level = LOG_LEVEL_WARN };
	struct core *snapshot = NULL;
	int r = 0;

	config.step = step_cb;
	config.step_data = w;
	config.log_level = LOG_LEVEL_WARN;
	if (w->source->core.len > 0)
		r = core_load(w->source->core.p, w->source->core.len, &config, &snapshot);
	if (r < 0)
		return r;
	if (w->question->action == WORLD_BOOT || snapshot == NULL) {
		r = begin_boot(w, &config, snapshot);
		(void) core_free(snapshot);
	} else {
		w->core = snapshot;
		w->seen = core_last_effect(w->core);
		w->now = core_now(w->core);
		r = adopt(w);
	}
	if (r == 0)
		feed(w, &level);
	return w->nomem ? -ENOMEM : r;
}

/* -- the question ----------------------------------------------------------------------------- */

static int
ask(struct world *w)
{
	static const enum request_kind kinds[] = {
		[WORLD_START] = JOB_START,
		[WORLD_STOP] = JOB_STOP,
		[WORLD_RESTART] = JOB_RESTART,
	};
	const struct world_question *q = w->question;
	struct input in = { 0 };
	int r;

	if (q->action == WORLD_EMIT || q->action == WORLD_BOOT) {
		in.type = INPUT_EMIT;
		in.emit = (struct input_emit){ .request = OUR_REQUEST, .name = strdup(q->name) };
		in.emit.wait = q->action == WORLD_EMIT; /* nobody waits for the first event of all */
		r = in.emit.name != NULL ? strv_dup(&in.emit.env, q->env) : -ENOMEM;
	} else if (core_class(w->core, q->name) == NULL) {
		return -ENOENT;
	} else {
		in.type = INPUT_REQUEST;
		in.request.request = OUR_REQUEST;
		in.request.kind = kinds[q->action];
		in.request.wait = true;
		in.request.job = strdup(q->name);
		r = in.request.job != NULL ? strv_dup(&in.request.env, q->env) : -ENOMEM;
		w->asked_job = q->name;
	}
	if (r < 0) {
		input_free(&in);
		return r;
	}
	feed(w, &in);
	w->asked_job = NULL;
	return 0;
}

/* What is left over at the end. */
static int
note_blocked(struct world *w)
{
	struct story *s = w->story;
	struct u64v ids = { 0 };
	int r = core_events(w->core, &ids);

	s->blocked = calloc(ids.n + 1, sizeof(*s->blocked));
	if (s->blocked == NULL)
		r = -ENOMEM;
	for (size_t i = 0, k = 0; i < ids.n && r == 0; i++) {
		/* Both are in the order of the queue. */
		while (k < s->old_events.n && s->old_events.p[k] < ids.p[i])
			k++;
		if (k < s->old_events.n && s->old_events.p[k] == ids.p[i])
			continue;
		s->blocked[s->n_blocked].type = ITEM_WAITS;
		r = item_waits(&s->blocked[s->n_blocked++], w->core, ids.p[i]);
	}
	u64v_deinit(&ids);
	return r;
}

static void
world_deinit(struct world *w)
{
	struct imagined *p, *next_p;
	struct armed *t, *next_t;

	DL_FOREACH_SAFE(w->procs, p, next_p)
		forget(w, p->id);
	DL_FOREACH_SAFE(w->resting, p, next_p)
		forget(w, p->id);
	for (t = w->timers; t != NULL; t = next_t) {
		next_t = t->next;
		free(t);
	}
	map_deinit(&w->by_id);
	w->core = core_free(w->core);
}

int
world_tell(struct source *source, const struct world_question *question, struct story *story)
{
	struct world w = { .question = question, .source = source, .story = story, .last_pid = FIRST_PID };
	int r = begin(&w);

	if (r == 0)
		r = core_events(w.core, &story->old_events);
	if (r == 0 && question->action != WORLD_BOOT)
		r = places_read(&story->before, w.core);
	if (r == 0)
		r = ask(&w);
	if (r == 0)
		run(&w);
	if (r == 0)
		r = note_blocked(&w);
	if (r == 0)
		r = places_read(&story->after, w.core);
	if (r == 0 && (w.nomem || story->nomem || w.broken))
		r = w.broken ? -ENOTRECOVERABLE : -ENOMEM;
	world_deinit(&w);
	return r;
}
