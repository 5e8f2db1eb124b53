/* SPDX-License-Identifier: MIT */
/*
 * The end of a session (runtime.md 15.3).
 */
#include "rig.h"

#include "common/log.h"

static int
setup(void **state)
{
	struct rig *r = rig_new_session();
	struct input in = { .type = INPUT_LOG_LEVEL, .log_level = { LOG_LEVEL_MESSAGE } };

	(void) rig_apply(r, &in);
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
end(struct rig *r, const char *type)
{
	struct input in = { .type = INPUT_SESSION_END };

	in.session_end.type = strdup(type);
	(void) rig_apply(r, &in);
}

#define SHOWN (1u << EFFECT_FINISHED | RIG_WORK | RIG_LOG)

static void
test_job_session_without_jobs_ends_at_once(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_LOG_LEVEL, .log_level = { LOG_LEVEL_INFO } };

	(void) rig_apply(r, &in);
	rig_show(r, 1u << EFFECT_FINISHED | RIG_LOG | RIG_SIGNALS);
	end(r, "logout");
	rig_expect(r, "log info Quiescing due to logout request\n"
		      "log info Handling session-end event\n"
		      "sig manager EventEmitted session-end [TYPE=logout]\n"
		      "log info Quiesce logout sequence took <1 second\n"
		      "finished 0\n");
	end(r, "logout"); /* a second request is ignored */
	rig_expect(r, "");
}

static void
test_job_session_stops_all_jobs(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "tty", "instance $N;exec tty");
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "tty", "N=1");
	rig_settle(r);
	rig_show(r, SHOWN);
	end(r, "shutdown");
	rig_expect(r, "timer 5\nkill web main TERM\nkill web main CONT\ntimer 5\nkill tty/1 main TERM\n"
		      "kill tty/1 main CONT\ntimer 5\n");
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "finished 0\n"));
	assert_int_equal(r->n_timers, 0);
}

/* A job that wants to hear of it has five seconds. */
static void
test_job_session_waits_for_who_wants_to_hear(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on session-end;task;exec save");
	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, SHOWN);
	end(r, "logout");
	rig_assert_state(r, "save", "start/spawned");
	rig_rule(r, "save", "main", "waits", false);
	rig_settle(r);
	assert_null(strstr(r->lines.p, "finished"));
	rig_assert_state(r, "web", "none");
	rig_exit(r, "save", "main", 0);
	assert_non_null(strstr(r->lines.p, "finished 0\n"));
}

static void
test_job_session_kills_after_the_wait(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on session-end;task;exec save");
	rig_rule(r, "save", "main", "ignores", false);
	rig_show(r, SHOWN);
	end(r, "logout");
	rig_settle(r);
	rig_forget(r);
	assert_true(rig_timer(r)); /* 5 s: now it is stopped like all others */
	rig_assert_state(r, "save", "stop/killed");
	assert_true(rig_timer(r)); /* its kill timeout */
	assert_non_null(strstr(r->lines.p, "kill save main KILL\n"));
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "finished 0\n"));
}

/* For a shutdown nobody is waited for. */
static void
test_job_session_shutdown_does_not_wait(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "save", "start on session-end;task;exec save");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, SHOWN);
	end(r, "shutdown");
	rig_exit(r, "web", "main", 0);
	for (int i = 0; i < 10 && strstr(r->lines.p, "finished") == NULL; i++) {
		rig_settle(r);
		(void) rig_timer(r);
	}
	assert_non_null(strstr(r->lines.p, "finished 0\n"));
}

/* The largest kill timeout counts, 5 s at least; what is left then is named, and killed (runtime.md 19, 37). */
static void
test_job_session_gives_up(void **state)
{
	struct rig *r = *state;
	usec_t began = r->now;

	(void) rig_define(r, "web", "kill timeout 8;exec web");
	(void) rig_define(r, "stuck", "instance $N;exec stuck");
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "stuck", "N=1");
	rig_settle(r);
	rig_show(r, SHOWN);
	end(r, "shutdown");
	for (int i = 0; i < 10 && strstr(r->lines.p, "finished") == NULL; i++)
		assert_true(rig_timer(r)); /* nobody dies, not even of KILL */
	assert_true(r->now - began >= 8 * USEC_PER_SEC);
	assert_non_null(strstr(r->lines.p, "log warn job web failed to stop\n"));
	assert_non_null(strstr(r->lines.p, "log warn job stuck (1) failed to stop\n"));
	assert_non_null(strstr(r->lines.p, "kill stuck/1 main KILL\n"));
	assert_non_null(strstr(r->lines.p, "finished 0\n"));
}

