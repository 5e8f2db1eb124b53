/* SPDX-License-Identifier: MIT */
/*
 * What clients ask: start, stop, restart, reload; their errors, word by word; environments; tokens (runtime.md
 * section 6, control.md section 5).
 */
#include "rig.h"

#include <errno.h>

#include "common/log.h"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "tty", "instance $N;exec tty");
	rig_show(r, RIG_REPLIES);
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
test_job_start_answers_when_running(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_expect(r, "");
	rig_executed(r, "web", "main");
	rig_expect(r, "reply 1 ok web\n");
}

static void
test_job_start_without_wait_answers_at_once(void **state)
{
	struct rig *r = *state;

	(void) rig_ask(r, JOB_START, "tty", NULL, "N=1", false);
	rig_expect(r, "reply 1 ok tty/1\n");
	rig_settle(r);
	(void) rig_ask(r, JOB_STOP, "tty", NULL, "N=1", false);
	(void) rig_ask(r, JOB_START, "tty", NULL, "N=1", false);
	(void) rig_ask(r, JOB_RESTART, "tty", NULL, "N=1", false);
	rig_expect(r, "reply 2 ok tty/1\nreply 3 ok tty/1\nreply 4 ok tty/1\n");
}

static void
test_job_start_task_answers_when_finished(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "task", "task;exec task");
	rig_forget(r);
	(void) rig_start(r, "task", NULL);
	rig_up(r, "task", "main");
	rig_assert_state(r, "task", "start/running");
	rig_expect(r, "");
	rig_exit(r, "task", "main", 0);
	rig_expect(r, "reply 1 ok task\n");
}

static void
test_job_start_again_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "web", NULL);
	rig_expect(r, "reply 2 error AlreadyStarted: Job is already running: web\n");
	rig_settle(r);
	rig_expect(r, "reply 1 ok web\n");
	(void) rig_start(r, "tty", "N=1");
	rig_settle(r);
	(void) rig_start(r, "tty", "N=1");
	(void) rig_ask(r, INSTANCE_START, "tty", "1", NULL, true);
	rig_expect(r, "reply 3 ok tty/1\n"
		      "reply 4 error AlreadyStarted: Job is already running: tty (1)\n"
		      "reply 5 error AlreadyStarted: Job is already running: tty (1)\n");
}

static void
test_job_stop_what_is_not_there_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_stop(r, "web", NULL);
	(void) rig_stop(r, "tty", "N=7");
	(void) rig_restart(r, "tty", "N=8");
	rig_expect(r, "reply 1 error UnknownInstance: Unknown instance: \n"
		      "reply 2 error UnknownInstance: Unknown instance: 7\n"
		      "reply 3 error UnknownInstance: Unknown instance: 8\n");
}

static void
test_job_stop_again_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "tty", "N=1");
	rig_settle(r);
	rig_forget(r);
	(void) rig_stop(r, "tty", "N=1");
	(void) rig_stop(r, "tty", "N=1");
	(void) rig_ask(r, INSTANCE_STOP, "tty", "1", NULL, true);
	(void) rig_restart(r, "tty", "N=1");
	(void) rig_ask(r, INSTANCE_RESTART, "tty", "1", NULL, true);
	rig_expect(r, "reply 3 error AlreadyStopped: Job has already been stopped: tty (1)\n"
		      "reply 4 error AlreadyStopped: Job has already been stopped: tty (1)\n"
		      "reply 5 error AlreadyStopped: Job has already been stopped: tty (1)\n"
		      "reply 6 error AlreadyStopped: Job has already been stopped: tty (1)\n");
	rig_settle(r);
	rig_expect(r, "reply 2 ok tty/1\n");
}

