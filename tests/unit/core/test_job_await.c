/* SPDX-License-Identifier: MIT */
/*
 * Starts that wait until a `while` holds.
 */
#include "rig.h"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, RIG_REPLIES);
	(void) rig_define(r, "foo", "while bar;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	(void) rig_stop(r, "foo", NULL);
	rig_forget(r);
	*state = r;
	return 0;
}

/* `process` asks, a hook or main of `job`; NULL: nobody's. */
static void
start_when_ready(struct rig *r, const char *name, const char *env, bool wait, const char *job, const char *process)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request = (struct input_request){
		.request = ++r->requests,
		.kind = JOB_START,
		.job = strdup(name),
		.env = rig_words(env != NULL ? env : ""),
		.wait = wait,
		.when_ready = true,
		.caller = job != NULL ? rig_proc(r, job, process)->pid : 0,
	};
	assert_int_equal(rig_apply(r, &in), 0);
}

static void
start(struct rig *r, const char *job)
{
	(void) rig_start(r, job, NULL);
	rig_settle(r);
}

static void
test_await_answers_once_the_job_runs(void **state)
{
	struct rig *r = *state;

	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	rig_settle(r);
	rig_expect(r, "");
	rig_assert_state(r, "foo", "none");
	(void) rig_start(r, "bar", NULL);
	rig_up(r, "bar", "main");
	rig_expect(r, "reply 4 ok bar\n");
	rig_assert_state(r, "foo", "start/spawned");
	rig_settle(r);
	rig_expect(r, "reply 3 ok foo\n");
	rig_assert_state(r, "foo", "start/running");
}

static void
test_await_is_an_ordinary_start_where_states_hold(void **state)
{
	struct rig *r = *state;

	start(r, "bar");
	rig_forget(r);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	rig_settle(r);
	rig_expect(r, "reply 4 ok foo\n");
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	start_when_ready(r, "bar", NULL, true, NULL, NULL);
	rig_expect(r, "reply 5 error AlreadyStarted: Job is already running: foo\n"
		      "reply 6 error AlreadyStarted: Job is already running: bar\n");
}

static void
test_await_without_wait_only_does_not_fail(void **state)
{
	struct rig *r = *state;

	start_when_ready(r, "foo", NULL, false, NULL, NULL);
	rig_expect(r, "reply 3 ok foo\n");
	start(r, "bar");
	rig_assert_state(r, "foo", "start/running");
}

static void
test_await_ends_with_a_stop(void **state)
{
	struct rig *r = *state;

	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	(void) rig_stop(r, "foo", NULL);
	rig_expect(r, "reply 3 error ConditionNotMet: It was stopped before its 'while' held\n"
		      "reply 4 error ConditionNotMet: It was stopped before its 'while' held\n"
		      "reply 5 ok foo\n");
	start(r, "bar");
	rig_assert_state(r, "foo", "none");
}

static void
test_await_ends_with_the_job_or_its_while(void **state)
{
	struct rig *r = *state;

	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	(void) rig_define(r, "foo", "exec foo");
	rig_expect(r, "reply 3 error ConditionNotMet: It has no 'while' any more\n");
	(void) rig_define(r, "foo", "while bar;exec foo");
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	rig_undefine(r, "foo");
	rig_expect(r, "reply 4 error UnknownJob: The job is gone\n");
}

/* A start that does not wait, and one by an event, bring it up for those who do. */
static void
test_await_is_over_however_it_is_started(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;while bar X=$WHICH;exec web");
	(void) rig_define(r, "bar", "export X;exec bar");
	(void) rig_start(r, "bar", "X=1");
	rig_settle(r);
	rig_forget(r);
	start_when_ready(r, "web", "WHICH=2", true, NULL, NULL);
	(void) rig_emit(r, "go", "WHICH=1");
	rig_expect(r, "");
	rig_settle(r);
	rig_expect(r, "reply 4 ok web\nreply 5 ok\n");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_forget(r);
	start_when_ready(r, "web", "WHICH=2", true, NULL, NULL);
	(void) rig_start(r, "web", "WHICH=1");
	rig_settle(r);
	rig_expect(r, "reply 8 ok web\nreply 7 ok web\n");
}

static void
test_await_tells_of_a_failure(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar;pre-start exec hook;exec foo");
	rig_rule(r, "foo", "pre-start", "exit 1", true);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	start(r, "bar");
	rig_expect(r, "reply 4 ok bar\nreply 3 error JobFailed: Job failed to start\n");
}

