/* SPDX-License-Identifier: MIT */
/*
 * What started when, and why (core_history()): runs are told as they were, survive a snapshot, and are bounded.
 */
#include "rig.h"

#include "core/explain.h"

#include <stdio.h>
#include <string.h>

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, 0);
	*state = r;
	return 0;
}

/* What a re-exec does to a core: what is written is read back the same. */
static void
reload(struct rig *r)
{
	auto_strbuf struct strbuf b = STRBUF_INIT, again = STRBUF_INIT;
	struct core *core = NULL;

	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &core), 0);
	core_save(core, &again);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.p, b.p, b.len);
	r->core = core_free(r->core);
	r->core = core;
}

static struct core_history
history(const struct rig *r)
{
	struct core_history view;

	core_history(r->core, &view);
	return view;
}

/* The last run of a job. */
static const struct core_run *
run_of(const struct rig *r, const char *job)
{
	const struct core_run *found = NULL;

	for (const struct core_run *run = history(r).runs; run != NULL; run = run->next)
		if (strcmp(run->job, job) == 0)
			found = run;
	if (found == NULL)
		fail_msg("no run of %s", job);
	return found;
}

static size_t
count_runs(const struct rig *r)
{
	size_t n = 0;

	for (const struct core_run *run = history(r).runs; run != NULL; run = run->next)
		n++;
	return n;
}

static void
test_service_is_told_step_by_step(void **state)
{
	struct rig *r = *state;
	const struct core_run *web;
	usec_t began;

	(void) rig_define(r, "web", "start on go;pre-start exec a;post-start exec b;exec web");
	rig_pass(r, USEC_PER_SEC);
	began = r->now;
	(void) rig_emit(r, "go", "A=1 B= C=3");
	web = run_of(r, "web");
	assert_int_equal(web->why, CORE_RUN_EVENT);
	assert_string_equal(web->event, "go A=1 C=3");
	assert_int_equal(web->by, 0);
	assert_int_equal(web->asked, web->starting);
	assert_int_equal(web->begun, web->event_at);
	assert_true(web->begun >= began);
	assert_int_equal(web->main, 0);
	rig_pass(r, USEC_PER_SEC);
	reload(r);
	rig_up(r, "web", "pre-start");
	rig_exit(r, "web", "pre-start", 0);
	web = run_of(r, "web");
	assert_true(web->main >= web->begun + USEC_PER_SEC);
	rig_pass(r, USEC_PER_SEC);
	rig_up(r, "web", "main");
	web = run_of(r, "web");
	assert_true(web->main_ready >= web->main + USEC_PER_SEC);
	assert_int_equal(web->ready, 0);
	rig_pass(r, USEC_PER_SEC);
	rig_up(r, "web", "post-start");
	rig_exit(r, "web", "post-start", 0);
	web = run_of(r, "web");
	assert_true(web->ready >= web->main_ready + USEC_PER_SEC);
	assert_int_equal(web->gone, 0);
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	reload(r);
	web = run_of(r, "web");
	assert_true(web->stopping >= web->ready);
	assert_true(web->gone >= web->stopping);
	assert_false(web->failed);
	assert_int_equal(count_runs(r), 1);
}

static void
test_causes_are_known(void **state)
{
	struct rig *r = *state;
	const struct core_run *db, *web, *check, *stats;

	(void) rig_define(r, "db", "start on startup;exec db");
	(void) rig_define(r, "check", "start on starting web;task;exec check");
	(void) rig_define(r, "web", "start on started db;exec web");
	(void) rig_define(r, "stats", "while web;exec stats");
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	reload(r);
	rig_settle(r);
	db = run_of(r, "db");
	web = run_of(r, "web");
	check = run_of(r, "check");
	stats = run_of(r, "stats");
	assert_true(history(r).startup != 0);
	assert_int_equal(db->by, 0);
	assert_string_equal(db->event, "startup");
	assert_int_equal(web->by, db->number);
	assert_string_equal(web->event, "started JOB=db");
	assert_int_equal(check->by, web->number);
	assert_int_equal(check->event_id, web->starting_event);
	assert_true(check->task);
	assert_true(web->begun >= check->gone);
	assert_int_equal(stats->why, CORE_RUN_WHILE);
	assert_int_equal(stats->by, web->number);
	(void) rig_restart(r, "web", NULL);
	rig_settle(r);
	web = run_of(r, "web");
	assert_int_equal(web->why, CORE_RUN_REQUEST);
}

