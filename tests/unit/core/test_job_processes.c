/* SPDX-License-Identifier: MIT */
/*
 * Processes of an instance: spawned, ready, ended, failed, respawned, killed (runtime.md sections 5, 7, 9, 11, 12).
 */
#include "rig.h"

#include <errno.h>
#include <signal.h>

#include "common/log.h"
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

/* -- the way up and down ----------------------------------------------------------------- */

static void
test_job_all_processes_in_order(void **state)
{
	struct rig *r = *state;

	(void) rig_define(
	    r, "full",
	    "apparmor load /p;pre-start exec a;post-start exec b;pre-stop exec c;post-stop exec d;exec main");
	rig_show(r, RIG_WORK | RIG_REPLIES);
	(void) rig_start(r, "full", NULL);
	rig_settle(r);
	(void) rig_stop(r, "full", NULL);
	rig_settle(r);
	rig_expect(r, "spawn full security\nspawn full pre-start\nspawn full main\nspawn full post-start\n"
		      "reply 1 ok full\nspawn full pre-stop\nkill full main TERM\nkill full main CONT\ntimer 5\n"
		      "timer off\nspawn full post-stop\nreply 2 ok full\n");
}

static void
test_job_security_status_is_ignored(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "apparmor load /p;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "security");
	rig_exit(r, "web", "security", 1);
	rig_assert_state(r, "web", "start/spawned");
}

/* Defect 5 of the original: stuck for ever. */
static void
test_job_security_that_can_not_be_spawned_fails(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "apparmor load /p;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_start(r, "web", NULL);
	rig_fail(r, "web", "security", SPAWN_EXEC, ENOENT);
	rig_assert_state(r, "web", "none");
	rig_expect(r, "reply 1 error JobFailed: Job failed to start\n");
}

static void
test_job_pre_start_failure_stops(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "pre-start exec a;post-stop exec d;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "pre-start");
	rig_show(r, RIG_REPLIES | RIG_SIGNALS | 1u << EFFECT_SPAWN);
	rig_exit(r, "web", "pre-start", 3);
	rig_settle(r);
	rig_expect(
	    r, "sig job web instance _ Failed 3\n"
	       "reply 1 error JobFailed: Job failed to start\n"
	       "sig job web instance _ GoalChanged stop\n"
	       "sig job web instance _ StateChanged stopping\n"
	       "sig job web instance _ StateChanged killed\n"
	       "sig job web instance _ StateChanged post-stopping\n"
	       "spawn web post-stop\n"
	       "sig job web instance _ StateChanged post-stop\n"
	       "sig manager EventEmitted stopping [JOB=web INSTANCE= RESULT=failed PROCESS=pre-start EXIT_STATUS=3]\n"
	       "sig job web instance _ StateChanged waiting\n"
	       "sig job web InstanceRemoved <job web instance _>\n"
	       "sig manager EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=pre-start EXIT_STATUS=3]\n");
}

static void
test_job_post_start_and_pre_stop_status_is_ignored(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "post-start exec a;pre-stop exec b;exec web");
	rig_rule(r, "web", "post-start", "exit 1", false);
	rig_rule(r, "web", "pre-stop", "signal SEGV", false);
	rig_show(r, RIG_REPLIES);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "reply 1 ok web\nreply 2 ok web\n");
}

static void
test_job_post_start_and_pre_stop_spawn_errors_are_ignored(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "post-start exec a;pre-stop exec b;exec web");
	rig_rule(r, "web", "post-start", "missing", false);
	rig_rule(r, "web", "pre-stop", "missing", false);
	rig_show(r, RIG_REPLIES | RIG_LOG);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "log warn Failed to spawn web post-start process: unable to execute: No such file or directory\n"
		      "reply 1 ok web\n"
		      "log warn Failed to spawn web pre-stop process: unable to execute: No such file or directory\n"
		      "log warn web main process (101) killed by TERM signal\n"
		      "reply 2 ok web\n");
}

