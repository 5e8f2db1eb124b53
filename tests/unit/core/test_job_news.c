/* SPDX-License-Identifier: MIT */
/*
 * Main processes that are stopped, news of processes in odd orders, and readiness (runtime.md sections 11 and 12).
 */
#include "rig.h"

#include <errno.h>
#include <signal.h>

#include "common/msg.h"

static int
setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) rig_free(*state);
	return 0;
}

/* Define a job, start it, let it come up. */
static void
up(struct rig *r, const char *text)
{
	(void) rig_define(r, "web", text);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_show(r, RIG_ALL);
}

static void
control_gone(struct rig *r)
{
	struct input in = { .type = INPUT_CONTROL, .control = { false } };

	(void) rig_apply(r, &in);
	rig_forget(r);
}

/* -- killing ---------------------------------------------------------------------------------- */

static void
test_job_kill_then_kill_for_good(void **state)
{
	struct rig *r = *state;

	up(r, "kill timeout 7;kill signal INT;exec web");
	rig_show(r, RIG_WORK | RIG_LOG);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "kill web main INT\nkill web main CONT\ntimer 7\n");
	assert_true(rig_timer(r));
	rig_expect(r, "kill web main KILL\n");
	assert_false(rig_timer(r)); /* and no further timer */
	rig_assert_state(r, "web", "stop/killed");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(9));
	rig_assert_state(r, "web", "none");
}

/* Defect 10 of the original: it ended init. */
static void
test_job_kill_timeout_zero_kills_at_once(void **state)
{
	struct rig *r = *state;

	up(r, "kill timeout 0;exec web");
	rig_show(r, RIG_WORK);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "kill web main TERM\nkill web main KILL\n");
	assert_int_equal(r->n_timers, 0);
}

static void
test_job_kill_any_status_is_fine(void **state)
{
	static const int32_t statuses[] = { 0, 1, JOB_EXIT_SIGNAL(15), JOB_EXIT_SIGNAL(11) };

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct rig *r = rig_new();

		up(r, "exec web");
		(void) rig_stop(r, "web", NULL);
		rig_show(r, RIG_REPLIES | RIG_SIGNALS);
		rig_exit(r, "web", "main", statuses[i]);
		assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=ok]\n"));
		assert_non_null(strstr(r->lines.p, "reply 2 ok web\n"));
		(void) rig_free(r);
	}
}

static void
test_job_main_that_ended_by_itself_is_not_killed(void **state)
{
	struct rig *r = *state;

	up(r, "pre-stop exec a;exec web");
	rig_show(r, RIG_WORK);
	rig_exit(r, "web", "main", 0);
	rig_assert_state(r, "web", "none");
	rig_expect(r, ""); /* neither killed, nor pre-stop run */
}

static void
test_job_main_ends_while_stopping_waits(void **state)
{
	struct rig *r = *state;

	up(r, "exec web");
	(void) rig_define(r, "bye", "start on stopping web;task;exec bye");
	rig_show(r, RIG_WORK | RIG_SIGNALS);
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 3);
	rig_assert_state(r, "web", "stop/stopping");
	rig_up(r, "bye", "main");
	rig_exit(r, "bye", "main", 0);
	rig_assert_state(r, "web", "none");
	assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=ok]\n"));
	assert_null(strstr(r->lines.p, "kill web"));
}

static void
test_job_stale_timers_do_nothing(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_TIMER };

	up(r, "exec web");
	(void) rig_stop(r, "web", NULL);
	in.timer.timer = r->timers[0].id;
	rig_exit(r, "web", "main", 0);
	rig_forget(r);
	(void) rig_apply(r, &in);
	in = (struct input) { .type = INPUT_TIMER, .timer = { UINT64_MAX } };
	(void) rig_apply(r, &in);
	in = (struct input) { .type = INPUT_TIMER };
	(void) rig_apply(r, &in);
	rig_expect(r, "");
}

/* -- the order in which news comes ------------------------------------------------------------- */

static void
exited(struct rig *r, int32_t pid, int32_t status)
{
	struct input in = { .type = INPUT_EXITED, .exited = { pid, status } };

	(void) rig_apply(r, &in);
}

static void
spawned(struct rig *r, uint64_t process, int32_t pid)
{
	struct input in = { .type = INPUT_SPAWNED, .spawned = { process, pid } };

	(void) rig_apply(r, &in);
}

