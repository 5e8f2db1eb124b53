/* SPDX-License-Identifier: MIT */
/*
 * What the core tells (core/explain.h), put into words. Times are told as seconds before now.
 */
#include "init/explain.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "core/explain.h"
#include "init/sources.h"
#include "job/signals.h"
#include "system/clock.h"

#define INSTANCES_MAX 64 /* of a job */
#define HOLDERS_MAX 64	 /* of an event */
#define WAITS_MAX 1024	 /* events, and instances, in the list of all */

struct writer {
	struct init *init;
	struct core *core;
	struct strbuf b;
	usec_t now;
};

static void
put_ago(struct writer *w, const char *key, usec_t at)
{
	json_put_seconds(&w->b, key, w->now > at ? w->now - at : 0);
}

/* An owned text into the buffer; NULL is want of memory. */
static void
put_owned(struct writer *w, const char *key, char *text)
{
	w->b.failed = w->b.failed || text == NULL;
	json_put_string(&w->b, key, text);
	free(text);
}

/* "state": where an instance is; nothing when it is not there. */
static void
put_place(struct writer *w, const char *job, const char *instance)
{
	const struct job_class *cls = core_class(w->core, job);
	struct core_instance view;

	json_put_string(&w->b, "job", job);
	json_put_string(&w->b, "instance", instance);
	if (cls != NULL && cls->task)
		json_put_bool(&w->b, "task", true);
	if (core_instance(w->core, job, instance, &view) < 0)
		return;
	json_put_string(&w->b, "goal", job_goal_name(view.goal));
	json_put_string(&w->b, "state", job_state_name(view.state));
}

static void
put_processes(struct writer *w, const struct core_instance *view)
{
	json_begin_array(&w->b, "processes");
	for (size_t i = 0; i < view->n_processes; i++) {
		json_begin_object(&w->b, NULL);
		json_put_string(&w->b, "process", process_kind_name(view->processes[i].kind));
		json_put_number(&w->b, "pid", view->processes[i].pid);
		json_end_object(&w->b);
	}
	json_end_array(&w->b);
}

/* -- events ---------------------------------------------------------------------- */

/* The leaves of a condition that a holder still needs: "started db". */
static void
put_needs(struct writer *w, const struct core_holder *holder)
{
	struct core_condition view;

	if (core_condition(w->core, holder->job, holder->instance, &view) < 0 || view.cond == NULL)
		return;
	json_begin_array(&w->b, "needs");
	for (int i = 0; i < view.cond->n_leaves; i++)
		if (view.held[i] == 0)
			put_owned(w, NULL, condition_print_leaf(view.cond, i));
	json_end_array(&w->b);
}

static void
put_holders(struct writer *w, uint64_t event)
{
	struct core_holder *holders = NULL;
	size_t n = 0;
	int r = core_event_holders(w->core, event, &holders, &n);

	w->b.failed = w->b.failed || r == -ENOMEM;
	json_begin_array(&w->b, "held_by");
	for (size_t i = 0; i < n && i < HOLDERS_MAX; i++) {
		json_begin_object(&w->b, NULL);
		if (holders[i].condition) {
			json_put_string(&w->b, "condition", holders[i].instance != NULL ? "stop on" : "start on");
			json_put_string(&w->b, "job", holders[i].job);
			json_put_string(&w->b, "instance", holders[i].instance);
			put_needs(w, &holders[i]);
		} else {
			put_place(w, holders[i].job, holders[i].instance);
		}
		json_end_object(&w->b);
	}
	json_end_array(&w->b);
	if (n > HOLDERS_MAX)
		json_put_number(&w->b, "more", (int64_t) (n - HOLDERS_MAX));
	free(holders);
}

/* Name and variables; `whole`: also who waits for it and for whom it waits. */
static void
put_event(struct writer *w, const char *key, uint64_t id, bool whole)
{
	struct core_event event;

	if (core_event(w->core, id, &event) < 0) {
		json_put_null(&w->b, key);
		return;
	}
	json_begin_object(&w->b, key);
	json_put_string(&w->b, "event", event.name);
	json_put_strings(&w->b, "env", event.env);
	if (whole) {
		json_put_bool(&w->b, "failed", event.failed);
		if (event.job != NULL) {
			json_begin_object(&w->b, "waiting");
			put_place(w, event.job, event.instance);
			json_end_object(&w->b);
		}
		json_put_number(&w->b, "clients", (int64_t) event.clients);
		put_holders(w, id);
	}
	json_end_object(&w->b);
}

