/* SPDX-License-Identifier: MIT */
/*
 * Each term on `time` of a job's conditions is a timer, found again by the job's name and the term's words: a job whose
 * file changes elsewhere keeps its timers, one whose schedule changes has a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridges/time_bridge.h"
#include "common/log.h"
#include "job/condition.h"

static const char *const place_names[] = { [TERM_START] = "start", [TERM_STOP] = "stop", [TERM_WHILE] = "while" };
static const char *const stanzas[] = { [TERM_START] = "start on", [TERM_STOP] = "stop on", [TERM_WHILE] = "while" };

struct want *
want_free(struct want *want)
{
	if (!want)
		return NULL;
	free(want->job);
	free(want->path);
	(void) strv_free(want->words);
	(void) strv_free(want->pending);
	free(want);
	return NULL;
}

static const char *
job_name(const struct terms_job *job)
{
	const char *slash = strrchr(job->path, '/');

	return job->name ? job->name : slash ? slash + 1 : job->path;
}

static struct want *
want_new(const struct terms_job *job, const struct term *term)
{
	struct want *want = calloc(1, sizeof(*want));

	if (!want)
		return NULL;
	want->place = term->place;
	want->single = job->instance && !*job->instance;
	if (strv_dup(&want->words, term->args) < 0)
		return want_free(want);
	if (term->place == TERM_WHILE)
		return want;
	want->job = strdup(job_name(job));
	want->path = strdup(job->path);
	return want->job && want->path ? want : want_free(want);
}

/* -- faults ------------------------------------------------------------------------- */

/* Say it, unless it was said when the jobs were looked at last; it is among those of this time then. */
static void
tell_fault(struct time_bridge *tb, char ***faults, char *text)
{
	if (!text || strv_has(*faults, text)) {
		free(text);
		return;
	}
	if (!strv_has(tb->faults, text))
		log_warn("%s", text);
	(void) !strv_take(faults, text);
}

/* The job, with its file if that is known; the caller's, NULL: out of memory. */
static char *
job_and_file(const struct terms_job *job)
{
	return job->file && *job->file ? str_printf("%s (%s)", job_name(job), job->file) : strdup(job_name(job));
}

static void
fault_of_schedule(struct time_bridge *tb, char ***faults, const struct terms_job *job, const struct term *term,
		  const struct schedule_error *why)
{
	const char *word = term->args && why->word < strv_len(term->args) ? term->args[why->word] : NULL;
	char *where auto_free = job_and_file(job);
	char *text = NULL;

	if (where && word)
		text = str_printf("%s: %s %s: column %zu of `%s': %s", where, stanzas[term->place], SCHEDULE_EVENT,
				  why->offset + 1, word, why->text);
	else if (where)
		text = str_printf("%s: %s %s: %s", where, stanzas[term->place], SCHEDULE_EVENT, why->text);
	tell_fault(tb, faults, text);
}

/* -- timers ---------------------------------------------------------------------------- */

/* Make a timer for the term. 0, -EINVAL: it says no schedule, which was told; -ENOMEM. */
static int
add_timer(struct time_bridge *tb, char ***faults, const struct terms_job *job, const struct term *term, const char *key)
{
	struct schedule_error why = { 0 };
	struct error err = ERROR_INIT;
	const struct zone *zone;
	struct schedule schedule;
	struct timers_now now;
	struct timer *timer;
	struct want *want;
	usec_t jitter;
	int r = schedule_read(&schedule, term->args, term->place == TERM_WHILE, &why);

	if (r == -EINVAL)
		fault_of_schedule(tb, faults, job, term, &why);
	if (r < 0)
		return r;
	zone = zones_get(&tb->zones, schedule.zone, &err);
	if (!zone) {
		char *where auto_free = job_and_file(job);

		schedule_deinit(&schedule);
		tell_fault(tb, faults, where ? str_printf("%s: %s %s: %s", where, stanzas[term->place], SCHEDULE_EVENT, err.text) : NULL);
		return err.code == -ENOMEM ? -ENOMEM : -EINVAL;
	}
	want = want_new(job, term);
	jitter = timers_jitter(schedule.jitter, tb->machine, key);
	clocks_read(&now);
	timer = want ? timers_add(&tb->timers, key, &schedule, zone, jitter, want, &now) : NULL;
	if (!timer) {
		schedule_deinit(&schedule);
		(void) want_free(want);
		return -ENOMEM;
	}
	timer->seen = true;
	tb->windows_changed |= timer->schedule.kind == SCHEDULE_BETWEEN;
	return 0;
}

