/* SPDX-License-Identifier: MIT */
/*
 * The end of a container or a machine: runlevels 0 and 6, limits, and the job whose end is the end.
 */
#include "rig.h"

#include "common/log.h"

#define SHOWN (1u << EFFECT_FINISHED | RIG_LOG)
#define LIMIT (60 * USEC_PER_SEC)

static void
shutdown_input(struct rig *r, enum shutdown_action what, const char *job, usec_t limit)
{
	struct input in = { .type = INPUT_SHUTDOWN, .shutdown = { .what = what, .limit = limit } };

	in.shutdown.job = job != NULL ? strdup(job) : NULL;
	assert_int_equal(rig_apply(r, &in), 0);
}

static int
setup(void **state)
{
	struct rig *r = rig_new();

	shutdown_input(r, SHUTDOWN_RULES, NULL, LIMIT);
	rig_show(r, SHOWN);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	(void) rig_free(*state);
	return 0;
}

static void
test_shutdown_without_jobs_is_over_at_once(void **state)
{
	struct rig *r = *state;

	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_expect(r, "finished 0 level 0\n");
	assert_true(shutdown_has_begun(r->core));
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_expect(r, "");
	assert_int_equal(r->n_timers, 0);
}

static void
test_shutdown_without_rules_runlevels_mean_nothing(void **state)
{
	struct rig *r = *state;

	shutdown_input(r, SHUTDOWN_RULES, NULL, 0);
	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=6");
	rig_settle(r);
	rig_expect(r, "");
	rig_assert_state(r, "web", "start/running");
	assert_false(shutdown_has_begun(r->core));
}

/* What the runlevel stops and starts has its time before anything else is stopped. */
static void
test_shutdown_runlevel_goes_before_the_rest(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "respawn;exec db");
	(void) rig_define(r, "web", "stop on runlevel [06];exec web");
	(void) rig_define(r, "save", "start on runlevel 6;task;exec save");
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "web", NULL);
	rig_rule(r, "save", "main", "waits", false);
	rig_settle(r);
	rig_show(r, 1u << EFFECT_FINISHED);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=6 PREVLEVEL=2 INIT_HALT=HALT");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "db", "start/running");
	rig_expect(r, "");
	rig_exit(r, "save", "main", 0);
	rig_assert_state(r, "db", "stop/killed");
	rig_settle(r);
	rig_expect(r, "finished 0 level 6 halt HALT\n");
}

/* Those that say so are down before what they need; the others are told youngest first. */
static void
test_shutdown_stops_in_order(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "exec db");
	(void) rig_define(r, "log", "exec log");
	(void) rig_define(r, "web", "stop on stopping db;exec web");
	(void) rig_start(r, "log", NULL);
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_FINISHED);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_expect(r, "kill web main TERM\nkill web main CONT\nkill log main TERM\nkill log main CONT\n");
	rig_assert_state(r, "db", "stop/stopping");
	rig_exit(r, "log", "main", 0);
	rig_expect(r, "");
	rig_exit(r, "web", "main", 0);
	rig_expect(r, "kill db main TERM\nkill db main CONT\n");
	rig_exit(r, "db", "main", 0);
	rig_expect(r, "finished 0 level 0\n");
}

static void
test_shutdown_tells_what_it_waits_for(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "kill timeout 12;exec db");
	rig_rule(r, "db", "main", "ignores", false);
	(void) rig_start(r, "db", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_pass(r, 11 * USEC_PER_SEC);
	rig_expect(r, "log message waiting for db: 1 of 12 s\nlog message waiting for db: 2 of 12 s\n"
		      "log message waiting for db: 3 of 12 s\nlog message waiting for db: 4 of 12 s\n"
		      "log message waiting for db: 5 of 12 s\nlog message waiting for db: 10 of 12 s\n");
	rig_pass(r, USEC_PER_SEC);
	rig_exit(r, "db", "main", JOB_EXIT_SIGNAL(9));
	rig_expect(r, "log warn db main process (101) killed by KILL signal\n"
		      "finished 0 level 0 killed [db main: still there 12 s after it was told to end] slow [db main: 12 s]\n");
}