static void
test_respawn_and_failure_are_told(void **state)
{
	struct rig *r = *state;
	const struct core_run *web;

	(void) rig_define(r, "web", "respawn;exec web");
	(void) rig_define(r, "job", "task;exec job");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 1);
	rig_settle(r);
	web = run_of(r, "web");
	assert_int_equal(web->why, CORE_RUN_RESPAWN);
	assert_ptr_equal(web->prev->prev, web);
	assert_true(web->prev->gone != 0);
	assert_false(web->prev->failed);
	(void) rig_start(r, "job", NULL);
	rig_up(r, "job", "main");
	rig_exit(r, "job", "main", 2);
	rig_settle(r);
	assert_true(run_of(r, "job")->failed);
	assert_int_equal(run_of(r, "job")->failed_kind, PROCESS_MAIN);
}

/* A start while it goes down is no run before it has gone. */
static void
test_start_that_waits_for_the_end_is_asked_for_before(void **state)
{
	struct rig *r = *state;
	const struct core_run *web;

	(void) rig_define(r, "web", "start on go;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	(void) rig_stop(r, "web", NULL);
	(void) rig_emit(r, "go", NULL);
	assert_int_equal(count_runs(r), 1);
	rig_pass(r, USEC_PER_SEC);
	reload(r);
	rig_exit(r, "web", "main", 0);
	web = run_of(r, "web");
	assert_int_equal(count_runs(r), 2);
	assert_int_equal(web->why, CORE_RUN_EVENT);
	assert_true(web->starting >= web->asked + USEC_PER_SEC);
	rig_settle(r);
}

/* The first stay, the last stay; what is between is counted. */
static void
test_history_is_bounded(void **state)
{
	struct rig *r = *state;
	size_t most = 0, n = 0;
	struct core_history view;

	(void) rig_define(r, "job", "task;instance $N;exec job");
	r->unchecked = true;
	rig_rule(r, "job", "main", "missing", false);
	for (; n < 1500; n++) {
		char env[16];

		(void) snprintf(env, sizeof(env), "N=%zu", n);
		(void) rig_start(r, "job", env);
		rig_settle(r);
		most = count_runs(r) > most ? count_runs(r) : most;
	}
	r->unchecked = false;
	reload(r);
	(void) rig_start(r, "job", "N=x");
	rig_settle(r);
	view = history(r);
	assert_int_equal(most, 1024 + 256);
	assert_int_equal(count_runs(r), most);
	assert_int_equal(view.dropped, n + 1 - most);
	assert_string_equal(view.runs->instance, "0");
	assert_string_equal(view.runs->prev->instance, "x");
}

/* Whoever names things, what is kept of them is bounded and whole characters. */
static void
test_long_names_are_cut(void **state)
{
	struct rig *r = *state;
	char value[2001], env[4200];

	memset(value, '\xc3', sizeof(value));
	for (size_t i = 1; i < sizeof(value); i += 2)
		value[i] = '\xa4';
	value[sizeof(value) - 1] = '\0';
	(void) snprintf(env, sizeof(env), "X=%s N=%s", value, value);
	(void) rig_define(r, "job", "start on go;task;instance $N;exec job");
	(void) rig_emit(r, "go", env);
	assert_in_range(strlen(run_of(r, "job")->event), 158, 160);
	assert_int_equal(strlen(run_of(r, "job")->instance), 512);
	assert_int_equal(strlen(run_of(r, "job")->event) % 2, 1); /* "go X=" and whole characters */
	rig_settle(r);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_service_is_told_step_by_step),
		test(test_causes_are_known),
		test(test_respawn_and_failure_are_told),
		test(test_start_that_waits_for_the_end_is_asked_for_before),
		test(test_history_is_bounded),
		test(test_long_names_are_cut),
	};

	return cmocka_run_group_tests_name("core history", tests, NULL, NULL);
}