/* -- conditions -------------------------------------------------------------------- */

static void
put_condition(struct writer *w, const char *key, const char *job, const char *instance)
{
	struct core_condition view;

	if (core_condition(w->core, job, instance, &view) < 0 || view.cond == NULL)
		return;
	json_begin_object(&w->b, key);
	put_owned(w, "text", condition_print(view.cond));
	json_begin_array(&w->b, "leaves");
	for (int i = 0; i < view.cond->n_leaves; i++) {
		json_begin_object(&w->b, NULL);
		put_owned(w, "text", condition_print_leaf(view.cond, i));
		json_put_bool(&w->b, "true", view.held[i] != 0);
		if (view.held[i] != 0)
			put_event(w, "held", view.held[i], false);
		json_end_object(&w->b);
	}
	json_end_array(&w->b);
	json_end_object(&w->b);
}

/* Is one of the states that match a term that of the instance? */
static bool
is_of_instance(char *const *states, const char *instance)
{
	static const char key[] = "INSTANCE=";
	size_t n = strlen(key), m = strlen(instance);

	for (; states != NULL && *states != NULL; states++)
		if (strncmp(*states, key, n) == 0 && strncmp(*states + n, instance, m) == 0 &&
		    ((*states)[n + m] == '\0' || (*states)[n + m] == ' '))
			return true;
	return false;
}

/*
 * Where the instances of a job are that a term names; for "JOB/done" those of JOB. Of a term that is true those that make
 * it so, else all: none does.
 */
static void
put_providers(struct writer *w, const struct core_term *term)
{
	const char *name = term->node->name, *slash = strrchr(name, '/');
	size_t n = 0;
	auto_free char *job = strdup(name);
	auto_strv char **instances = NULL;

	if (job != NULL && core_class(w->core, job) == NULL && slash != NULL)
		job[slash - name] = '\0';
	if (job == NULL || core_class(w->core, job) == NULL)
		return;
	instances = core_instance_names(w->core, job);
	json_begin_array(&w->b, "instances");
	for (size_t i = 0; instances != NULL && instances[i] != NULL && n < HOLDERS_MAX; i++) {
		if (term->truth == CORE_TRUE && !is_of_instance(term->states, instances[i]))
			continue;
		n++;
		json_begin_object(&w->b, NULL);
		put_place(w, job, instances[i]);
		json_end_object(&w->b);
	}
	json_end_array(&w->b);
}

static void
put_term(struct writer *w, const struct condition *cond, int leaf, const struct core_term *term)
{
	static const char *const truths[] = {
		[CORE_FALSE] = "false",
		[CORE_UNKNOWN] = "unknown",
		[CORE_TRUE] = "true",
	};

	json_begin_object(&w->b, NULL);
	put_owned(w, "text", condition_print_leaf(cond, leaf));
	json_put_bool(&w->b, "not", term->negated);
	json_put_string(&w->b, "truth", truths[term->truth]);
	json_put_bool(&w->b, "holds", term->truth != CORE_UNKNOWN && (term->truth == CORE_TRUE) != term->negated);
	json_put_strings(&w->b, "states", term->states);
	if (term->unset != NULL)
		json_put_string(&w->b, "unset", term->unset);
	put_providers(w, term);
	json_end_object(&w->b);
}

static void
put_record(struct writer *w, const char *job, const char *instance)
{
	struct core_want want;

	if (core_want(w->core, job, instance, &want) < 0)
		return;
	json_put_bool(&w->b, "wanted", want.wanted);
	json_put_bool(&w->b, "holds", want.bound);
	json_put_bool(&w->b, "armed", want.armed);
	json_put_bool(&w->b, "spent", want.spent);
	json_put_number(&w->b, "awaited", (int64_t) want.awaited);
	json_put_strings(&w->b, "arming", want.arming);
	json_put_strings(&w->b, "binding", want.bound ? want.binding : NULL);
}

