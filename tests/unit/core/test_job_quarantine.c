/* SPDX-License-Identifier: MIT */
/*
 * Inputs that can't be applied: what stands in for them, and instances that are quarantined by that until they are
 * reset.
 */
#include "rig.h"

#include <errno.h>
#include <signal.h>

#include "common/log.h"

#define WHY "init crashed twice"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	(void) rig_define(r, "web", "start on go;stop on halt;respawn;kill timeout 5;exec web;post-stop exec clean");
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	(void) rig_free(*state);
	return 0;
}

/* Apply what stands in for `of`, whose members are freed. */
static int
substitute(struct rig *r, struct input *of, bool bare)
{
	struct input in;

	assert_int_equal(input_substitute(of, WHY, bare, &in), 0);
	input_free(of);
	return rig_apply(r, &in);
}

static void
substitute_exit(struct rig *r, const char *job, const char *kind, bool bare)
{
	struct rig_proc *p = rig_proc(r, job, kind);
	struct input in = { .type = INPUT_EXITED };

	assert_non_null(p);
	p->over = true;
	in.exited.pid = p->pid;
	assert_int_equal(substitute(r, &in, bare), 0);
}

static void
reset(struct rig *r, const char *job)
{
	(void) rig_ask(r, JOB_RESET, job, NULL, NULL, true);
}

static const char *
quarantine(struct rig *r, const char *job)
{
	struct core_instance view;

	return core_instance(r->core, job, "", &view) == 0 ? view.quarantine : NULL;
}

/* Go on with what a snapshot gives. */
static void
reload(struct rig *r)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	char why[256];

	core_save(r->core, &b);
	r->core = core_free(r->core);
	assert_int_equal(core_load(b.p, b.len, &r->config, &r->core), 0);
	assert_int_equal(core_check(r->core, why, sizeof(why)), 0);
}

static void
test_job_whose_end_cannot_be_told_is_quarantined(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, RIG_ALL);
	substitute_exit(r, "web", "main", false);
	rig_expect(r, "ended web main\n"
		      "log error web is quarantined, its processes are let be: " WHY
		      " over the end of its main process (101)\n"
		      "sig job web instance _ GoalChanged stop\n"
		      "sig job web instance _ Failed -1\n");
	rig_assert_state(r, "web", "stop/running");
	assert_string_equal(quarantine(r, "web"), WHY " over the end of its main process (101)");
}

static void
test_job_in_quarantine_is_let_be(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	substitute_exit(r, "web", "main", false);
	rig_show(r, RIG_REPLIES | RIG_WORK | RIG_LOG);
	(void) rig_start(r, "web", NULL);
	(void) rig_stop(r, "web", NULL);
	(void) rig_restart(r, "web", NULL);
	(void) rig_ask(r, INSTANCE_RELOAD, "web", "", NULL, true);
	(void) rig_emit(r, "halt", NULL);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "reply 2 error Quarantined: Job is quarantined until it is reset: web\n"
		      "reply 3 error Quarantined: Job is quarantined until it is reset: web\n"
		      "reply 4 error Quarantined: Job is quarantined until it is reset: web\n"
		      "reply 5 error Quarantined: Job is quarantined until it is reset: web\n"
		      "reply 6 ok\n"
		      "log warn web is quarantined and does not start\n"
		      "reply 7 ok\n");
}

static void
test_job_in_quarantine_ends_are_noted(void **state)
{
	struct rig *r = *state;
	struct core_instance view;
	struct input in = { .type = INPUT_EXEC_DONE };

	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	in.exec_done.process = rig_proc(r, "web", "main")->id;
	rig_show(r, RIG_REPLIES | RIG_LOG);
	(void) substitute(r, &in, false);
	rig_expect(r, "log error web is quarantined, its processes are let be: " WHY
		      " over the start of its main process (101)\n"
		      "reply 1 error JobFailed: Job failed to start\n");
	assert_int_equal(core_instance(r->core, "web", "", &view), 0);
	assert_int_equal(view.n_processes, 1);
	rig_show(r, RIG_ALL);
	rig_exit(r, "web", "main", 3);
	rig_expect(r, "log warn web main process (101) terminated with status 3\n"
		      "ended web main\n");
	assert_int_equal(core_instance(r->core, "web", "", &view), 0);
	assert_int_equal(view.n_processes, 0);
	rig_assert_state(r, "web", "stop/spawned");
}