static int
take_term(struct time_bridge *tb, char ***faults, const struct terms_job *job, const struct term *term)
{
	char *key auto_free = NULL;
	struct timer *timer;
	int r;

	if (strcmp(term->event, SCHEDULE_EVENT) != 0)
		return 0;
	key = places_key(job_name(job), place_names[term->place], term->args);
	if (!key)
		return -ENOMEM;
	timer = timers_find(&tb->timers, key);
	if (timer) {
		struct want *want = timer->data;

		timer->seen = true;
		want->single = job->instance && !*job->instance;
		return 0;
	}
	r = add_timer(tb, faults, job, term, key);
	return r == -ENOMEM ? r : 0;
}

/* Timers that no job asks for any more. */
static void
sweep(struct time_bridge *tb)
{
	struct timer *timer = tb->timers.list, *next;

	for (; timer; timer = next) {
		next = timer->next;
		if (timer->seen)
			continue;
		tb->windows_changed |= timer->schedule.kind == SCHEDULE_BETWEEN;
		timers_remove(&tb->timers, timer);
	}
}

void
time_wants_update(struct time_bridge *tb)
{
	char **faults = NULL;
	int r = 0;

	for (struct timer *timer = tb->timers.list; timer; timer = timer->next)
		timer->seen = false;
	for (const struct terms_job *job = bridge_terms(tb->bridge)->jobs; job; job = job->next) {
		for (size_t i = 0; i < job->list.count; i++) {
			if (take_term(tb, &faults, job, &job->list.terms[i]) < 0)
				r = -ENOMEM;
		}
	}
	if (r < 0)
		log_error("Out of memory: not all schedules of jobs are kept");
	sweep(tb);
	(void) strv_free(tb->faults);
	tb->faults = faults;
}

/* -- events ----------------------------------------------------------------------------- */

/* Does the event match the AFTER of the timer? */
static bool
matches(const struct timer *timer, const char *name, char *const *env)
{
	const struct schedule *s = &timer->schedule;
	const struct want *want = timer->data;
	const char *instance = time_env(env, "INSTANCE");
	struct condition_node node = { .type = CONDITION_MATCH, .name = s->after[0], .args = s->after + 1 };
	char **vars auto_strv = NULL;

	if (strcmp(s->after[0], name) != 0)
		return false;
	if (!s->after[1])
		return true;
	if (strv_take(&vars, str_printf("UPSTART_JOB=%s", want->job)) < 0 ||
	    strv_take(&vars, str_printf("UPSTART_INSTANCE=%s", instance ? instance : "")) < 0)
		return false;
	return condition_node_matches(&node, name, env, vars);
}

void
time_wants_event(struct time_bridge *tb, const char *name, char *const *env)
{
	const char *job = time_env(env, "JOB"), *instance = time_env(env, "INSTANCE");
	char *whose auto_free = job ? str_printf("%s\n%s", job, instance ? instance : "") : NULL;
	struct timers_now now;

	clocks_read(&now);
	for (struct timer *timer = tb->timers.list; timer; timer = timer->next) {
		if (timer->schedule.kind == SCHEDULE_AFTER && matches(timer, name, env) &&
		    timers_after(&tb->timers, timer, whose, &now) < 0)
			log_error("Out of memory: %s misses its time after %s", ((struct want *) timer->data)->job, name);
	}
}