static void
test_job_start_bad_env_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", "A=1 B");
	(void) rig_stop(r, "web", "B");
	(void) rig_restart(r, "web", "B");
	rig_expect(r, "reply 1 error org.freedesktop.DBus.Error.InvalidArgs: Env must be KEY=VALUE pairs\n"
		      "reply 2 error org.freedesktop.DBus.Error.InvalidArgs: Env must be KEY=VALUE pairs\n"
		      "reply 3 error org.freedesktop.DBus.Error.InvalidArgs: Env must be KEY=VALUE pairs\n");
}

static void
test_job_start_instance_that_can_not_be_named(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "disk", "instance $DEV;usage \"DEV=device\";exec disk");
	(void) rig_define(r, "bad", "instance x${V;exec bad");
	(void) rig_define(r, "odd", "instance x${V:q};exec odd");
	rig_forget(r);
	(void) rig_start(r, "tty", NULL);
	(void) rig_start(r, "disk", NULL);
	(void) rig_stop(r, "disk", NULL);
	(void) rig_start(r, "bad", NULL);
	(void) rig_start(r, "odd", NULL);
	rig_expect(r,
		   "reply 1 error org.freedesktop.DBus.Error.InvalidArgs: Unknown parameter: N\n"
		   "reply 2 error org.freedesktop.DBus.Error.InvalidArgs: Unknown parameter: DEV\nUsage: DEV=device\n"
		   "reply 3 error org.freedesktop.DBus.Error.InvalidArgs: Unknown parameter: DEV\nUsage: DEV=device\n"
		   "reply 4 error org.freedesktop.DBus.Error.InvalidArgs: Mismatched braces\n"
		   "reply 5 error org.freedesktop.DBus.Error.InvalidArgs: Expected operator\n");
}

static void
test_job_instance_name_uses_all_environments(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "mix", "env A=class;env OWN;instance $A-$TERM-$OWN;exec mix");
	rig_show(r, RIG_WORK);
	(void) rig_start(r, "mix", NULL);
	(void) rig_start(r, "mix", "A=given TERM=vt100");
	rig_expect(r, "spawn mix/class-linux-of init main\nspawn mix/given-vt100-of init main\n");
}

static void
test_job_request_to_unknown_ones_is_answered(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "no-such-job", NULL);
	assert_int_equal(r->result, 0);
	(void) rig_ask(r, INSTANCE_STOP, "web", "", NULL, true);
	(void) rig_ask(r, INSTANCE_START, "tty", "9", NULL, true);
	(void) rig_ask(r, INSTANCE_RELOAD, "web", "", NULL, true);
	rig_expect(r, "reply 1 error gone: no-such-job\nreply 2 error gone: web\nreply 3 error gone: tty\n"
		      "reply 4 error gone: web\n");
}

/* Earlier waiters are told success when the direction changes (runtime.md 2.4). */
static void
test_job_stop_answers_the_waiting_start(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "reply 1 ok web\n");
	rig_settle(r);
	rig_expect(r, "reply 2 ok web\n");
}

static void
test_job_restart_is_one_pass_with_new_environment(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "env A=0;exec svc");
	(void) rig_start(r, "svc", "A=1 B=2");
	rig_settle(r);
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	(void) rig_restart(r, "svc", "A=5");
	rig_settle(r);
	rig_assert_env(r, "svc", "main", "A", "5");
	rig_assert_env(r, "svc", "main", "B", NULL); /* of the original start: lost */
	assert_non_null(strstr(r->lines.p, "GoalChanged stop\n"));
	assert_non_null(strstr(r->lines.p, "GoalChanged start\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted stopping [JOB=svc INSTANCE= RESULT=ok]"));
	assert_null(strstr(r->lines.p, "EventEmitted stopped"));
	assert_non_null(strstr(r->lines.p, "reply 2 ok svc\n"));
}

static void
test_job_instance_restart_keeps_the_environment(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "tty", "N=1 B=2");
	rig_settle(r);
	(void) rig_ask(r, INSTANCE_RESTART, "tty", "1", NULL, true);
	rig_settle(r);
	rig_assert_env(r, "tty/1", "main", "B", "2");
	rig_assert_state(r, "tty/1", "start/running");
}

