/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, and that nobody does in a circle: the wait that would close one is not made, with a warning.
 */
#include "rig.h"

#include "common/log.h"

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

/* A process of a job asks, and waits for the answer. */
static uint64_t
call(struct rig *r, const char *by, const char *kind, enum request_kind what, const char *job)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request.request = ++r->requests;
	in.request.kind = what;
	in.request.job = strdup(job);
	in.request.wait = true;
	in.request.caller = rig_proc(r, by, kind)->pid;
	(void) rig_apply(r, &in);
	return r->requests;
}

static void
call_emit(struct rig *r, const char *by, const char *kind, const char *event)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.request = ++r->requests;
	in.emit.name = strdup(event);
	in.emit.wait = true;
	in.emit.caller = rig_proc(r, by, kind)->pid;
	(void) rig_apply(r, &in);
}

static void
test_job_waits_start_on_starting_of_each_other(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on starting b;exec a");
	(void) rig_define(r, "b", "start on starting a;exec b");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) rig_start(r, "a", NULL);
	rig_expect(r, "log warn starting event of b does not wait for a, which waits for it: a -> starting event of a "
		      "-> b -> it\n");
	rig_settle(r);
	rig_expect(r, "reply 1 ok a\n");
	rig_assert_state(r, "a", "start/running");
	rig_assert_state(r, "b", "start/running");
}

static void
test_job_waits_stop_on_stopping_of_each_other(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "stop on stopping b;normal exit TERM;exec a");
	(void) rig_define(r, "b", "stop on stopping a;normal exit TERM;exec b");
	(void) rig_start(r, "a", NULL);
	(void) rig_start(r, "b", NULL);
	rig_settle(r);
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) rig_stop(r, "b", NULL);
	rig_settle(r);
	rig_expect(r, "log warn stopping event of a does not wait for b, which waits for it: b -> stopping event of b "
		      "-> a -> it\n"
		      "reply 3 ok b\n");
	rig_assert_state(r, "a", "none");
}

/* Three in a row, each started before the next: the last one's event comes back to the first. */
static void
test_job_waits_of_three_are_named(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on starting c;exec a");
	(void) rig_define(r, "b", "start on starting a;exec b");
	(void) rig_define(r, "c", "start on starting b;exec c");
	rig_forget(r);
	rig_show(r, RIG_LOG);
	(void) rig_start(r, "a", NULL);
	rig_settle(r);
	rig_expect(r, "log warn starting event of c does not wait for a, which waits for it: "
		      "a -> starting event of a -> b -> starting event of b -> c -> it\n");
	rig_assert_state(r, "c", "start/running");
	rig_assert_state(r, "a", "start/running");
}

/* A job that hears its own event, by a pattern that is meant for others: no circle, and nothing to say. */
static void
test_job_waits_own_event_is_no_circle(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "logger", "start on starting;stop on stopping;normal exit TERM;exec logger");
	rig_forget(r);
	rig_show(r, RIG_LOG);
	(void) rig_start(r, "logger", NULL);
	rig_settle(r);
	(void) rig_stop(r, "logger", NULL);
	rig_settle(r);
	rig_expect(r, "");
	rig_assert_state(r, "logger", "none");
}

/* b holds the starting of a; its hook stops a and waits. */
static void
test_job_waits_hook_that_stops_whom_it_holds(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "exec a");
	(void) rig_define(r, "b", "start on starting a;task;pre-start exec p;exec b");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "b", "pre-start");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) call(r, "b", "pre-start", JOB_STOP, "a");
	rig_expect(r,
		   "reply 1 ok a\n"
		   "log warn A call by b does not wait for a, which waits for it: a -> starting event of a -> b -> it\n"
		   "reply 2 ok a\n");
	rig_settle(r);
	rig_assert_state(r, "a", "none");
	rig_assert_state(r, "b", "none");
}

/* The pre-start of a starts b, whose own pre-start waits for a. */
static void
test_job_waits_hooks_that_call_each_other(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "pre-start exec p;exec a");
	(void) rig_define(r, "b", "pre-start exec p;exec b");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "pre-start");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) call(r, "a", "pre-start", JOB_START, "b");
	rig_up(r, "b", "pre-start");
	rig_expect(r, "");
	(void) call(r, "b", "pre-start", JOB_RESTART, "a");
	rig_expect(r, "reply 1 ok a\n" /* a restart comes between */
		      "log warn A call by b does not wait for a, which waits for it: a -> b -> it\n"
		      "reply 3 ok a\n");
	rig_exit(r, "b", "pre-start", 0);
	rig_up(r, "b", "main");
	rig_expect(r, "reply 2 ok b\n");
}