/* stopping says ok, stopped does not (runtime.md 7.2). */
static void
test_job_post_stop_failure_comes_late(void **state)
{
	struct rig *r = *state;

	up(r, "post-stop exec d;exec web");
	rig_rule(r, "web", "post-stop", "exit 9", false);
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "EventEmitted stopping [JOB=web INSTANCE= RESULT=ok]\n"));
	assert_non_null(strstr(
	    r->lines.p, "sig job web instance _ Failed 9\nreply 2 error JobFailed: Job failed while stopping\n"));
	assert_non_null(strstr(
	    r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=post-stop EXIT_STATUS=9]\n"));
}

static void
test_job_post_stop_failure_cancels_a_restart(void **state)
{
	struct rig *r = *state;

	up(r, "post-stop exec d;exec web");
	rig_rule(r, "web", "post-stop", "exit 1", false);
	rig_show(r, RIG_REPLIES);
	(void) rig_restart(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_expect(r, "reply 2 error JobFailed: Job failed to restart\n");
}

static void
test_job_main_spawn_error_fails(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	rig_show(r, RIG_REPLIES | RIG_LOG | RIG_SIGNALS);
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_forget(r);
	rig_fail(r, "web", "main", SPAWN_CHDIR, EACCES);
	rig_expect(r,
		   "log warn Failed to spawn web main process: unable to change working directory: Permission denied\n"
		   "sig job web instance _ Failed -1\n"
		   "reply 1 error JobFailed: Job failed to start\n"
		   "sig job web instance _ GoalChanged stop\n"
		   "sig job web instance _ StateChanged stopping\n"
		   "sig job web instance _ StateChanged killed\n"
		   "sig job web instance _ StateChanged post-stopping\n"
		   "sig job web instance _ StateChanged post-stop\n"
		   "sig job web instance _ StateChanged waiting\n"
		   "sig job web InstanceRemoved <job web instance _>\n"
		   "sig manager EventEmitted stopping [JOB=web INSTANCE= RESULT=failed PROCESS=main]\n"
		   "sig manager EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=main]\n");
}

/* common/ and job/ each have the names of the limits, for their own reasons. */
static void
test_job_limits_have_one_order(void **state)
{
	for (uint32_t i = 0; i < JOB_LIMIT_COUNT; i++) {
		auto_free char *expected = str_printf("unable to set \"%s\" resource limit", job_limit_names[i]);
		char text[128];

		spawn_step_text(SPAWN_RLIMIT, i, 0, text, sizeof(text));
		assert_string_equal(text, expected);
	}
}

/* -- the end of main ----------------------------------------------------------------------- */

struct ending {
	const char *text; /* of the job */
	int32_t status;
	const char *log;
	const char *result; /* of its stopped event; NULL: it is started again */
};

static const struct ending endings[] = {
	{ "exec web", 0, NULL, "RESULT=ok" },
	{ "exec web", 42, "log warn web main process (101) terminated with status 42\n",
	  "RESULT=failed PROCESS=main EXIT_STATUS=42" },
	{ "exec web", JOB_EXIT_SIGNAL(15), "log warn web main process (101) killed by TERM signal\n",
	  "RESULT=failed PROCESS=main EXIT_SIGNAL=TERM" },
	{ "exec web", JOB_EXIT_SIGNAL(34), "log warn web main process (101) killed by signal 34\n",
	  "RESULT=failed PROCESS=main EXIT_SIGNAL=34" },
	{ "normal exit 3;exec web", 3, NULL, "RESULT=ok" },
	{ "normal exit 3;exec web", JOB_EXIT_SIGNAL(3), "log warn web main process (101) killed by QUIT signal\n",
	  "RESULT=failed PROCESS=main EXIT_SIGNAL=QUIT" },
	{ "normal exit TERM;exec web", JOB_EXIT_SIGNAL(15), NULL, "RESULT=ok" },
	{ "normal exit 15;exec web", JOB_EXIT_SIGNAL(15), "log warn web main process (101) killed by TERM signal\n",
	  "RESULT=failed PROCESS=main EXIT_SIGNAL=TERM" },
	{ "respawn;exec web", 0, "log warn web main process ended, respawning\n", NULL },
	{ "respawn;exec web", 1,
	  "log warn web main process (101) terminated with status 1\nlog warn web main process ended, respawning\n",
	  NULL },
	{ "respawn;normal exit 0;exec web", 0, NULL, "RESULT=ok" },
	{ "respawn;normal exit 0 TERM;exec web", JOB_EXIT_SIGNAL(15), NULL, "RESULT=ok" },
	{ "respawn;task;exec web", 0, NULL, "RESULT=ok" },
	{ "respawn;task;exec web", 1,
	  "log warn web main process (101) terminated with status 1\nlog warn web main process ended, respawning\n",
	  NULL },
	{ "task;exec web", 1, "log warn web main process (101) terminated with status 1\n",
	  "RESULT=failed PROCESS=main EXIT_STATUS=1" },
};

static void
test_job_main_ends(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		const struct ending *e = &endings[i];
		struct rig *r = rig_new();

		(void) rig_define(r, "web", e->text);
		(void) rig_start(r, "web", NULL);
		rig_up(r, "web", "main");
		rig_show(r, RIG_LOG | RIG_SIGNALS);
		rig_exit(r, "web", "main", e->status);
		if (e->log != NULL && strncmp(r->lines.p, e->log, strlen(e->log)) != 0)
			fail_msg("%s, status %d:\n%s", e->text, e->status, r->lines.p);
		if (e->log == NULL && strncmp(r->lines.p, "log ", 4) == 0)
			fail_msg("%s, status %d:\n%s", e->text, e->status, r->lines.p);
		if (e->result != NULL) {
			auto_free char *line = str_printf("EventEmitted stopped [JOB=web INSTANCE= %s]\n", e->result);

			if (strstr(r->lines.p, line) == NULL)
				fail_msg("%s, status %d:\n%s", e->text, e->status, r->lines.p);
			rig_assert_state(r, "web", "none");
		} else {
			assert_non_null(strstr(r->lines.p, "EventEmitted stopping [JOB=web INSTANCE= RESULT=ok]\n"));
			rig_assert_state(r, "web", "start/spawned");
		}
		(void) rig_free(r);
	}
}