static void
test_shutdown_asked_for_again_skips(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "kill timeout 50;exec db");
	(void) rig_define(r, "web", "pre-stop exec hang;exec web");
	rig_rule(r, "web", "pre-stop", "waits", false);
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_SKIP, NULL, 0); /* nothing yet */
	rig_expect(r, "");
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_FINISHED);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_up(r, "web", "pre-stop");
	rig_forget(r);
	shutdown_input(r, SHUTDOWN_SKIP, NULL, 0);
	rig_expect(r, "kill web main KILL\nkill web pre-stop KILL\nkill db main KILL\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(9));
	rig_exit(r, "web", "pre-stop", JOB_EXIT_SIGNAL(9));
	rig_exit(r, "db", "main", JOB_EXIT_SIGNAL(9));
	rig_expect(r, "finished 0 level 0 killed [web main: its end was not waited for, as was asked|"
		      "web pre-stop: its end was not waited for, as was asked|"
		      "db main: its end was not waited for, as was asked]\n");
}

/* A task of the way down that hangs has half of the time, the rest the other half. */
static void
test_shutdown_ends_at_its_limit(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on runlevel 0;task;exec save");
	(void) rig_define(r, "db", "kill timeout 1000;exec db");
	rig_rule(r, "save", "main", "ignores", false);
	rig_rule(r, "db", "main", "ignores", false);
	(void) rig_start(r, "db", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_settle(r);
	rig_pass(r, LIMIT / 2);
	rig_assert_state(r, "db", "stop/killed");
	rig_show(r, 1u << EFFECT_FINISHED);
	rig_pass(r, LIMIT / 2);
	rig_expect(r, "finished 0 level 0 killed [save main: still there 5 s after it was told to end|"
		      "save main: still there at the end of all time, 60 s|db main: still there at the end of all time, 60 s] "
		      "slow [save main: 59 s|db main: 29 s]\n");
}

static void
test_shutdown_another_runlevel_calls_it_off(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on runlevel 0;task;exec save");
	(void) rig_define(r, "web", "respawn;exec web");
	rig_rule(r, "save", "main", "waits", false);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	assert_true(shutdown_has_begun(r->core));
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=0");
	assert_false(shutdown_has_begun(r->core));
	rig_exit(r, "save", "main", 0);
	rig_exit(r, "web", "main", 1); /* it comes again */
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	assert_int_equal(r->n_timers, 0);
}

/* What the way down has kept from running runs then: what it has stopped, and what has come to be wanted meanwhile. */
static void
test_shutdown_called_off_lets_rise_what_it_has_held(void **state)
{
	struct rig *r = *state;
	struct strbuf b = STRBUF_INIT;
	struct core *again;

	(void) rig_define(r, "save", "start on runlevel 0;task;exec save");
	(void) rig_define(r, "base", "exec base");
	(void) rig_define(r, "fell", "while base;exec fell");
	(void) rig_define(r, "armed", "start on go;while base;exec armed");
	(void) rig_define(r, "late", "while other;stop on never;exec late");
	(void) rig_define(r, "other", "exec other");
	rig_rule(r, "save", "main", "waits", false);
	(void) rig_emit(r, "startup", NULL);
	(void) rig_start(r, "base", NULL);
	rig_settle(r);
	rig_assert_state(r, "fell", "start/running");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_assert_state(r, "fell", "none");
	(void) rig_emit(r, "go", NULL);
	(void) rig_start(r, "other", NULL);
	rig_settle(r);
	rig_assert_state(r, "armed", "none");
	rig_assert_state(r, "late", "none");
	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &again), 0);
	strbuf_deinit(&b);
	r->core = core_free(r->core);
	r->core = again;
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=0");
	rig_settle(r);
	rig_assert_state(r, "fell", "start/running");
	rig_assert_state(r, "armed", "start/running");
	rig_assert_state(r, "late", "start/running");
}