static void
put_while(struct writer *w, const char *job, const char *instance)
{
	const struct condition *cond = core_while(w->core, job);
	struct core_term *terms = NULL;
	size_t n = 0;
	int r;

	if (cond == NULL)
		return;
	r = core_while_terms(w->core, job, instance, &terms, &n);
	w->b.failed = w->b.failed || r == -ENOMEM;
	json_begin_object(&w->b, "while");
	put_owned(w, "text", condition_print(cond));
	put_record(w, job, instance);
	json_begin_array(&w->b, "terms");
	for (size_t i = 0; i < n; i++)
		put_term(w, cond, (int) i, &terms[i]);
	json_end_array(&w->b);
	json_end_object(&w->b);
	core_terms_free(terms, n);
}

/* -- instances ------------------------------------------------------------------------- */

/* What a step that failed was about, as the file of the job names it; owned; NULL: nothing it names. */
static char *
object_of(const struct job_class *cls, enum process_kind kind, uint32_t step)
{
	const struct job_process *process = &cls->process[kind];
	const char *object = NULL;
	auto_strv char **argv = NULL;
	auto_free char *script = NULL;

	if (step == SPAWN_EXEC && process->command != NULL && job_process_command(process, &argv, &script) == 0)
		object = argv[0];
	else if (step == SPAWN_CHDIR)
		object = cls->chdir;
	else if (step == SPAWN_CHROOT)
		object = cls->chroot;
	else if (step == SPAWN_BAD_SETUID || step == SPAWN_GETPWNAM)
		object = process->setuid != NULL ? process->setuid : cls->setuid;
	else if (step == SPAWN_BAD_SETGID || step == SPAWN_GETGRNAM)
		object = process->setgid != NULL ? process->setgid : cls->setgid;
	else if (step == SPAWN_SECURITY)
		object = cls->apparmor_switch;
	return object != NULL ? strdup(object) : NULL;
}

static void
put_failed_step(struct writer *w, const struct job_class *cls, enum process_kind kind, const struct core_exit *x)
{
	auto_free char *object = object_of(cls, kind, x->step);
	char text[256];

	spawn_step_text(x->step, x->arg, x->value, text, sizeof(text));
	json_put_string(&w->b, "error", text);
	if (object != NULL)
		json_put_string(&w->b, "object", object);
}

/* How long it had, or what it was to say that on. */
static void
put_unready(struct writer *w, const struct job_class *cls, const struct core_exit *x)
{
	json_put_string(&w->b, "unready", x->unready == CORE_UNREADY_LATE ? "late" : "silent");
	json_put_string(&w->b, "expect", expect_mode_name(cls->expect));
	if (x->unready == CORE_UNREADY_LATE && cls->expect_timeout != JOB_EXPECT_TIMEOUT_UNSET)
		json_put_number(&w->b, "timeout", cls->expect_timeout);
}

static void
put_exit(struct writer *w, const struct job_class *cls, enum process_kind kind, const struct core_exit *x)
{
	int signal = x->value >> 8;

	json_begin_object(&w->b, NULL);
	json_put_string(&w->b, "process", process_kind_name(kind));
	if (x->unready != CORE_UNREADY_NOT)
		put_unready(w, cls, x);
	if (!x->spawned) {
		put_failed_step(w, cls, kind, x);
	} else if (x->ending) {
		json_put_null(&w->b, "status");
	} else if (signal == 0) {
		json_put_number(&w->b, "status", x->value);
	} else if (signal_name(signal) != NULL) {
		json_put_string(&w->b, "signal", signal_name(signal));
	} else {
		put_owned(w, "signal", str_printf("%d", signal));
	}
	put_ago(w, "ago", x->at);
	json_end_object(&w->b);
}

static void
put_exits(struct writer *w, const struct job_class *cls, const struct core_past *past)
{
	json_begin_array(&w->b, "exits");
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		if (past->exits[i].known)
			put_exit(w, cls, (enum process_kind) i, &past->exits[i]);
	json_end_array(&w->b);
}