/* `kill mode tree`: it is not over with its main process, and neither is the session. */
static void
test_job_session_waits_for_strays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;exec web;post-stop exec tidy");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	end(r, "shutdown");
	rig_show(r, 1u << EFFECT_FINISHED | 1u << EFFECT_SPAWN);
	rig_exit(r, "web", "main", 0);
	rig_expect(r, "");
	rig_swept(r);
	rig_assert_state(r, "web", "stop/post-stop");
	rig_forget(r);
	rig_settle(r);
	rig_expect(r, "finished 0\n");
}

/* Nor is the wait for those that want to hear of the end. */
static void
test_job_session_waits_for_strays_before_it_kills(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on session-end;kill mode tree;task;exec save");
	(void) rig_define(r, "web", "start on stopped save;exec web");
	rig_rule(r, "save", "main", "waits", false);
	end(r, "logout");
	rig_settle(r);
	rig_show(r, 1u << EFFECT_FINISHED | 1u << EFFECT_SPAWN);
	rig_exit(r, "save", "main", 0);
	rig_assert_state(r, "save", "stop/killed");
	rig_swept(r);
	rig_assert_state(r, "web", "start/spawned");
	rig_settle(r);
	assert_null(strstr(r->lines.p, "finished"));
}

static void
test_job_session_gives_up_strays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;exec web");
	(void) rig_define(r, "tty", "kill mode tree;pre-stop exec hang;exec tty");
	rig_rule(r, "tty", "pre-stop", "waits", false);
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "tty", NULL);
	rig_settle(r);
	end(r, "shutdown");
	rig_exit(r, "web", "main", 0);
	rig_up(r, "tty", "pre-stop");
	rig_show(r, 1u << EFFECT_FINISHED | 1u << EFFECT_STRAYS | 1u << EFFECT_KILL);
	rig_forget(r);
	for (int i = 0; i < 5 && strstr(r->lines.p != NULL ? r->lines.p : "", "finished") == NULL; i++)
		assert_true(rig_timer(r));
	rig_expect(r, "strays web KILL awaited\nkill tty main KILL\nkill tty pre-stop KILL\nstrays tty KILL\nfinished 0\n");
}

static void
test_job_session_does_not_respawn(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;exec web");
	(void) rig_define(r, "save", "start on session-end;task;exec save");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	end(r, "logout");
	rig_exit(r, "web", "main", 1);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
}

static void
test_job_session_does_not_respawn_what_it_started(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "save", "start on session-end;respawn;exec save");
	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	end(r, "logout");
	rig_up(r, "save", "main");
	rig_assert_state(r, "save", "start/running");
	rig_exit(r, "save", "main", 1);
	rig_assert_state(r, "save", "none");
}

/* Nor does one that rests before a respawn keep the session until its rest is over. */
static void
test_job_session_does_not_wait_for_who_rests(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 60;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	rig_assert_state(r, "web", "start/post-stop");
	rig_show(r, SHOWN);
	end(r, "logout");
	rig_expect(r, "timer 5\ntimer off\ntimer off\nfinished 0\n");
	rig_assert_state(r, "web", "none");
}

static void
test_job_session_end_means_nothing_to_a_system(void **state)
{
	struct rig *r = rig_new();

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, RIG_ALL);
	end(r, "logout");
	rig_expect(r, "");
	rig_assert_state(r, "web", "start/running");
	(void) rig_free(r);
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_session_without_jobs_ends_at_once),
		BENCHED(test_job_session_stops_all_jobs),
		BENCHED(test_job_session_waits_for_who_wants_to_hear),
		BENCHED(test_job_session_kills_after_the_wait),
		BENCHED(test_job_session_shutdown_does_not_wait),
		BENCHED(test_job_session_gives_up),
		BENCHED(test_job_session_waits_for_strays),
		BENCHED(test_job_session_waits_for_strays_before_it_kills),
		BENCHED(test_job_session_gives_up_strays),
		BENCHED(test_job_session_does_not_respawn),
		BENCHED(test_job_session_does_not_respawn_what_it_started),
		BENCHED(test_job_session_does_not_wait_for_who_rests),
		cmocka_unit_test(test_job_session_end_means_nothing_to_a_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