/* Nothing is respawned on the way down, but what follows states comes back when that is called off. */
static void
test_shutdown_called_off_brings_back_who_failed_meanwhile(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on runlevel 0;task;exec save");
	(void) rig_define(r, "base", "stop on never;exec base");
	(void) rig_define(r, "web", "while base;stop on never;respawn;exec web");
	(void) rig_define(r, "once", "while base;stop on never;exec once");
	rig_rule(r, "save", "main", "waits", false);
	(void) rig_emit(r, "startup", NULL);
	(void) rig_start(r, "base", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	rig_exit(r, "once", "main", 1);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "once", "none");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=0");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_assert_state(r, "once", "none"); /* that one never comes again by itself */
	/* The next way down finds it as if nothing had been. */
	rig_exit(r, "save", "main", 0);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

/* What a stop starts is stopped, too; circles have an end. */
static void
test_shutdown_nothing_rises_any_more(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on stopped b;exec a");
	(void) rig_define(r, "b", "start on stopped a;exec b");
	(void) rig_start(r, "a", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "finished 0 level 0\n"));
}

static void
assist(struct rig *r)
{
	struct input in = { .type = INPUT_SHUTDOWN, .shutdown = { SHUTDOWN_RULES, NULL, LIMIT, true } };

	assert_int_equal(rig_apply(r, &in), 0);
}

/* A machine is ended by its jobs: they are let work, and only when they have not the rest is stopped. */
static void
test_shutdown_of_a_machine_lets_its_jobs_work(void **state)
{
	struct rig *r = *state;

	assist(r);
	(void) rig_define(r, "rc", "start on runlevel [06];task;exec rc");
	(void) rig_define(r, "db", "stop on runlevel [06];kill timeout 50;exec db");
	(void) rig_define(r, "other", "respawn;exec other");
	rig_rule(r, "rc", "main", "waits", false);
	rig_rule(r, "db", "main", "ignores", false);
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "other", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=6 PREVLEVEL=2");
	rig_settle(r);
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_expect(r, "log message waiting for db: 1 of 50 s\nlog message waiting for db: 2 of 50 s\n");
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_FINISHED);
	shutdown_input(r, SHUTDOWN_SKIP, NULL, 0);
	rig_expect(r, "kill db main KILL\n");
	rig_exit(r, "db", "main", JOB_EXIT_SIGNAL(9));
	rig_assert_state(r, "other", "start/running");
	rig_exit(r, "rc", "main", 0);
	rig_expect(r, "kill other main TERM\nkill other main CONT\n");
	rig_exit(r, "other", "main", 1); /* no longer respawned */
	rig_expect(r, "finished 0 level 6 killed [db main: its end was not waited for, as was asked] slow [db main: 2 s]\n");
}

/* What ends it may be no task: the event does not wait for that, but the rest does, until somebody asks for it. */
static void
test_shutdown_of_a_machine_lets_services_of_the_runlevel_work(void **state)
{
	struct rig *r = *state;

	assist(r);
	(void) rig_define(r, "halt", "start on runlevel 0;exec halt");
	(void) rig_define(r, "up", "start on runlevel 2;exec up");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=N");
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_pass(r, 5 * USEC_PER_SEC);
	rig_assert_state(r, "halt", "start/running");
	rig_assert_state(r, "up", "start/running");
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_FINISHED);
	shutdown_input(r, SHUTDOWN_SKIP, NULL, 0);
	rig_expect(r, "kill halt main TERM\nkill halt main CONT\nkill up main TERM\nkill up main CONT\n");
	rig_exit(r, "halt", "main", 0);
	rig_exit(r, "up", "main", 0);
	rig_expect(r, "finished 0 level 0\n");
}

/* Names that only begin or end in `runlevel` are other events, whatever variables they bring. */
static void
test_shutdown_of_a_machine_knows_the_event_by_its_whole_name(void **state)
{
	struct rig *r = *state;

	assist(r);
	(void) rig_define(r, "early", "start on pre-runlevel;exec early");
	(void) rig_define(r, "late", "start on runlevel-changed;exec late");
	(void) rig_emit(r, "pre-runlevel", "RUNLEVEL=0");
	(void) rig_emit(r, "runlevel-changed", "RUNLEVEL=0");
	rig_settle(r);
	rig_show(r, 1u << EFFECT_KILL);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_expect(r, "kill late main TERM\nkill late main CONT\nkill early main TERM\nkill early main CONT\n");
}