/* Defect 3 of the original: with a pre-stop process a restart did not restart. */
static void
test_job_restart_with_pre_stop_restarts(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "pre-stop exec bye;exec svc");
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	rig_show(r, RIG_REPLIES | 1u << EFFECT_SPAWN);
	(void) rig_restart(r, "svc", NULL);
	rig_up(r, "svc", "pre-stop");
	rig_exit(r, "svc", "pre-stop", 0);
	rig_assert_state(r, "svc", "start/killed");
	rig_settle(r);
	rig_expect(r, "spawn svc pre-stop\nspawn svc main\nreply 2 ok svc\n");
}

/* A start that comes while pre-stop runs cancels the stop; one after a restart does not cancel that. */
static void
test_job_start_during_pre_stop_cancels_the_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "pre-stop exec bye;exec svc");
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	rig_show(r, RIG_REPLIES | RIG_SIGNALS);
	(void) rig_stop(r, "svc", "REASON=x");
	rig_assert_env(r, "svc", "pre-stop", "REASON", "x");
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	rig_assert_state(r, "svc", "start/running");
	rig_expect(r, "sig job svc instance _ GoalChanged stop\n"
		      "sig job svc instance _ StateChanged pre-stopping\n"
		      "sig job svc instance _ StateChanged pre-stop\n"
		      "reply 2 ok svc\n"
		      "sig job svc instance _ GoalChanged start\n"
		      "sig job svc instance _ StateChanged running\n"
		      "reply 3 ok svc\n");
	(void) rig_stop(r, "svc", NULL);
	rig_assert_env(r, "svc", "pre-stop", "REASON", NULL); /* forgotten with the cancelled stop */
}

/* The main process ended meanwhile: there is nothing to go on with, so a start means start again. */
static void
test_job_start_during_pre_stop_of_a_dead_main_starts_again(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "pre-stop exec bye;exec svc");
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	(void) rig_stop(r, "svc", NULL);
	rig_exit(r, "svc", "main", 0);
	rig_forget(r);
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	rig_assert_state(r, "svc", "start/running");
	assert_non_null(rig_proc(r, "svc", "main"));
	rig_expect(r, "reply 2 ok svc\nreply 3 ok svc\n");
}

static void
test_job_start_during_post_start_of_a_dead_main_starts_again(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "post-start exec hello;exec svc");
	(void) rig_start(r, "svc", NULL);
	rig_up(r, "svc", "main");
	rig_up(r, "svc", "post-start");
	rig_exit(r, "svc", "main", 0);
	rig_assert_state(r, "svc", "stop/post-start");
	(void) rig_start(r, "svc", NULL);
	rig_exit(r, "svc", "post-start", 0);
	rig_settle(r);
	rig_assert_state(r, "svc", "start/running");
	assert_non_null(rig_proc(r, "svc", "main"));
}

static void
test_job_start_while_stopping_restarts_with_the_new_environment(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "post-stop exec bye;exec svc");
	(void) rig_start(r, "svc", "A=1");
	rig_settle(r);
	rig_show(r, RIG_REPLIES | RIG_SIGNALS);
	(void) rig_stop(r, "svc", NULL);
	(void) rig_start(r, "svc", "A=2");
	rig_settle(r);
	rig_assert_env(r, "svc", "main", "A", "2");
	assert_null(strstr(r->lines.p, "EventEmitted stopped"));
	assert_non_null(strstr(r->lines.p, "reply 2 ok svc\n"));
	assert_non_null(strstr(r->lines.p, "reply 3 ok svc\n"));
}