static void
test_job_info_lines(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_LOG_LEVEL, .log_level = { LOG_LEVEL_INFO } };

	(void) rig_apply(r, &in);
	(void) rig_define(r, "tty", "instance $N;pre-start exec a;normal exit 7;exec tty");
	rig_show(r, RIG_LOG);
	(void) rig_start(r, "tty", "N=1");
	rig_up(r, "tty/1", "pre-start");
	rig_exit(r, "tty/1", "pre-start", 0);
	rig_expect(r, "log info tty (1) goal changed from stop to start\n"
		      "log info tty (1) state changed from waiting to starting\n"
		      "log info Handling starting event\n"
		      "log info tty (1) state changed from starting to security-spawning\n"
		      "log info tty (1) state changed from security-spawning to security\n"
		      "log info tty (1) state changed from security to pre-starting\n"
		      "log info tty (1) state changed from pre-starting to pre-start\n"
		      "log info tty (1) pre-start process (101)\n"
		      "log info tty (1) pre-start process (101) exited normally\n"
		      "log info tty (1) state changed from pre-start to spawning\n"
		      "log info tty (1) state changed from spawning to spawned\n");
	rig_up(r, "tty/1", "main");
	rig_forget(r);
	in = (struct input) { .type = INPUT_STOPPED, .stopped = { r->last_pid, SIGTSTP, false } };
	(void) rig_apply(r, &in);
	in = (struct input) { .type = INPUT_STOPPED, .stopped = { r->last_pid, SIGCONT, true } };
	(void) rig_apply(r, &in);
	rig_expect(r, "log info tty (1) main process (102) stopped by TSTP signal\n"
		      "log info tty (1) main process (102) continued by CONT signal\n");
	rig_exit(r, "tty/1", "main", 7);
	assert_non_null(strstr(r->lines.p, "log info tty (1) main process (102) terminated with status 7\n"));
}