/* An exit that is reaped before its pid is known is kept until it is. */
static void
test_job_early_exit(void **state)
{
	struct rig *r = *state;
	uint64_t process;

	(void) rig_define(r, "web", "pre-start exec a;exec web");
	(void) rig_start(r, "web", NULL);
	process = rig_proc(r, "web", "pre-start")->id;
	rig_show(r, RIG_REPLIES | RIG_LOG | 1u << EFFECT_ENDED);
	exited(r, 5000, 0); /* somebody else */
	exited(r, 101, 4);
	rig_expect(r, "");
	rig_proc(r, "web", "pre-start")->pid = 101;
	spawned(r, process, 101);
	rig_expect(r, "log warn web pre-start process (101) terminated with status 4\nended web pre-start\n"
		      "reply 1 error JobFailed: Job failed to start\n");
	rig_assert_state(r, "web", "none");
}

/* An exit from before a process was asked for is another's, though the pid comes again. */
static void
test_job_early_exit_of_an_earlier_pid(void **state)
{
	struct rig *r = *state;
	uint64_t process;

	(void) rig_define(r, "one", "exec one");
	(void) rig_define(r, "two", "exec two");
	(void) rig_start(r, "one", NULL); /* asked for and not made: exits are kept */
	exited(r, 101, 0);
	(void) rig_start(r, "two", NULL);
	process = rig_proc(r, "two", "main")->id;
	rig_proc(r, "two", "main")->pid = 101;
	spawned(r, process, 101);
	rig_assert_state(r, "two", "start/spawned");
}

/* A pre-stop that ends the daemon itself: the restart that was asked for comes all the same, and counts as no respawn. */
static void
test_job_restart_survives_main_ending_in_pre_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web;pre-stop exec end;respawn;respawn limit 1 60");
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			(void) rig_start(r, "web", NULL);
		rig_up(r, "web", "main");
		rig_assert_state(r, "web", "start/running");
		(void) rig_restart(r, "web", NULL);
		rig_up(r, "web", "pre-stop");
		rig_exit(r, "web", "main", 0);
		rig_exit(r, "web", "pre-stop", 0);
		rig_assert_state(r, "web", "start/spawned");
	}
}

static void
test_job_exit_of_strangers_is_ignored(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_STOPPED, .stopped = { 4000, SIGSTOP, false } };

	up(r, "exec web");
	exited(r, 4000, 1);
	exited(r, 0, 1);
	exited(r, -1, 1);
	(void) rig_apply(r, &in);
	rig_expect(r, "");
	/* and is not kept for a pid that comes later: nothing was being spawned then */
	(void) rig_define(r, "two", "exec two");
	(void) rig_start(r, "two", NULL);
	r->last_pid = 3999;
	rig_up(r, "two", "main");
	rig_assert_state(r, "two", "start/running");
}

static void
test_job_news_told_twice_changes_nothing(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EXEC_DONE };
	uint64_t process;

	up(r, "post-start exec a;exec web");
	process = r->procs[0].id;
	rig_forget(r);
	spawned(r, process, 101);
	spawned(r, process, 777);
	in.exec_done.process = process;
	(void) rig_apply(r, &in);
	rig_expect(r, "");
	assert_true(core_process_of_pid(r->core, 101) == process);
	assert_true(core_process_of_pid(r->core, 777) == 0);
	exited(r, 101, 0);
	rig_forget(r);
	exited(r, 101, 0);
	(void) rig_apply(r, &in);
	rig_expect(r, "");
}

/* The stop comes before the spawner has answered: the signal goes out when the pid is known. */
static void
test_job_stop_before_main_is_made(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_show(r, RIG_WORK | RIG_REPLIES);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "reply 1 ok web\n");
	rig_assert_state(r, "web", "stop/killed");
	rig_made(r, "web", "main");
	rig_expect(r, "kill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(15));
	rig_expect(r, "timer off\nreply 2 ok web\n");
}

/* It hangs in its set-up, for a directory on a dead server: it is killed there, and that is no failure. */
static void
test_job_stop_while_main_hangs_in_its_setup(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_show(r, RIG_WORK | RIG_REPLIES | RIG_LOG);
	(void) rig_stop(r, "web", NULL);
	rig_assert_state(r, "web", "stop/killed");
	rig_forget(r);
	rig_fail(r, "web", "main", SPAWN_SETUP, 0);
	rig_expect(r, "timer off\nreply 2 ok web\n");
}