/* The window of the respawn limit. */
static void
put_respawn(struct writer *w, const struct job_class *cls, const struct core_past *past)
{
	usec_t interval = cls->respawn_interval * USEC_PER_SEC;
	bool limited = cls->respawn_limit > 0 && interval > 0; /* else nobody counts */
	bool counts = past->respawns > 0 && w->now < past->window + interval;

	if (!cls->respawn)
		return;
	json_begin_object(&w->b, "respawn");
	json_put_number(&w->b, "limit", cls->respawn_limit);
	json_put_number(&w->b, "interval", cls->respawn_interval);
	if (limited)
		json_put_number(&w->b, "count", counts ? past->respawns : 0);
	else
		json_put_null(&w->b, "count");
	if (counts)
		json_put_seconds(&w->b, "left", past->window + interval - w->now);
	if (cls->respawn_delay > 0) {
		json_put_number(&w->b, "delay", cls->respawn_delay);
		json_put_number(&w->b, "delay_max", cls->respawn_delay_max);
		json_put_seconds(&w->b, "back_off", past->back_off);
	}
	json_end_object(&w->b);
}

/* What a live instance waits for: time to pass, its own event, or a process to end or to be ready. */
static void
put_waits_for(struct writer *w, const struct job_class *cls, const struct core_instance *view,
	      const struct core_past *past)
{
	enum process_kind kind = lifecycle_awaited(view->state);

	if (past->rests != 0) {
		json_put_seconds(&w->b, "waits_for_time", past->rests > w->now ? past->rests - w->now : 0);
	} else if (past->event != 0) {
		put_event(w, "waits_for_event", past->event, true);
	} else if (kind < PROCESS_KIND_COUNT) {
		json_begin_object(&w->b, "waits_for_process");
		json_put_string(&w->b, "process", process_kind_name(kind));
		json_put_string(&w->b, "until", view->state == JOB_SPAWNED ? "ready" : "ended");
		if (view->state == JOB_SPAWNED)
			json_put_string(&w->b, "expect", expect_mode_name(cls->expect));
		if (view->state == JOB_KILLED)
			json_put_number(&w->b, "kill_timeout", cls->kill_timeout);
		json_end_object(&w->b);
	}
}

static void
put_who_waits(struct writer *w, const char *job, const char *instance, const struct core_past *past)
{
	struct u64v ids = { 0 };

	if (core_instance_events(w->core, job, instance, &ids) == -ENOMEM)
		w->b.failed = true;
	json_begin_array(&w->b, "waited_for_by");
	for (size_t i = 0; i < ids.n && i < HOLDERS_MAX; i++)
		put_event(w, NULL, ids.p[i], false);
	json_end_array(&w->b);
	json_put_number(&w->b, "clients", (int64_t) past->clients);
	u64v_deinit(&ids);
}

/* An instance, alive or not. */
static void
put_instance(struct writer *w, const struct job_class *cls, const char *instance)
{
	struct core_instance view;
	struct core_past past;
	bool known = core_past(w->core, cls->name, instance, &past) == 0;
	bool live = core_instance(w->core, cls->name, instance, &view) == 0;

	json_begin_object(&w->b, NULL);
	json_put_string(&w->b, "instance", instance);
	json_put_bool(&w->b, "live", live);
	json_put_string(&w->b, "goal", job_goal_name(live ? view.goal : GOAL_STOP));
	json_put_string(&w->b, "state", job_state_name(live ? view.state : JOB_WAITING));
	if (known) {
		put_ago(w, "since", past.since);
		json_put_string(&w->b, "failed", past.failed_kind);
		put_exits(w, cls, &past);
		put_respawn(w, cls, &past);
	}
	if (live) {
		json_put_string(&w->b, "quarantine", view.quarantine);
		json_put_string(&w->b, "doing", view.doing != CORE_DOING_NOTHING ? core_doing_name(view.doing) : NULL);
		json_put_string(&w->b, "status", view.status);
		put_processes(w, &view);
		put_waits_for(w, cls, &view, &past);
		put_who_waits(w, cls->name, instance, &past);
		put_condition(w, "stop_on", cls->name, instance);
	}
	put_while(w, cls->name, instance);
	json_end_object(&w->b);
}

/* All names worth telling of: those alive, those under a `while`, those that were. Owned; NULL when out of memory. */
static char **
instances_of(const struct core *core, const char *job)
{
	auto_strv char **live = core_instance_names(core, job);
	auto_strv char **wants = core_want_names(core, job);
	auto_strv char **pasts = core_past_names(core, job);
	char *const *const all[] = { live, wants, pasts };
	char **names = strv_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(all) && names != NULL; i++)
		for (size_t k = 0;
		     all[i] != NULL && all[i][k] != NULL && strv_len(names) < INSTANCES_MAX && names != NULL; k++)
			if (!strv_has(names, all[i][k]) && strv_add(&names, all[i][k]) < 0)
				names = strv_free(names);
	return live != NULL && wants != NULL && pasts != NULL ? names : strv_free(names);
}