/* Its jobs have half of the time, then all is stopped; what is left at the limit is killed. */
static void
test_shutdown_of_a_machine_has_a_limit(void **state)
{
	struct rig *r = *state;

	assist(r);
	(void) rig_define(r, "rc", "start on runlevel [06];task;exec rc");
	(void) rig_define(r, "db", "stop on runlevel [06];pre-stop exec hang;exec db");
	rig_rule(r, "rc", "main", "waits", false);
	rig_rule(r, "db", "pre-stop", "waits", false);
	(void) rig_start(r, "db", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_FINISHED);
	rig_pass(r, LIMIT / 2 - USEC_PER_SEC);
	rig_expect(r, "");
	rig_pass(r, USEC_PER_SEC);
	rig_expect(r, "kill rc main TERM\nkill rc main CONT\n");
	rig_exit(r, "rc", "main", 0);
	rig_pass(r, LIMIT / 2);
	rig_expect(r, "kill db main KILL\nkill db pre-stop KILL\n"
		      "finished 0 level 0 killed [db main: still there at the end of all time, 60 s|"
		      "db pre-stop: still there at the end of all time, 60 s] slow [db pre-stop: 59 s]\n");
}

static void
end_of_app(struct rig *r, const char *text, const char *rule, const char *wanted)
{
	shutdown_input(r, SHUTDOWN_RULES, "app", LIMIT);
	(void) rig_define(r, "app", text);
	(void) rig_define(r, "other", "exec other");
	(void) rig_start(r, "other", NULL);
	rig_rule(r, "app", "main", rule, false);
	rig_show(r, 1u << EFFECT_FINISHED);
	(void) rig_start(r, "app", NULL);
	rig_settle(r);
	rig_expect(r, wanted);
}

static void
test_shutdown_when_its_job_ends(void **state)
{
	end_of_app(*state, "exec app", "exit 0", "finished 0 level 0\n");
}

static void
test_shutdown_with_the_status_of_its_job(void **state)
{
	end_of_app(*state, "exec app", "exit 7", "finished 7 level 0\n");
}

static void
test_shutdown_with_a_normal_status_that_is_not_zero(void **state)
{
	end_of_app(*state, "normal exit 3;task;exec app", "exit 3", "finished 3 level 0\n");
}

static void
test_shutdown_with_the_signal_of_its_job(void **state)
{
	end_of_app(*state, "exec app", "signal KILL", "finished 137 level 0\n");
}

static void
test_shutdown_when_its_job_can_not_start(void **state)
{
	end_of_app(*state, "exec app", "missing", "finished 1 level 0\n");
}

static void
test_shutdown_when_its_job_is_respawned_too_often(void **state)
{
	end_of_app(*state, "respawn;respawn limit 2 5;exec app", "exit 4", "finished 4 level 0\n");
}

static void
test_shutdown_asked_for_has_the_status_of_its_job(void **state)
{
	struct rig *r = *state;

	shutdown_input(r, SHUTDOWN_RULES, "app", LIMIT);
	(void) rig_define(r, "app", "exec app");
	(void) rig_start(r, "app", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_show(r, 1u << EFFECT_FINISHED);
	rig_exit(r, "app", "main", JOB_EXIT_SIGNAL(15));
	rig_expect(r, "finished 143 level 0\n");
}

/* All of it survives: in a snapshot in any phase. */
static void
test_shutdown_goes_on_from_a_snapshot(void **state)
{
	struct rig *r = *state;
	struct strbuf b = STRBUF_INIT;
	struct core *again;

	shutdown_input(r, SHUTDOWN_RULES, "app", LIMIT);
	(void) rig_define(r, "app", "kill timeout 10;exec app");
	(void) rig_start(r, "app", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &again), 0);
	strbuf_deinit(&b);
	r->core = core_free(r->core);
	r->core = again;
	assert_true(shutdown_has_begun(r->core));
	rig_show(r, SHOWN);
	rig_pass(r, USEC_PER_SEC);
	rig_expect(r, "log message waiting for app: 1 of 10 s\n");
	rig_exit(r, "app", "main", 5);
	rig_expect(r, "log warn app main process (101) terminated with status 5\nfinished 5 level 0 slow [app main: 1 s]\n");
}