static void
test_job_view_settles_when_the_pid_is_known(void **state)
{
	struct rig *r = *state;
	struct core_instance view;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	assert_int_equal(core_instance(r->core, "web", "", &view), 0);
	assert_true(view.settling);
	assert_int_equal(view.n_processes, 1);
	assert_int_equal(view.processes[0].pid, 0);
	assert_true(core_process_is_live(r->core, view.processes[0].process));
	rig_made(r, "web", "main");
	assert_int_equal(core_instance(r->core, "web", "", &view), 0);
	assert_false(view.settling);
	assert_int_equal(view.processes[0].pid, 101);
	assert_int_equal(core_instance(r->core, "web", "x", &view), -ENOENT);
	assert_int_equal(core_instance(r->core, "x", "", &view), -ENOENT);
}

/* -- readiness --------------------------------------------------------------------------------- */

static void
stopped_by(struct rig *r, int signal)
{
	struct input in = { .type = INPUT_STOPPED, .stopped = { r->last_pid, signal, false } };

	(void) rig_apply(r, &in);
}

static void
test_job_expect_stop_is_ready_when_stopped(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect stop;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_assert_state(r, "web", "start/spawned");
	rig_show(r, RIG_WORK | RIG_REPLIES);
	stopped_by(r, SIGTSTP);
	rig_expect(r, "");
	stopped_by(r, SIGSTOP);
	rig_expect(r, "kill web main CONT alone\nreply 1 ok web\n");
	stopped_by(r, SIGSTOP); /* only once */
	rig_expect(r, "");
}

static void
test_job_expect_timeout_fails_the_start(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect stop;expect timeout 7;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_show(r, RIG_WORK | RIG_REPLIES | RIG_LOG);
	rig_pass(r, 8 * USEC_PER_SEC);
	rig_expect(r, "log warn web main process (101) was not ready in time\n"
		      "reply 1 error JobFailed: Job failed to start\n"
		      "kill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_assert_state(r, "web", "stop/killed");
}

static void
test_job_expect_timeout_ends_when_ready(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect stop;expect timeout 7;exec web");
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_show(r, RIG_WORK);
	rig_executed(r, "web", "main");
	rig_expect(r, "timer 7\n");
	stopped_by(r, SIGSTOP);
	rig_expect(r, "kill web main CONT alone\ntimer off\n");
	rig_assert_state(r, "web", "start/running");
}

/* Defect 8 of the original: a stop before readiness hung. */
static void
test_job_stop_before_ready_kills(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect stop;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_show(r, RIG_WORK);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "kill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_assert_state(r, "web", "stop/killed");
}

/* Everything goes on the same when nobody listens. */
static void
test_job_without_control(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;respawn;pre-start exec a;exec web");
	control_gone(r);
	rig_show(r, RIG_ALL);
	{
		struct input in = { .type = INPUT_EMIT };

		in.emit.name = strdup("go");
		(void) rig_apply(r, &in);
	}
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_expect(r, "spawn web pre-start\nended web pre-start\nspawn web main\n");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_kill_then_kill_for_good),
		BENCHED(test_job_kill_timeout_zero_kills_at_once),
		cmocka_unit_test(test_job_kill_any_status_is_fine),
		BENCHED(test_job_main_that_ended_by_itself_is_not_killed),
		BENCHED(test_job_main_ends_while_stopping_waits),
		BENCHED(test_job_stale_timers_do_nothing),
		BENCHED(test_job_early_exit),
		BENCHED(test_job_early_exit_of_an_earlier_pid),
		BENCHED(test_job_restart_survives_main_ending_in_pre_stop),
		BENCHED(test_job_exit_of_strangers_is_ignored),
		BENCHED(test_job_news_told_twice_changes_nothing),
		BENCHED(test_job_stop_before_main_is_made),
		BENCHED(test_job_stop_while_main_hangs_in_its_setup),
		BENCHED(test_job_view_settles_when_the_pid_is_known),
		BENCHED(test_job_expect_stop_is_ready_when_stopped),
		BENCHED(test_job_expect_timeout_fails_the_start),
		BENCHED(test_job_expect_timeout_ends_when_ready),
		BENCHED(test_job_stop_before_ready_kills),
		BENCHED(test_job_without_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