static void
test_reset_kills_what_is_left_and_stops(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_STOPPED };

	(void) rig_define(r, "heir", "start on stopped web RESULT=failed;exec heir");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	in.stopped.pid = rig_proc(r, "web", "main")->pid;
	(void) substitute(r, &in, false);
	rig_show(r, RIG_WORK | RIG_REPLIES);
	reset(r, "web");
	reset(r, "web"); /* one who comes later waits as well */
	rig_expect(r, "kill web main TERM\n"
		      "kill web main CONT\n"
		      "timer 5\n");
	assert_true(rig_timer(r));
	rig_expect(r, "kill web main KILL\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(SIGKILL));
	rig_expect(r, "spawn web post-stop\n");
	assert_null(quarantine(r, "web"));
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_expect(r, "reply 2 ok web\n"
		      "reply 3 ok web\n"
		      "spawn heir main\n");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

static void
test_reset_without_processes_stops_at_once(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	substitute_exit(r, "web", "main", false);
	rig_show(r, RIG_WORK | RIG_REPLIES);
	reset(r, "web");
	rig_expect(r, "spawn web post-stop\n");
	rig_settle(r);
	rig_expect(r, "reply 2 ok web\n");
	rig_assert_state(r, "web", "none");
}

static void
test_reset_of_a_sound_job_is_refused(void **state)
{
	struct rig *r = *state;

	rig_show(r, RIG_REPLIES);
	reset(r, "web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	reset(r, "web");
	(void) rig_ask(r, INSTANCE_RESET, "web", "", NULL, false);
	(void) rig_ask(r, INSTANCE_RESET, "web", "no", NULL, false);
	rig_expect(r, "reply 1 error UnknownInstance: Unknown instance: \n"
		      "reply 2 ok web\n"
		      "reply 3 error NotQuarantined: Job is not quarantined: web\n"
		      "reply 4 error NotQuarantined: Job is not quarantined: web\n"
		      "reply 5 error gone: web\n");
}

/* In each state in which an instance can rest. */
static void
test_reset_leads_to_the_end_from_any_state(void **state)
{
	static const struct {
		const char *text, *kind, *rests;
	} cases[] = {
		{ "pre-start exec a;exec web", "pre-start", "stop/pre-start" },
		{ "exec web", "main", "stop/spawned" },
		{ "exec web;post-start exec a", "post-start", "stop/post-start" },
		{ "exec web;pre-stop exec a", "pre-stop", "stop/pre-stop" },
		{ "exec web;post-stop exec a", "post-stop", "stop/post-stop" },
	};

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig *r = rig_new();
		struct input in = { .type = INPUT_SPAWNED };
		struct rig_proc *p;

		(void) rig_define(r, "job", cases[i].text);
		rig_rule(r, "job", cases[i].kind, "waits", false);
		(void) rig_start(r, "job", NULL);
		while (rig_proc(r, "job", cases[i].kind) == NULL) {
			rig_settle(r);
			if (rig_proc(r, "job", cases[i].kind) == NULL)
				(void) rig_stop(r, "job", NULL);
		}
		p = rig_proc(r, "job", cases[i].kind);
		if (p->pid == 0) {
			in.spawned.process = p->id;
			in.spawned.pid = p->pid = 77;
		} else {
			in.type = INPUT_STOPPED;
			in.stopped.pid = p->pid;
		}
		(void) substitute(r, &in, i % 2 == 1);
		rig_assert_state(r, "job", cases[i].rests);
		reload(r);
		reset(r, "job");
		reload(r);
		rig_settle(r);
		rig_settle(r);
		rig_assert_state(r, "job", "none");
		(void) rig_free(r);
	}
}

static void
test_process_made_during_a_reset_is_killed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_STOPPED };

	(void) rig_define(r, "two", "exec web;post-start exec a;kill timeout 5");
	(void) rig_start(r, "two", NULL);
	rig_up(r, "two", "main");
	in.stopped.pid = rig_proc(r, "two", "main")->pid;
	(void) substitute(r, &in, false);
	reset(r, "two");
	rig_show(r, RIG_WORK);
	rig_made(r, "two", "post-start");
	rig_expect(r, "kill two post-start KILL\n");
	rig_exit(r, "two", "post-start", JOB_EXIT_SIGNAL(SIGKILL));
	rig_expect(r, "");
	rig_exit(r, "two", "main", 0);
	rig_expect(r, "timer off\n");
	rig_assert_state(r, "two", "none");
}