static void
test_job_stop_then_start_during_pre_start_goes_on(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "pre-start exec prepare;exec svc");
	(void) rig_start(r, "svc", NULL);
	rig_up(r, "svc", "pre-start");
	(void) rig_stop(r, "svc", NULL);
	(void) rig_start(r, "svc", NULL);
	rig_show(r, RIG_SIGNALS);
	rig_exit(r, "svc", "pre-start", 0);
	rig_expect(r, "sig job svc instance _ StateChanged spawning\nsig job svc instance _ StateChanged spawned\n");
}

static void
test_job_stop_during_starting(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "post-stop exec bye;exec svc");
	(void) rig_define(r, "hold", "start on starting svc;task;exec hold");
	(void) rig_start(r, "svc", NULL);
	rig_up(r, "hold", "main");
	(void) rig_stop(r, "svc", NULL);
	rig_assert_state(r, "svc", "stop/starting");
	rig_show(r, RIG_SIGNALS);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "sig job svc instance _ StateChanged stopping\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=svc INSTANCE= RESULT=ok]"));
	assert_null(strstr(r->lines.p, "EventEmitted started [JOB=svc"));
	assert_null(rig_proc(r, "svc", "main"));
}

static void
test_job_reload_signals_main_alone(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "svc", "reload signal USR1;exec svc");
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "svc", NULL);
	rig_settle(r);
	rig_show(r, RIG_ALL);
	(void) rig_ask(r, INSTANCE_RELOAD, "web", "", NULL, true);
	(void) rig_ask(r, INSTANCE_RELOAD, "svc", "", NULL, true);
	rig_expect(r, "kill web main HUP alone\nreply 3 ok web\nkill svc main USR1 alone\nreply 4 ok svc\n");
}

static void
test_job_reload_without_main_is_refused(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "none", "instance $N");
	(void) rig_start(r, "none", "N=a");
	rig_settle(r);
	rig_forget(r);
	(void) rig_ask(r, INSTANCE_RELOAD, "none", "a", NULL, true);
	rig_expect(r, "reply 2 error NotRunning: Job is not running: none (a)\n");
}

static void
test_job_request_malformed_is_refused(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_REQUEST };

	in.request.kind = REQUEST_KIND_COUNT;
	in.request.job = strdup("web");
	assert_int_equal(rig_apply(r, &in), -EINVAL);
	in = (struct input) { .type = INPUT_REQUEST };
	assert_int_equal(rig_apply(r, &in), -EINVAL);
	in = (struct input) { .type = INPUT_TYPE_COUNT };
	assert_int_equal(rig_apply(r, &in), -EINVAL);
	in = (struct input) { .type = INPUT_NONE };
	assert_int_equal(rig_apply(r, &in), -EINVAL);
	in = (struct input) { .type = INPUT_DEFINE, .define = { 4711 } };
	assert_int_equal(rig_apply(r, &in), -EINVAL);
	rig_expect(r, "");
}

/* -- tokens ---------------------------------------------------------------------------------- */

static void
ask_as(struct rig *r, const char *token, enum request_kind kind, const char *job)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request.request = ++r->requests;
	in.request.kind = kind;
	in.request.job = strdup(job);
	in.request.wait = true;
	in.request.token = strdup(token);
	(void) rig_apply(r, &in);
}

static void
control(struct rig *r, bool present)
{
	struct input in = { .type = INPUT_CONTROL, .control = { present } };

	(void) rig_apply(r, &in);
}

static void
test_job_token_asked_again_waits_on(void **state)
{
	struct rig *r = *state;

	ask_as(r, "t", JOB_START, "web");
	ask_as(r, "t", JOB_START, "web");
	rig_expect(r, "");
	rig_settle(r);
	rig_expect(r, "reply 1 ok web\nreply 2 ok web\n");
	ask_as(r, "t", JOB_START, "web");
	rig_expect(r, "reply 3 ok web\n"); /* the answer that was given */
	ask_as(r, "u", JOB_START, "web");
	ask_as(r, "u", JOB_START, "web");
	rig_expect(r, "reply 4 error AlreadyStarted: Job is already running: web\n"
		      "reply 5 error AlreadyStarted: Job is already running: web\n");
}