static void
test_job_waits_hook_emits_what_stops_its_job(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "stop on enough;pre-start exec p;exec a");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "pre-start");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	call_emit(r, "a", "pre-start", "enough");
	rig_expect(r, "reply 1 ok a\n"
		      "log warn enough event does not wait for a, which waits for it: a -> it\n"
		      "reply 2 ok\n");
	rig_assert_state(r, "a", "stop/pre-start");
	rig_settle(r);
	rig_assert_state(r, "a", "none");
}

/* Calls that close no circle wait as ever. */
static void
test_job_waits_call_of_a_hook_waits(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "pre-start exec p;exec a");
	(void) rig_define(r, "b", "start on starting c;exec b");
	(void) rig_define(r, "c", "exec c");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "pre-start");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) call(r, "a", "pre-start", JOB_START, "c");
	rig_expect(r, "");
	rig_up(r, "b", "main");
	rig_up(r, "c", "main");
	rig_expect(r, "reply 2 ok c\n");
}

/* A hook that has ended waits for nothing more, whoever answers it. */
static void
test_job_waits_of_an_ended_hook_are_over(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "pre-start exec p;exec a");
	(void) rig_define(r, "b", "pre-start exec p;exec b");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "pre-start");
	(void) call(r, "a", "pre-start", JOB_START, "b");
	rig_up(r, "b", "pre-start");
	rig_exit(r, "a", "pre-start", 0);
	rig_up(r, "a", "main");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_REPLIES);
	(void) call(r, "b", "pre-start", JOB_STOP, "a");
	rig_expect(r, "");
	rig_exit(r, "a", "main", JOB_EXIT_SIGNAL(15));
	rig_expect(r, "log warn a main process (103) killed by TERM signal\nreply 3 ok a\n");
}

/* Who calls is known after a re-exec too. */
static void
test_job_waits_survive_a_snapshot(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	struct core *again = NULL;

	(void) rig_define(r, "a", "pre-start exec p;exec a");
	(void) rig_define(r, "b", "pre-start exec p;exec b");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "pre-start");
	(void) call(r, "a", "pre-start", JOB_START, "b");
	rig_up(r, "b", "pre-start");
	core_save(r->core, &saved);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &again), 0);
	(void) core_free(r->core);
	r->core = again;
	rig_forget(r);
	rig_show(r, RIG_LOG);
	(void) call(r, "b", "pre-start", JOB_STOP, "a");
	rig_expect(r, "log warn A call by b does not wait for a, which waits for it: a -> b -> it\n");
}

/* -- those who join ------------------------------------------------------------------------------ */

/* runtime.md 19, 21: an event that finds its job on the way already waits with the first. */
static void
test_job_waits_event_joins_a_start(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on go;pre-start exec p;exec a");
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "a", "pre-start");
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "");
	rig_exit(r, "a", "pre-start", 0);
	rig_up(r, "a", "main");
	rig_expect(r, "reply 1 ok\nreply 2 ok\n");
	(void) rig_emit(r, "go", NULL); /* running: nothing to wait for */
	rig_expect(r, "reply 3 ok\n");
}

static void
test_job_waits_event_joins_a_start_that_fails(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on go;pre-start exec p;exec a");
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "a", "pre-start");
	(void) rig_emit(r, "go", NULL);
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	rig_exit(r, "a", "pre-start", 1);
	rig_expect(r, "reply 1 error EventFailed: Event failed\nreply 2 error EventFailed: Event failed\n");
}

/* A task that runs already does not run for the second event: that one does not wait. */
static void
test_job_waits_event_does_not_join_a_running_task(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on go;task;exec a");
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "a", "main");
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "reply 2 ok\n");
}

static void
test_job_waits_event_joins_a_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "stop on halt;exec a;post-stop exec q");
	(void) rig_start(r, "a", NULL);
	rig_up(r, "a", "main");
	(void) rig_stop(r, "a", NULL);
	rig_exit(r, "a", "main", 0);
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "halt", NULL);
	rig_expect(r, "");
	rig_up(r, "a", "post-stop");
	rig_exit(r, "a", "post-stop", 0);
	rig_expect(r, "reply 2 ok a\nreply 3 ok\n");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_waits_start_on_starting_of_each_other),
		BENCHED(test_job_waits_stop_on_stopping_of_each_other),
		BENCHED(test_job_waits_of_three_are_named),
		BENCHED(test_job_waits_own_event_is_no_circle),
		BENCHED(test_job_waits_hook_that_stops_whom_it_holds),
		BENCHED(test_job_waits_hooks_that_call_each_other),
		BENCHED(test_job_waits_hook_emits_what_stops_its_job),
		BENCHED(test_job_waits_call_of_a_hook_waits),
		BENCHED(test_job_waits_of_an_ended_hook_are_over),
		BENCHED(test_job_waits_survive_a_snapshot),
		BENCHED(test_job_waits_event_joins_a_start),
		BENCHED(test_job_waits_event_joins_a_start_that_fails),
		BENCHED(test_job_waits_event_does_not_join_a_running_task),
		BENCHED(test_job_waits_event_joins_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