/* "two" in quarantine and being reset, with a main process that runs and a post-start that was asked for. */
static struct rig_proc *
reset_two(struct rig *r)
{
	struct input in = { .type = INPUT_STOPPED };

	(void) rig_define(r, "two", "exec web;post-start exec a;kill timeout 5");
	(void) rig_start(r, "two", NULL);
	rig_up(r, "two", "main");
	in.stopped.pid = rig_proc(r, "two", "main")->pid;
	(void) substitute(r, &in, false);
	reset(r, "two");
	return rig_proc(r, "two", "post-start");
}

/* What stands in for news during a reset counts as the news would: the reset may wait for just that. */
static void
test_reset_ends_when_the_last_failed_start_cannot_be_told(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_SPAWN_FAILED };
	struct rig_proc *hook = reset_two(r);

	rig_exit(r, "two", "main", 0);
	rig_assert_state(r, "two", "stop/post-start");
	hook->over = true;
	in.spawn_failed.process = hook->id;
	(void) substitute(r, &in, false);
	rig_assert_state(r, "two", "none");
}

static void
test_process_whose_start_cannot_be_told_during_a_reset_is_killed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_SPAWNED };
	struct rig_proc *hook = reset_two(r);

	in.spawned.process = hook->id;
	in.spawned.pid = hook->pid = 77;
	rig_show(r, RIG_WORK);
	(void) substitute(r, &in, false);
	rig_expect(r, "kill two post-start KILL\n");
}

static void
test_reset_asked_for_again_kills_when_its_timer_could_not_be_told(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_TIMER };

	(void) reset_two(r);
	in.timer.timer = r->timers[0].id;
	(void) substitute(r, &in, false);
	rig_show(r, RIG_WORK);
	reset(r, "two");
	rig_expect(r, "kill two main KILL\n");
}

static void
test_substitute_for_a_process_of_nobody_does_nothing(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_SPAWN_FAILED };

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, RIG_ALL);
	in.spawn_failed.process = UINT64_MAX;
	(void) substitute(r, &in, false);
	in = (struct input){ .type = INPUT_TIMER };
	in.timer.timer = UINT64_MAX;
	(void) substitute(r, &in, false);
	in = (struct input){ .type = INPUT_STOPPED };
	in.stopped.pid = 99999;
	(void) substitute(r, &in, false);
	rig_expect(r, "");
	rig_assert_state(r, "web", "start/running");
}

static void
test_kill_timer_that_cannot_be_told_quarantines(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_TIMER };

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	in.timer.timer = r->timers[0].id;
	rig_show(r, RIG_REPLIES | RIG_WORK);
	(void) substitute(r, &in, false);
	rig_expect(r, "reply 2 error JobFailed: Job failed while stopping\n");
	assert_string_equal(quarantine(r, "web"), WHY " over its kill timer");
	reset(r, "web");
	rig_expect(r, "kill web main TERM\nkill web main CONT\ntimer 5\n");
}

static void
test_request_that_cannot_be_applied_is_answered_with_an_error(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_REQUEST };

	rig_show(r, RIG_REPLIES);
	in.request.request = 1;
	in.request.kind = JOB_START;
	in.request.job = strdup("web");
	in.request.wait = true;
	in.request.token = strdup("token");
	(void) substitute(r, &in, false);
	rig_expect(r, "reply 1 error org.freedesktop.DBus.Error.Failed: The request was left out: " WHY " over it\n");
	/* Asked again it is the same request. */
	in = (struct input){ .type = INPUT_REQUEST };
	in.request.request = 2;
	in.request.kind = JOB_START;
	in.request.job = strdup("web");
	in.request.token = strdup("token");
	(void) rig_apply(r, &in);
	rig_expect(r, "reply 2 error org.freedesktop.DBus.Error.Failed: The request was left out: " WHY " over it\n");
	rig_assert_state(r, "web", "none");
}