/* A task whose main ends before its post-start does never gets to running. */
static void
test_job_main_ends_during_post_start(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "task;post-start exec a;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_up(r, "web", "post-start");
	rig_exit(r, "web", "main", 0);
	rig_assert_state(r, "web", "stop/post-start");
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	rig_exit(r, "web", "post-start", 0);
	rig_assert_state(r, "web", "none");
	assert_null(strstr(r->lines.p, "EventEmitted started"));
	assert_non_null(strstr(r->lines.p, "reply 1 ok web\n"));
}

static void
test_job_respawn_waits_for_post_start(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;post-start exec a;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_up(r, "web", "post-start");
	rig_show(r, RIG_SIGNALS | 1u << EFFECT_SPAWN);
	rig_exit(r, "web", "main", 1);
	rig_assert_state(r, "web", "respawn/post-start");
	rig_expect(r, "sig job web instance _ GoalChanged respawn\n");
	/* Defect 18 of the original: start was accepted and lost the respawn. */
	(void) rig_start(r, "web", NULL);
	rig_assert_state(r, "web", "respawn/post-start");
	rig_exit(r, "web", "post-start", 0);
	rig_assert_state(r, "web", "start/spawned");
}

static void
test_job_respawn_waits_for_pre_stop(void **state)
{
	struct rig *r = *state;

	up(r, "respawn;pre-stop exec a;exec web");
	(void) rig_stop(r, "web", NULL);
	rig_up(r, "web", "pre-stop");
	rig_exit(r, "web", "main", 1); /* the goal is stop: no respawn */
	rig_assert_state(r, "web", "stop/pre-stop");
	rig_exit(r, "web", "pre-stop", 0);
	rig_assert_state(r, "web", "none");
}

/* Defect 2 of the original: running without a process. */
static void
test_job_respawn_before_ready(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;expect stop;exec web");
	rig_show(r, RIG_REPLIES | RIG_LOG);
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 1);
	rig_assert_state(r, "web", "start/spawned");
	assert_non_null(rig_proc(r, "web", "main"));
	rig_expect(
	    r,
	    "log warn web main process (101) terminated with status 1\nlog warn web main process ended, respawning\n");
	for (int i = 0; i < 10; i++) {
		rig_up(r, "web", "main");
		rig_exit(r, "web", "main", 1);
	}
	rig_assert_state(r, "web", "none");
	assert_non_null(strstr(r->lines.p, "log warn web respawning too fast, stopped\n"
					   "reply 1 error JobFailed: Job failed to start\n"));
}

/* Defect 23 of the original: an exit before readiness counted as success. */
static void
test_job_exit_before_ready_is_a_failure(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect stop;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 0);
	rig_assert_state(r, "web", "none");
	rig_expect(r, "reply 1 error JobFailed: Job failed to start\n");
}

/* -- respawn limits ------------------------------------------------------------------------ */

/* How often main runs until the job is stopped, each run lasting so long; at most `most` times. */
static unsigned
runs(const char *text, usec_t each, unsigned most)
{
	struct rig *r = rig_new();
	unsigned n = 0;

	(void) rig_define(r, "web", text);
	(void) rig_start(r, "web", NULL);
	while (n < most && rig_proc(r, "web", "main") != NULL) {
		n++;
		rig_up(r, "web", "main");
		rig_wait(r, each);
		rig_exit(r, "web", "main", 1);
	}
	(void) rig_free(r);
	return n;
}