/* -- `kill mode tree`: an instance is not over with its main process --------------------------- */

static void
test_shutdown_waits_for_strays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;kill timeout 9;exec web;post-stop exec tidy");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_exit(r, "web", "main", 0);
	rig_expect(r, "");
	rig_pass(r, USEC_PER_SEC);
	rig_expect(r, "log message waiting for web: 1 of 9 s\n");
	rig_swept(r);
	rig_assert_state(r, "web", "stop/post-stop");
	rig_expect(r, "");
	rig_settle(r);
	rig_expect(r, "finished 0 level 0 slow [web main: 1 s]\n");
}

/* Who asks again need not wait for the kill timeout, whether main has ended or not. */
static void
test_shutdown_asked_for_again_skips_strays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;kill timeout 50;exec web");
	(void) rig_define(r, "db", "kill mode tree;kill timeout 50;exec db;post-stop exec tidy");
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "db", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_exit(r, "web", "main", 0);
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_STRAYS | 1u << EFFECT_FINISHED);
	rig_forget(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_expect(r, "kill db main KILL\nstrays db KILL awaited\nstrays web KILL awaited\n");
	rig_exit(r, "db", "main", JOB_EXIT_SIGNAL(9));
	rig_pass(r, 5 * USEC_PER_SEC); /* what can't be killed is left */
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "db", "stop/post-stop");
	rig_show(r, 1u << EFFECT_FINISHED);
	rig_settle(r);
	rig_expect(r, "finished 0 level 0 killed [db main: its end was not waited for, as was asked] "
		      "slow [web main: 5 s|db main: 4 s]\n");
}

static void
assert_nothing_starts(struct rig *r)
{
	rig_show(r, 1u << EFFECT_SPAWN | 1u << EFFECT_REPLY);
	(void) rig_start(r, "web", NULL);
	rig_expect(r,
		   "reply 1 error org.freedesktop.DBus.Error.Failed: Nothing is started any more: the end is near\n");
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "reply 2 ok\n");
	rig_assert_state(r, "web", "none");
}

/* Who asks for a start is refused, and what would start by itself does not. */
static void
test_shutdown_that_is_over_starts_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;respawn;exec web");
	(void) rig_define(r, "follows", "while web;exec follows");
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	assert_nothing_starts(r);
}

/* The state was lost on the way down. */
static void
test_shutdown_that_is_known_from_before_starts_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;respawn;exec web");
	shutdown_input(r, SHUTDOWN_LOST, NULL, 0);
	assert_false(shutdown_has_begun(r->core));
	assert_nothing_starts(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0); /* it is, and nothing is left for it */
	rig_expect(r, "");
}

/* To ask often is no reason to wait longer. */
static void
test_shutdown_asked_for_often_leaves_strays_as_soon(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;kill timeout 50;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_exit(r, "web", "main", 0);
	rig_show(r, 1u << EFFECT_FINISHED);
	for (int i = 0; i < 5; i++) {
		rig_expect(r, "");
		shutdown_input(r, SHUTDOWN_SKIP, NULL, 0);
		rig_pass(r, USEC_PER_SEC);
	}
	rig_expect(r, "finished 0 level 0 slow [web main: 4 s]\n");
}

/* One that still has its pre-stop keeps nothing of what is killed at the end of all time. */
static void
test_shutdown_kills_strays_at_its_limit(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "kill mode tree;kill timeout 1000;exec db");
	(void) rig_define(r, "web", "kill mode tree;pre-stop exec hang;exec web");
	rig_rule(r, "web", "pre-stop", "waits", false);
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_exit(r, "db", "main", 0);
	rig_up(r, "web", "pre-stop");
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_STRAYS);
	rig_pass(r, LIMIT - USEC_PER_SEC);
	rig_forget(r);
	rig_pass(r, USEC_PER_SEC);
	rig_expect(r, "kill web main KILL\nkill web pre-stop KILL\nstrays web KILL\nstrays db KILL awaited\n");
}