static void
put_instances(struct writer *w, const struct job_class *cls, const char *instance)
{
	auto_strv char **names = NULL;

	json_begin_array(&w->b, "instances");
	if (instance != NULL || *cls->instance == '\0') {
		put_instance(w, cls, instance != NULL ? instance : "");
	} else {
		names = instances_of(w->core, cls->name);
		w->b.failed = w->b.failed || names == NULL;
		for (size_t i = 0; names != NULL && names[i] != NULL; i++)
			put_instance(w, cls, names[i]);
	}
	json_end_array(&w->b);
}

char *
explain_job(struct init *init, const char *job, const char *instance)
{
	static const char *const definitions[] = {
		[CORE_SUCCESSOR_NONE] = "current",
		[CORE_SUCCESSOR_CHANGED] = "replaced",
		[CORE_SUCCESSOR_DELETED] = "removed",
	};
	struct writer w = { .init = init, .core = init->core, .now = clock_now() };
	const struct job_class *cls = core_class(init->core, job);

	if (cls == NULL)
		return NULL;
	json_begin_object(&w.b, NULL);
	json_put_string(&w.b, "job", job);
	json_put_string(&w.b, "path", cls->path);
	json_put_string(&w.b, "definition", definitions[core_class_successor(init->core, job)]);
	json_put_string(&w.b, "refused", sources_fault(init, job));
	json_put_bool(&w.b, "task", cls->task);
	json_put_bool(&w.b, "manual", cls->manual);
	json_put_string(&w.b, "instance", cls->instance);
	put_condition(&w, "start_on", job, NULL);
	put_instances(&w, cls, instance);
	json_end_object(&w.b);
	if (!w.b.failed)
		return strbuf_steal(&w.b);
	strbuf_deinit(&w.b);
	return NULL;
}

/* -- all ------------------------------------------------------------------------------------ */

static void
put_all_events(struct writer *w)
{
	struct u64v ids = { 0 };

	if (core_events(w->core, &ids) < 0)
		w->b.failed = true;
	json_begin_array(&w->b, "events");
	for (size_t i = 0; i < ids.n && i < WAITS_MAX; i++)
		put_event(w, NULL, ids.p[i], true);
	json_end_array(&w->b);
	if (ids.n > WAITS_MAX)
		json_put_number(&w->b, "more_events", (int64_t) (ids.n - WAITS_MAX));
	u64v_deinit(&ids);
}

/* True if it was told: the instance is on its way somewhere. */
static bool
put_if_under_way(struct writer *w, const struct job_class *cls, const char *instance)
{
	struct core_instance view;
	struct core_past past;

	if (core_instance(w->core, cls->name, instance, &view) < 0 ||
	    core_past(w->core, cls->name, instance, &past) < 0 ||
	    (view.state == JOB_RUNNING && view.goal == GOAL_START && past.clients == 0))
		return false;
	json_begin_object(&w->b, NULL);
	put_place(w, cls->name, instance);
	put_ago(w, "since", past.since);
	put_processes(w, &view);
	put_waits_for(w, cls, &view, &past);
	json_put_number(&w->b, "clients", (int64_t) past.clients);
	json_end_object(&w->b);
	return true;
}

char *
explain_waits(struct init *init)
{
	struct writer w = { .init = init, .core = init->core, .now = clock_now() };
	auto_strv char **jobs = core_class_names(init->core);
	size_t told = 0;

	w.b.failed = jobs == NULL;
	json_begin_object(&w.b, NULL);
	put_all_events(&w);
	json_begin_array(&w.b, "instances");
	for (size_t i = 0; jobs != NULL && jobs[i] != NULL; i++) {
		auto_strv char **names = core_instance_names(init->core, jobs[i]);
		const struct job_class *cls = core_class(init->core, jobs[i]);

		for (size_t k = 0; cls != NULL && names != NULL && names[k] != NULL && told < WAITS_MAX; k++)
			told += put_if_under_way(&w, cls, names[k]);
	}
	json_end_array(&w.b);
	json_end_object(&w.b);
	if (!w.b.failed)
		return strbuf_steal(&w.b);
	strbuf_deinit(&w.b);
	return NULL;
}