static void
test_job_token_outlives_control(void **state)
{
	struct rig *r = *state;

	ask_as(r, "t", JOB_START, "web");
	control(r, false);
	rig_settle(r);
	rig_expect(r, "");
	control(r, true);
	ask_as(r, "t", JOB_START, "web");
	rig_expect(r, "reply 2 ok web\n");
}

static void
test_job_token_answer_waits_for_the_new_control(void **state)
{
	struct rig *r = *state;

	ask_as(r, "t", JOB_START, "web");
	control(r, false);
	control(r, true);
	ask_as(r, "t", JOB_START, "web");
	rig_expect(r, "");
	rig_settle(r);
	rig_expect(r, "reply 2 ok web\n"); /* and not to the one that is gone */
}

static void
test_job_token_of_events(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "task", "start on go;task;exec task");
	rig_forget(r);
	for (int i = 0; i < 2; i++) {
		in = (struct input) { .type = INPUT_EMIT };
		in.emit.request = ++r->requests;
		in.emit.name = strdup("go");
		in.emit.wait = true;
		in.emit.token = strdup("t");
		(void) rig_apply(r, &in);
	}
	rig_settle(r);
	rig_expect(r, "reply 1 ok\nreply 2 ok\n");
	assert_int_equal(r->n_procs, 1); /* one event */
}

static void
test_job_token_answers_are_remembered_so_long(void **state)
{
	struct rig *r = *state;
	char token[32];

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_forget(r);
	for (int i = 0; i < 300; i++) {
		(void) snprintf(token, sizeof(token), "t%d", i);
		ask_as(r, token, JOB_STOP, "tty"); /* Unknown parameter */
	}
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_forget(r);
	ask_as(r, "t0", JOB_START, "web"); /* known for a minute at least: the old answer, whatever is asked */
	rig_expect(r, "reply 303 error org.freedesktop.DBus.Error.InvalidArgs: Unknown parameter: N\n");
	r->now += 61 * USEC_PER_SEC;
	ask_as(r, "new", JOB_STOP, "tty"); /* the 301st answer: the last 256 are left, t45 … t299 and this one */
	rig_forget(r);
	ask_as(r, "t45", JOB_START, "web");
	rig_expect(r, "reply 305 error org.freedesktop.DBus.Error.InvalidArgs: Unknown parameter: N\n");
	ask_as(r, "t44", JOB_START, "web");
	rig_settle(r);
	rig_expect(r, "reply 306 ok web\n");
}

/* -- control ------------------------------------------------------------------------------------ */

static void
test_job_control_gone_hears_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	control(r, false);
	rig_show(r, RIG_REPLIES | RIG_SIGNALS);
	rig_settle(r);
	rig_expect(r, "");
	control(r, true);
	rig_expect(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "reply 2 ok web\n"));
	assert_null(strstr(r->lines.p, "reply 1 "));
}

static void
test_job_control_gone_drops_its_effects(void **state)
{
	struct rig *r = *state;

	(void) rig_emit(r, "e", NULL);
	control(r, false);
	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next)
		assert_int_not_equal(effect_target_of(e->type), TARGET_CONTROL);
}

static size_t
outbox_count(struct rig *r, enum effect_target target)
{
	size_t n = 0;

	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next)
		n += effect_target_of(e->type) == target;
	return n;
}

static void
acknowledge(struct rig *r, uint32_t target, uint64_t upto)
{
	struct input in = { .type = INPUT_ACK, .ack = { target, upto } };

	(void) rig_apply(r, &in);
}