static void
test_job_respawn_limits(void **state)
{
	assert_int_equal(runs("respawn;exec web", 0, 100), 11);
	assert_int_equal(runs("respawn;respawn limit 3 60;exec web", 0, 100), 4);
	assert_int_equal(runs("respawn;respawn limit 3 60;exec web", 1 * USEC_PER_SEC, 100), 4);
	assert_int_equal(runs("respawn;respawn limit 2 5;exec web", 0, 100), 3);
	/* two in five seconds are allowed: one every three seconds never is too fast */
	assert_int_equal(runs("respawn;respawn limit 2 5;exec web", 3 * USEC_PER_SEC, 100), 100);
	assert_int_equal(runs("respawn;respawn limit unlimited;exec web", 0, 100), 100);
	assert_int_equal(runs("respawn;respawn limit 0 5;exec web", 0, 100), 100);
	assert_int_equal(runs("respawn;respawn limit 5 0;exec web", 0, 100), 100);
}

static void
test_job_respawn_limit_tells_how(void **state)
{
	struct rig *r = *state;

	up(r, "respawn;respawn limit 1 60;exec web");
	rig_exit(r, "web", "main", 2);
	rig_up(r, "web", "main");
	rig_show(r, RIG_LOG | RIG_SIGNALS);
	rig_exit(r, "web", "main", 2);
	assert_non_null(strstr(r->lines.p, "log warn web respawning too fast, stopped\n"
					   "sig job web instance _ Failed 0\n"));
	assert_non_null(
	    strstr(r->lines.p, "EventEmitted stopping [JOB=web INSTANCE= RESULT=failed PROCESS=respawn]\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=respawn]\n"));
}

static void
test_job_restart_does_not_count_as_respawn(void **state)
{
	struct rig *r = *state;

	up(r, "respawn;respawn limit 1 60;exec web");
	for (int i = 0; i < 5; i++) {
		(void) rig_restart(r, "web", NULL);
		rig_settle(r);
	}
	rig_assert_state(r, "web", "start/running");
	rig_exit(r, "web", "main", 1);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_restart(r, "web", NULL); /* the count is kept over it */
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	rig_assert_state(r, "web", "none");
	(void) rig_start(r, "web", NULL); /* a real stop clears it */
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

/* -- a stop while a hook on the way up does not end (runtime.md 19, 22) --------------------------------- */

static void
test_job_stop_kills_a_hook_that_does_not_end(void **state)
{
	static const char *const hooks[] = { "pre-start", "post-start" };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		auto_free char *text = str_printf("kill timeout 3;%s exec h;exec web", hooks[i]);

		(void) rig_define(r, "web", text);
		(void) rig_start(r, "web", NULL);
		if (i == 1)
			rig_up(r, "web", "main");
		rig_up(r, "web", hooks[i]);
		rig_forget(r);
		rig_show(r, RIG_WORK);
		(void) rig_stop(r, "web", NULL);
		rig_expect(r, "timer 3\n");
		assert_true(rig_timer(r));
		assert_true(rig_timer(r));
		rig_expect(r, i == 0 ? "kill web pre-start TERM\nkill web pre-start CONT\ntimer 3\nkill web pre-start KILL\n"
				     : "kill web post-start TERM\nkill web post-start CONT\ntimer 3\nkill web post-start KILL\n");
		rig_show(r, RIG_SIGNALS);
		rig_exit(r, "web", hooks[i], JOB_EXIT_SIGNAL(9));
		rig_settle(r);
		assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=ok]"));
		rig_assert_state(r, "web", "none");
	}
}

static void
test_job_stop_that_is_taken_back_spares_the_hook(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "pre-start exec h;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "pre-start");
	(void) rig_stop(r, "web", NULL);
	rig_forget(r);
	rig_show(r, RIG_WORK);
	(void) rig_start(r, "web", NULL);
	rig_expect(r, "timer off\n");
	rig_exit(r, "web", "pre-start", 0);
	rig_expect(r, "spawn web main\n");
}