static void
test_event_that_cannot_be_applied_has_failed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "watch", "task;start on go/failed A=1;exec watch");
	rig_show(r, RIG_REPLIES | 1u << EFFECT_SPAWN | 1u << EFFECT_CLOSE_FD);
	in.emit.request = 1;
	in.emit.name = strdup("go");
	in.emit.env = rig_words("A=1");
	in.emit.wait = true;
	in.emit.fd = 4;
	assert_int_equal(u64v_add(&in.emit.fds, 5), 0);
	(void) substitute(r, &in, false);
	rig_expect(r, "close 4\n"
		      "close 5\n"
		      "reply 1 error org.freedesktop.DBus.Error.Failed: The request was left out: " WHY " over it\n"
		      "spawn watch main\n");
}

/* The event `name` can't be applied; `root`: of a chroot session. */
static void
condemn_event(struct rig *r, const char *root, const char *name, const char *env)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.root = root != NULL ? strdup(root) : NULL;
	in.emit.name = strdup(name);
	if (env != NULL)
		assert_int_equal(strv_add(&in.emit.env, env), 0);
	(void) substitute(r, &in, false);
	rig_settle(r);
}

/* What would have been refused is no event that fails, and a failure has no failure. */
static void
test_only_events_that_could_have_been_fail(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "pair", "start on go/failed");
	(void) rig_define(r, "unnamed", "start on /failed");
	(void) rig_define(r, "twice", "start on go/failed/failed");
	condemn_event(r, NULL, "go", "not a pair");
	condemn_event(r, NULL, "", NULL);
	condemn_event(r, NULL, "go/failed", NULL);
	rig_assert_state(r, "pair", "none");
	rig_assert_state(r, "unnamed", "none");
	rig_assert_state(r, "twice", "none");
	condemn_event(r, NULL, "go", "A=1");
	rig_assert_state(r, "pair", "start/running");
}

/* Nobody outside of a chroot session hears that one of its events has failed. */
static void
test_event_of_a_session_fails_there(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "watch", "start on go/failed");
	(void) rig_define(r, "/srv/a//watch", "start on go/failed");
	condemn_event(r, "/srv/a", "go", NULL);
	rig_assert_state(r, "watch", "none");
	rig_assert_state(r, "/srv/a//watch", "start/running");
}

static void
test_events_do_not_wait_for_a_quarantined_job(void **state)
{
	struct rig *r = *state;

	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", NULL);
	rig_made(r, "web", "main");
	rig_expect(r, "");
	substitute_exit(r, "web", "main", false);
	rig_expect(r, "reply 1 error EventFailed: Event failed\n");
}

static void
test_job_that_blocks_a_quarantined_one_is_not_disturbed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_SPAWNED };

	(void) rig_define(r, "hold", "task;start on starting web;exec hold");
	(void) rig_start(r, "web", NULL);
	rig_assert_state(r, "web", "start/starting");
	rig_up(r, "hold", "main");
	/* The one that is waited for. */
	in.spawned.process = UINT64_MAX;
	(void) substitute(r, &in, false);
	substitute_exit(r, "hold", "main", false);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_assert_state(r, "hold", "stop/running");
	reset(r, "hold");
	rig_settle(r);
	rig_assert_state(r, "hold", "none");
}

static void
test_job_that_follows_a_quarantined_one_falls(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup("startup");
	(void) rig_apply(r, &in);
	(void) rig_define(r, "after", "while web;exec after");
	(void) rig_define(r, "mend", "while web/failed;exec mend");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "after", "start/running");
	substitute_exit(r, "web", "main", false);
	rig_settle(r);
	rig_assert_state(r, "after", "none");
	rig_assert_state(r, "mend", "start/running");
	/* And one that is quarantined itself comes back when it is reset and its state comes again. */
	substitute_exit(r, "mend", "main", false);
	rig_settle(r);
	rig_assert_state(r, "mend", "stop/running");
	reset(r, "mend");
	reset(r, "web");
	rig_settle(r);
	rig_assert_state(r, "mend", "none");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "after", "start/running");
}

static void
test_bare_substitute_only_sets_the_mark(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_show(r, RIG_ALL);
	substitute_exit(r, "web", "main", true);
	rig_expect(r, "ended web main\n"
		      "log error web is quarantined, its processes are let be: " WHY
		      " over the end of its main process (101)\n"
		      "sig job web instance _ GoalChanged stop\n");
	reset(r, "web");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_show(r, RIG_REPLIES);
}