/* What it waits for outlasts init; requests that nobody hears any more are over, those under a token are not. */
static void
test_await_is_saved(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf saved = STRBUF_INIT, again = STRBUF_INIT;
	struct core *loaded;

	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	core_save(r->core, &saved);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &loaded), 0);
	core_save(loaded, &again);
	assert_int_equal(saved.len, again.len);
	assert_memory_equal(saved.p, again.p, saved.len);
	(void) core_free(r->core);
	r->core = loaded;
	start(r, "bar");
	rig_expect(r, "reply 4 ok bar\nreply 3 ok foo\n");
}

static void
test_await_of_a_lost_client_is_not_answered(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_CONTROL, .control = { true } };

	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	assert_int_equal(rig_apply(r, &in), 0);
	start(r, "bar");
	rig_expect(r, "reply 4 ok bar\n");
	rig_assert_state(r, "foo", "start/running");
}

/* A hook that waits for what waits for its own job would wait for ever. */
static void
test_await_closes_no_circle(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "last", "while foo;exec last");
	(void) rig_define(r, "bar", "pre-start exec hook;exec bar");
	(void) rig_stop(r, "last", NULL);
	rig_rule(r, "bar", "pre-start", "waits", true);
	(void) rig_start(r, "bar", NULL);
	rig_settle(r);
	rig_show(r, RIG_REPLIES | RIG_LOG);
	start_when_ready(r, "last", NULL, true, "bar", "pre-start");
	rig_expect(r, "log warn A call by bar does not wait until last is ready, which waits for it: foo follows it\n"
		      "reply 5 ok last\n");
	start_when_ready(r, "foo", NULL, true, NULL, NULL); /* anybody else may */
	rig_expect(r, "");
	rig_exit(r, "bar", "pre-start", 0);
	rig_settle(r);
	rig_expect(r, "reply 4 ok bar\nreply 6 ok foo\n");
	rig_assert_state(r, "last", "start/running");
}

/* Nothing rises any more: the answer is that of a start. */
static void
test_await_on_the_way_down_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_emit(r, "runlevel", "RUNLEVEL=0");
	rig_settle(r);
	rig_forget(r);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	rig_expect(r, "reply 4 error ConditionNotMet: Its 'while' does not hold: bar\n");
}

/* Nor does it for those that wait already: a hook that does would hold up all. */
static void
test_await_ends_on_the_way_down(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "other", "stop on never;while baz;exec other");
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	start_when_ready(r, "other", NULL, true, NULL, NULL);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=6");
	rig_expect(r, "reply 3 error ConditionNotMet: The way down began before its 'while' held\n"
		      "reply 5 error ConditionNotMet: The way down began before its 'while' held\n"
		      "reply 4 error ConditionNotMet: The way down began before its 'while' held\n"
		      "reply 6 ok\n");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2"); /* it was called off */
	start(r, "bar");
	rig_expect(r, "reply 7 ok\nreply 8 ok bar\n");
	rig_assert_state(r, "foo", "start/running");
}

static void
test_await_ends_with_the_session(void **state)
{
	struct rig *r = rig_new_session();
	struct input in = { .type = INPUT_SESSION_END };

	(void) rig_define(r, "foo", "while bar;exec foo");
	(void) rig_define(r, "save", "start on session-end;task;exec save");
	rig_rule(r, "save", "main", "waits", false);
	(void) rig_emit(r, "startup", NULL);
	(void) rig_stop(r, "foo", NULL);
	rig_show(r, RIG_REPLIES);
	start_when_ready(r, "foo", NULL, true, NULL, NULL);
	rig_forget(r);
	in.session_end.type = strdup("logout");
	assert_int_equal(rig_apply(r, &in), 0);
	rig_expect(r, "reply 3 error ConditionNotMet: The way down began before its 'while' held\n");
	(void) rig_free(r);
	(void) state;
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_await_answers_once_the_job_runs),
		BENCHED(test_await_is_an_ordinary_start_where_states_hold),
		BENCHED(test_await_without_wait_only_does_not_fail),
		BENCHED(test_await_ends_with_a_stop),
		BENCHED(test_await_ends_with_the_job_or_its_while),
		BENCHED(test_await_is_over_however_it_is_started),
		BENCHED(test_await_tells_of_a_failure),
		BENCHED(test_await_is_saved),
		BENCHED(test_await_of_a_lost_client_is_not_answered),
		BENCHED(test_await_closes_no_circle),
		BENCHED(test_await_on_the_way_down_is_refused),
		BENCHED(test_await_ends_on_the_way_down),
		cmocka_unit_test(test_await_ends_with_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