/* The jobs that end a machine have them killed at the limit, too. */
static void
test_shutdown_of_a_machine_kills_strays_at_its_limit(void **state)
{
	struct rig *r = *state;

	assist(r);
	(void) rig_define(r, "rc", "start on runlevel [06];task;exec rc");
	(void) rig_define(r, "db", "stop on runlevel [06];kill mode tree;kill timeout 1000;exec db");
	(void) rig_define(r, "log", "kill mode tree;exec log");
	rig_rule(r, "rc", "main", "waits", false);
	(void) rig_start(r, "db", NULL);
	(void) rig_start(r, "log", NULL);
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	rig_assert_state(r, "db", "stop/killed");
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_STRAYS | 1u << EFFECT_FINISHED);
	rig_forget(r);
	rig_pass(r, LIMIT / 2 - USEC_PER_SEC);
	rig_expect(r, "");
	rig_pass(r, USEC_PER_SEC);
	rig_expect(r, "kill rc main TERM\nkill rc main CONT\nstrays log TERM awaited\nstrays log CONT awaited\n"
		      "kill log main TERM\nkill log main CONT\n");
	rig_exit(r, "rc", "main", 0);
	rig_pass(r, LIMIT / 2);
	assert_non_null(strstr(r->lines.p, "strays db KILL awaited\n"));
	assert_non_null(strstr(r->lines.p, "finished 0 level 0"));
}

static void
test_shutdown_waits_for_strays_from_a_snapshot(void **state)
{
	struct rig *r = *state;
	struct strbuf b = STRBUF_INIT;
	struct core *again;

	(void) rig_define(r, "web", "kill mode tree;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	shutdown_input(r, SHUTDOWN_BEGIN, NULL, 0);
	rig_exit(r, "web", "main", 0);
	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &again), 0);
	strbuf_deinit(&b);
	r->core = core_free(r->core);
	r->core = again;
	shutdown_input(r, SHUTDOWN_RULES, NULL, LIMIT);
	rig_expect(r, "");
	rig_swept(r);
	rig_expect(r, "finished 0 level 0\n");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_shutdown_without_jobs_is_over_at_once),
		T(test_shutdown_that_is_over_starts_nothing),
		T(test_shutdown_that_is_known_from_before_starts_nothing),
		T(test_shutdown_without_rules_runlevels_mean_nothing),
		T(test_shutdown_runlevel_goes_before_the_rest),
		T(test_shutdown_stops_in_order),
		T(test_shutdown_tells_what_it_waits_for),
		T(test_shutdown_asked_for_again_skips),
		T(test_shutdown_ends_at_its_limit),
		T(test_shutdown_another_runlevel_calls_it_off),
		T(test_shutdown_called_off_lets_rise_what_it_has_held),
		T(test_shutdown_called_off_brings_back_who_failed_meanwhile),
		T(test_shutdown_nothing_rises_any_more),
		T(test_shutdown_of_a_machine_lets_its_jobs_work),
		T(test_shutdown_of_a_machine_lets_services_of_the_runlevel_work),
		T(test_shutdown_of_a_machine_knows_the_event_by_its_whole_name),
		T(test_shutdown_of_a_machine_has_a_limit),
		T(test_shutdown_when_its_job_ends),
		T(test_shutdown_with_the_status_of_its_job),
		T(test_shutdown_with_a_normal_status_that_is_not_zero),
		T(test_shutdown_with_the_signal_of_its_job),
		T(test_shutdown_when_its_job_can_not_start),
		T(test_shutdown_when_its_job_is_respawned_too_often),
		T(test_shutdown_asked_for_has_the_status_of_its_job),
		T(test_shutdown_goes_on_from_a_snapshot),
		T(test_shutdown_waits_for_strays),
		T(test_shutdown_asked_for_again_skips_strays),
		T(test_shutdown_asked_for_often_leaves_strays_as_soon),
		T(test_shutdown_kills_strays_at_its_limit),
		T(test_shutdown_of_a_machine_kills_strays_at_its_limit),
		T(test_shutdown_waits_for_strays_from_a_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