/* Who follows it hears that it is not up any more. */
static void
test_bare_substitute_ends_what_follows(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup("startup");
	(void) rig_apply(r, &in);
	(void) rig_define(r, "after", "while web;exec after");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "after", "start/running");
	substitute_exit(r, "web", "main", true);
	rig_settle(r);
	rig_assert_state(r, "after", "none");
	rig_show(r, RIG_REPLIES);
}

static void
test_quarantine_survives_in_a_snapshot(void **state)
{
	struct rig *r = *state;

	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	substitute_exit(r, "web", "main", false);
	reload(r);
	assert_string_equal(quarantine(r, "web"), WHY " over the end of its main process (101)");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "halt", NULL);
	rig_assert_state(r, "web", "stop/running");
	reset(r, "web");
	reload(r);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_expect(r, "reply 2 ok\nreply 3 ok web\n");
}

static void
test_early_exit_that_cannot_be_applied_is_not_lost(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EXITED };
	struct core_instance view;

	(void) rig_start(r, "web", NULL);
	in.exited.pid = r->last_pid + 1;
	(void) substitute(r, &in, false);
	rig_show(r, RIG_LOG);
	rig_made(r, "web", "main"); /* it has ended: another takes its place */
	rig_expect(r, "log warn web main process ended, respawning\n");
	assert_int_equal(core_instance(r->core, "web", "", &view), 0);
	assert_int_equal(view.n_processes, 1);
	assert_int_equal(view.processes[0].pid, 0);
}

static void
test_session_ends_with_a_quarantined_job(void **state)
{
	struct rig *r = rig_new_session();
	struct input in = { .type = INPUT_SESSION_END };
	struct input stopped = { .type = INPUT_STOPPED };

	(void) state;
	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "gone", "exec web");
	(void) rig_start(r, "web", NULL);
	(void) rig_start(r, "gone", NULL);
	rig_settle(r);
	stopped.stopped.pid = rig_proc(r, "web", "main")->pid;
	(void) substitute(r, &stopped, false);
	substitute_exit(r, "gone", "main", false);
	rig_show(r, 1u << EFFECT_FINISHED | 1u << EFFECT_KILL);
	in.session_end.type = strdup("shutdown");
	(void) rig_apply(r, &in);
	rig_settle(r);
	rig_expect(r, "kill web main TERM\nkill web main CONT\nfinished 0\n");
	(void) rig_free(r);
}

static void
test_session_leaves_when_its_end_cannot_be_applied(void **state)
{
	struct rig *r = rig_new_session();
	struct input in = { .type = INPUT_SESSION_END };

	(void) state;
	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, 1u << EFFECT_FINISHED);
	in.session_end.type = strdup("shutdown");
	(void) substitute(r, &in, false);
	rig_expect(r, "finished 0\n");
	(void) rig_free(r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_job_whose_end_cannot_be_told_is_quarantined),
		T(test_job_in_quarantine_is_let_be),
		T(test_job_in_quarantine_ends_are_noted),
		T(test_reset_kills_what_is_left_and_stops),
		T(test_reset_without_processes_stops_at_once),
		T(test_reset_of_a_sound_job_is_refused),
		T(test_reset_leads_to_the_end_from_any_state),
		T(test_process_made_during_a_reset_is_killed),
		T(test_reset_ends_when_the_last_failed_start_cannot_be_told),
		T(test_process_whose_start_cannot_be_told_during_a_reset_is_killed),
		T(test_reset_asked_for_again_kills_when_its_timer_could_not_be_told),
		T(test_substitute_for_a_process_of_nobody_does_nothing),
		T(test_kill_timer_that_cannot_be_told_quarantines),
		T(test_request_that_cannot_be_applied_is_answered_with_an_error),
		T(test_event_that_cannot_be_applied_has_failed),
		T(test_only_events_that_could_have_been_fail),
		T(test_event_of_a_session_fails_there),
		T(test_events_do_not_wait_for_a_quarantined_job),
		T(test_job_that_blocks_a_quarantined_one_is_not_disturbed),
		T(test_job_that_follows_a_quarantined_one_falls),
		T(test_bare_substitute_only_sets_the_mark),
		T(test_bare_substitute_ends_what_follows),
		T(test_quarantine_survives_in_a_snapshot),
		T(test_early_exit_that_cannot_be_applied_is_not_lost),
		T(test_session_ends_with_a_quarantined_job),
		T(test_session_leaves_when_its_end_cannot_be_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