/* What was told to end has not done its work: a start that comes too late for it fails. */
static void
test_job_start_after_the_hook_was_told_to_end(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "pre-start exec h;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "pre-start");
	(void) rig_stop(r, "web", NULL);
	assert_true(rig_timer(r));
	(void) rig_start(r, "web", NULL);
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	rig_exit(r, "web", "pre-start", JOB_EXIT_SIGNAL(15));
	rig_expect(r, "reply 3 error JobFailed: Job failed to start\n");
	rig_assert_state(r, "web", "none");
}

/* One that fails by itself after the stop has failed, as ever. */
static void
test_job_stop_and_a_hook_that_fails(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "pre-start exec h;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "pre-start");
	(void) rig_stop(r, "web", NULL);
	rig_forget(r);
	rig_show(r, RIG_SIGNALS | RIG_WORK);
	rig_exit(r, "web", "pre-start", 2);
	assert_non_null(strstr(r->lines.p, "timer off\n"));
	assert_non_null(strstr(r->lines.p, "stopped [JOB=web INSTANCE= RESULT=failed PROCESS=pre-start EXIT_STATUS=2]"));
}

/* Main ends while post-start is being hurried: the time of post-start runs on. */
static void
test_job_stop_hurries_post_start_whatever_main_does(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill timeout 0;post-start exec h;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_up(r, "web", "post-start");
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	rig_forget(r);
	rig_show(r, RIG_WORK);
	assert_true(rig_timer(r));
	rig_expect(r, "kill web post-start TERM\nkill web post-start KILL\n");
	rig_exit(r, "web", "post-start", JOB_EXIT_SIGNAL(9));
	rig_assert_state(r, "web", "none");
}

/* runtime.md 19, 34: it stays so, and is told. */
static void
test_job_respawn_ended_by_post_stop_is_told(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;exec web;post-stop exec h");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 1);
	rig_up(r, "web", "post-stop");
	rig_forget(r);
	rig_show(r, RIG_LOG);
	rig_exit(r, "web", "post-stop", 1);
	rig_expect(r, "log warn web post-stop process (102) terminated with status 1\n"
		      "log warn web post-stop process failed, not started again\n");
	rig_assert_state(r, "web", "none");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_all_processes_in_order),
		BENCHED(test_job_security_status_is_ignored),
		BENCHED(test_job_security_that_can_not_be_spawned_fails),
		BENCHED(test_job_pre_start_failure_stops),
		BENCHED(test_job_post_start_and_pre_stop_status_is_ignored),
		BENCHED(test_job_post_start_and_pre_stop_spawn_errors_are_ignored),
		BENCHED(test_job_post_stop_failure_comes_late),
		BENCHED(test_job_post_stop_failure_cancels_a_restart),
		BENCHED(test_job_main_spawn_error_fails),
		cmocka_unit_test(test_job_limits_have_one_order),
		cmocka_unit_test(test_job_main_ends),
		BENCHED(test_job_info_lines),
		BENCHED(test_job_main_ends_during_post_start),
		BENCHED(test_job_respawn_waits_for_post_start),
		BENCHED(test_job_respawn_waits_for_pre_stop),
		BENCHED(test_job_respawn_before_ready),
		BENCHED(test_job_exit_before_ready_is_a_failure),
		cmocka_unit_test(test_job_respawn_limits),
		BENCHED(test_job_respawn_limit_tells_how),
		BENCHED(test_job_restart_does_not_count_as_respawn),
		BENCHED(test_job_stop_kills_a_hook_that_does_not_end),
		BENCHED(test_job_stop_that_is_taken_back_spares_the_hook),
		BENCHED(test_job_start_after_the_hook_was_told_to_end),
		BENCHED(test_job_stop_and_a_hook_that_fails),
		BENCHED(test_job_stop_hurries_post_start_whatever_main_does),
		BENCHED(test_job_respawn_ended_by_post_stop_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
