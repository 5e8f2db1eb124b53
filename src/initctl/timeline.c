/* SPDX-License-Identifier: MIT */
/*
 * The critical chain is found from its end. A run that is done waited for itself, back to when its `starting` was over;
 * before that for the last of those whom `starting` started, if any; before that for whoever brought it about. Every
 * step is earlier than the last, so it comes to an end.
 */
#include "initctl/timeline.h"

#include <string.h>

#include "initctl/waits.h"

#define QUIET 10.0 /* seconds without anybody on the way: the boot is over */

/* -- reading --------------------------------------------------------------------- */

static double
seconds_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NEVER;
}

static size_t
find_run(const struct timeline *t, long long id)
{
	size_t from = 0, to = t->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (t->runs[middle].id == id)
			return middle;
		if (t->runs[middle].id < id)
			from = middle + 1;
		else
			to = middle;
	}
	return NO_RUN;
}

static double
done_at(const struct run *run)
{
	if (!run->task)
		return run->ready;
	return run->gone >= 0 ? run->gone : run->stopping;
}

static void
read_run(struct run *run, const json_t *object)
{
	run->id = json_count_of(object, "run");
	run->job = json_text_of(object, "job");
	run->instance = json_text_of(object, "instance");
	run->task = json_is_set(object, "task");
	run->why = json_text_of(object, "why");
	run->event = json_text_of(object, "event");
	run->failed = json_text_of(object, "failed");
	run->event_id = json_count_of(object, "event_id");
	run->starting_event = json_count_of(object, "starting_event");
	run->event_at = seconds_of(object, "event_at");
	run->asked = seconds_of(object, "asked");
	run->starting = seconds_of(object, "starting");
	run->begun = seconds_of(object, "begun");
	run->main = seconds_of(object, "main");
	run->main_ready = seconds_of(object, "main_ready");
	run->ready = seconds_of(object, "ready");
	run->stopping = seconds_of(object, "stopping");
	run->gone = seconds_of(object, "gone");
	run->done = done_at(run);
	run->by = NO_RUN;
}

/* Those that began before the first long silence. */
static void
find_boot(struct timeline *t)
{
	double end = t->startup >= 0 ? t->startup : 0;

	t->end = NEVER;
	for (size_t i = 0; i < t->n; i++) {
		struct run *run = &t->runs[i];

		if (run->asked > end + QUIET)
			return;
		run->boot = true;
		if (run->done > end)
			end = run->done;
		else if (run->asked > end)
			end = run->asked;
		if (run->done >= 0)
			t->end = run->done > t->end ? run->done : t->end;
	}
}

int
timeline_read(struct timeline *t, struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *text auto_free = NULL;
	const json_t *list, *object;
	size_t i;
	int r = upstart_history(ctl->upstart, &text, &err);

	if (waits_read(ctl, r, text, &err, &t->root) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	list = json_object_get(t->root, "runs");
	t->began = seconds_of(t->root, "began");
	t->startup = seconds_of(t->root, "startup");
	t->now = seconds_of(t->root, "now");
	t->dropped = json_count_of(t->root, "dropped");
	t->n = json_array_size(list);
	t->runs = calloc(t->n + 1, sizeof(*t->runs));
	if (t->runs == NULL)
		tool_nomem();
	json_array_foreach(list, i, object) read_run(&t->runs[i], object);
	json_array_foreach(list, i, object) t->runs[i].by = find_run(t, json_count_of(object, "by"));
	find_boot(t);
	t->origin = "";
	return EXIT_SUCCESS;
}

void
timeline_deinit(struct timeline *t)
{
	json_decref(t->root);
	free(t->runs);
	free(t->chain);
	*t = (struct timeline) TIMELINE_INIT;
}

/* -- the chain -------------------------------------------------------------------- */

static void
add_step(struct timeline *t, size_t run, double from, double to)
{
	t->chain[t->n_chain++] = (struct step){ run, from < to ? from : to, to };
	t->runs[run].critical = true;
}

/* Who of those that its `starting` started was done last, so that it could begin; NO_RUN: nobody. */
static size_t
last_helper(const struct timeline *t, size_t of)
{
	const struct run *run = &t->runs[of];
	size_t best = NO_RUN;

	if (run->starting_event == 0 || run->begun < 0)
		return NO_RUN;
	for (size_t i = 0; i < t->n; i++) {
		const struct run *other = &t->runs[i];

		if (i != of && other->event_id == run->starting_event && other->done >= run->starting &&
		    other->done <= run->begun && (best == NO_RUN || other->done > t->runs[best].done))
			best = i;
	}
	return best;
}

/* When what led to it happened. */
static double
cause_at(const struct run *run)
{
	return run->event_at >= 0 && run->event_at < run->asked ? run->event_at : run->asked;
}

static const char *
origin_of(const struct run *run)
{
	if (*run->event != '\0')
		return run->event;
	if (strcmp(run->why, "request") == 0)
		return _("a request");
	if (strcmp(run->why, "while") == 0)
		return _("its `while'");
	return strcmp(run->why, "respawn") == 0 ? _("its own end") : _("something unknown");
}

/* From the end `until` of `place` back to what set all off. */
static void
walk(struct timeline *t, size_t place, double until)
{
	size_t limit = 2 * t->n;

	t->chain = calloc(limit + 1, sizeof(*t->chain));
	if (t->chain == NULL)
		tool_nomem();
	while (t->n_chain < limit) {
		const struct run *run = &t->runs[place];
		/* From a helper back to here it is about what was before. */
		bool whole = run->begun <= until && until > run->starting;
		size_t helper = whole ? last_helper(t, place) : NO_RUN;
		double from = helper != NO_RUN ? t->runs[helper].done : cause_at(run);

		add_step(t, place, from, until);
		until = from;
		if (helper != NO_RUN) {
			place = helper;
			continue;
		}
		t->origin = origin_of(run);
		if (run->by == NO_RUN || run->by == place || t->runs[run->by].asked > from)
			return;
		place = run->by;
	}
}

bool
timeline_chain(struct timeline *t, const char *job, bool all)
{
	size_t last = NO_RUN;

	for (size_t i = 0; i < t->n; i++) {
		const struct run *run = &t->runs[i];

		if (run->done < 0 || (job != NULL ? strcmp(run->job, job) != 0 : !all && !run->boot))
			continue;
		if (last == NO_RUN || run->done >= t->runs[last].done)
			last = i;
	}
	if (last == NO_RUN)
		return false;
	walk(t, last, t->runs[last].done);
	return true;
}

/* -- words ------------------------------------------------------------------------- */

double
run_took(const struct run *run)
{
	return run->done >= 0 ? run->done - run->asked : NEVER;
}

static char *
steal_text(struct strbuf *b)
{
	if (b->failed || b->p == NULL)
		tool_nomem();
	return strbuf_steal(b);
}

char *
run_name(const struct run *run)
{
	struct strbuf b = STRBUF_INIT;

	tool_add_visible(&b, run->job);
	if (*run->instance != '\0') {
		strbuf_add(&b, " (");
		tool_add_visible(&b, run->instance);
		strbuf_addc(&b, ')');
	}
	return steal_text(&b);
}

char *
run_reason(const struct timeline *t, const struct run *run)
{
	struct strbuf b = STRBUF_INIT;
	char *by auto_free = run->by != NO_RUN ? run_name(&t->runs[run->by]) : NULL;

	tool_add_visible(&b, origin_of(run));
	/* The event of a job says itself whose it is. */
	if (by != NULL && strstr(run->event, " JOB=") == NULL)
		strbuf_addf(&b, _(" by %s"), by);
	return steal_text(&b);
}