/* Effects stay until they are acknowledged, each target for itself; a spawn until it is answered. */
static void
test_job_effects_stay_until_acknowledged(void **state)
{
	struct rig *r = *state;
	size_t notices, local;
	uint64_t middle;

	(void) rig_emit(r, "one", NULL);
	middle = core_last_effect(r->core);
	(void) rig_start(r, "web", NULL);
	(void) rig_emit(r, "two", NULL);
	notices = outbox_count(r, TARGET_CONTROL);
	local = outbox_count(r, TARGET_LOCAL);
	assert_int_equal(outbox_count(r, TARGET_SPAWNER), 1);
	acknowledge(r, TARGET_SPAWNER, core_last_effect(r->core));
	acknowledge(r, TARGET_LOCAL, 0);
	acknowledge(r, TARGET_COUNT, UINT64_MAX);
	assert_int_equal(outbox_count(r, TARGET_SPAWNER), 1);
	assert_int_equal(outbox_count(r, TARGET_CONTROL), notices);
	acknowledge(r, TARGET_CONTROL, middle);
	assert_true(outbox_count(r, TARGET_CONTROL) > 0 && outbox_count(r, TARGET_CONTROL) < notices);
	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next)
		assert_true(e->id > middle || effect_target_of(e->type) != TARGET_CONTROL);
	acknowledge(r, TARGET_CONTROL, core_last_effect(r->core));
	assert_int_equal(outbox_count(r, TARGET_CONTROL), 0);
	assert_int_equal(outbox_count(r, TARGET_LOCAL), local);
	rig_made(r, "web", "main");
	assert_int_equal(outbox_count(r, TARGET_SPAWNER), 0);
}

static void
test_job_log_level_hides_lines(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_LOG_LEVEL, .log_level = { LOG_LEVEL_INFO } };

	rig_show(r, RIG_LOG);
	(void) rig_emit(r, "e", NULL);
	rig_expect(r, "");
	(void) rig_apply(r, &in);
	(void) rig_emit(r, "e", NULL);
	rig_expect(r, "log info Handling e event\n");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_start_answers_when_running),
		BENCHED(test_job_start_without_wait_answers_at_once),
		BENCHED(test_job_start_task_answers_when_finished),
		BENCHED(test_job_start_again_is_refused),
		BENCHED(test_job_stop_what_is_not_there_is_refused),
		BENCHED(test_job_stop_again_is_refused),
		BENCHED(test_job_start_bad_env_is_refused),
		BENCHED(test_job_start_instance_that_can_not_be_named),
		BENCHED(test_job_instance_name_uses_all_environments),
		BENCHED(test_job_request_to_unknown_ones_is_answered),
		BENCHED(test_job_stop_answers_the_waiting_start),
		BENCHED(test_job_restart_is_one_pass_with_new_environment),
		BENCHED(test_job_instance_restart_keeps_the_environment),
		BENCHED(test_job_restart_with_pre_stop_restarts),
		BENCHED(test_job_start_during_pre_stop_cancels_the_stop),
		BENCHED(test_job_start_during_pre_stop_of_a_dead_main_starts_again),
		BENCHED(test_job_start_during_post_start_of_a_dead_main_starts_again),
		BENCHED(test_job_start_while_stopping_restarts_with_the_new_environment),
		BENCHED(test_job_stop_then_start_during_pre_start_goes_on),
		BENCHED(test_job_stop_during_starting),
		BENCHED(test_job_reload_signals_main_alone),
		BENCHED(test_job_reload_without_main_is_refused),
		BENCHED(test_job_request_malformed_is_refused),
		BENCHED(test_job_token_asked_again_waits_on),
		BENCHED(test_job_token_outlives_control),
		BENCHED(test_job_token_answer_waits_for_the_new_control),
		BENCHED(test_job_token_of_events),
		BENCHED(test_job_token_answers_are_remembered_so_long),
		BENCHED(test_job_control_gone_hears_nothing),
		BENCHED(test_job_control_gone_drops_its_effects),
		BENCHED(test_job_effects_stay_until_acknowledged),
		BENCHED(test_job_log_level_hides_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
