/* SPDX-License-Identifier: MIT */
/*
 * How fast jobs start again: limit and delay of respawns, and jobs that start themselves through events.
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

static void
crash(struct rig *r, const char *job)
{
	rig_up(r, job, "main");
	rig_exit(r, job, "main", 1);
}

/* -- the limit --------------------------------------------------------------------------------- */

/* runtime.md 19, 31: what counts is how many lie within the interval before now, not since a first one. */
static void
test_job_pace_limit_looks_back(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn limit 2 10;exec web");
	(void) rig_start(r, "web", NULL);
	crash(r, "web"); /* at 0 */
	rig_wait(r, 9 * USEC_PER_SEC);
	crash(r, "web"); /* 9 */
	rig_wait(r, 2 * USEC_PER_SEC);
	crash(r, "web"); /* 11: the first does not count any more */
	rig_assert_state(r, "web", "start/spawned");
	rig_wait(r, 1 * USEC_PER_SEC);
	rig_forget(r);
	rig_show(r, RIG_LOG);
	crash(r, "web"); /* 12: 9 and 11 do */
	rig_expect(
	    r, "log warn web main process (104) terminated with status 1\nlog warn web respawning too fast, stopped\n");
	rig_assert_state(r, "web", "none");
}

/* -- the delay ----------------------------------------------------------------------------------- */

static void
test_job_pace_delay_doubles_up_to_its_limit(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn limit unlimited;respawn delay 1 5;exec web");
	(void) rig_start(r, "web", NULL);
	rig_forget(r);
	rig_show(r, RIG_WORK);
	crash(r, "web");
	rig_assert_state(r, "web", "start/post-stop");
	rig_expect(r, "timer 1\n");
	assert_true(rig_timer(r));
	crash(r, "web");
	rig_expect(r, "spawn web main\ntimer 2\n");
	assert_true(rig_timer(r));
	crash(r, "web");
	assert_true(rig_timer(r));
	crash(r, "web");
	assert_true(rig_timer(r));
	crash(r, "web");
	rig_expect(r, "spawn web main\ntimer 4\nspawn web main\ntimer 5\nspawn web main\ntimer 5\n");
}

static void
test_job_pace_delay_begins_anew_after_a_long_run(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 1 4;exec web");
	(void) rig_start(r, "web", NULL);
	for (int i = 0; i < 3; i++) {
		crash(r, "web");
		assert_true(rig_timer(r));
	}
	rig_up(r, "web", "main");
	rig_wait(r, 4 * USEC_PER_SEC); /* not longer than the longest */
	rig_forget(r);
	rig_show(r, RIG_WORK);
	rig_exit(r, "web", "main", 1);
	rig_expect(r, "timer 4\n");
	assert_true(rig_timer(r));
	rig_up(r, "web", "main");
	rig_wait(r, 5 * USEC_PER_SEC);
	rig_forget(r);
	rig_exit(r, "web", "main", 1);
	rig_expect(r, "timer 1\n");
}

static void
test_job_pace_delay_without_maximum_stays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 3;post-stop exec q;exec web");
	(void) rig_start(r, "web", NULL);
	for (int i = 0; i < 3; i++) {
		crash(r, "web");
		rig_up(r, "web", "post-stop");
		rig_forget(r);
		rig_show(r, RIG_WORK);
		rig_exit(r, "web", "post-stop", 0);
		rig_expect(r, "timer 3\n");
		assert_true(rig_timer(r));
	}
}

/* The limit counts as without delay. */
static void
test_job_pace_delay_and_limit(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn limit 2 10;respawn delay 1;exec web");
	(void) rig_start(r, "web", NULL);
	crash(r, "web");
	assert_true(rig_timer(r));
	crash(r, "web");
	assert_true(rig_timer(r));
	rig_forget(r);
	rig_show(r, RIG_SIGNALS);
	crash(r, "web");
	assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=respawn]\n"));
	rig_assert_state(r, "web", "none");
}

static void
test_job_pace_stop_ends_the_rest(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 60;stop on halt;exec web");
	for (int i = 0; i < 2; i++) {
		(void) rig_start(r, "web", NULL);
		crash(r, "web");
		rig_assert_state(r, "web", "start/post-stop");
		rig_forget(r);
		rig_show(r, RIG_WORK | RIG_REPLIES);
		if (i == 0)
			(void) rig_stop(r, "web", NULL);
		else
			(void) rig_emit(r, "halt", NULL);
		rig_expect(r, i == 0 ? "timer off\nreply 2 ok web\n" : "timer off\nreply 4 ok\n");
		rig_assert_state(r, "web", "none");
	}
}

static void
test_job_pace_restart_ends_the_rest(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 60;exec web");
	(void) rig_start(r, "web", NULL);
	crash(r, "web");
	rig_forget(r);
	rig_show(r, RIG_WORK | RIG_REPLIES);
	(void) rig_start(r, "web", NULL);
	(void) rig_restart(r, "web", NULL);
	rig_expect(r, "reply 2 error AlreadyStarted: Job is already running: web\ntimer off\nspawn web main\n");
	rig_up(r, "web", "main");
	rig_expect(r, "reply 3 ok web\n");
}

/* Go on with what a snapshot makes of the core. */
static void
reload(struct rig *r)
{
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	struct core *again = NULL;

	core_save(r->core, &saved);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &again), 0);
	(void) core_free(r->core);
	r->core = again;
}

static void
test_job_pace_rest_survives_a_snapshot(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn delay 2 60;exec web");
	(void) rig_start(r, "web", NULL);
	crash(r, "web");
	reload(r);
	assert_true(rig_timer(r));
	rig_forget(r);
	rig_show(r, RIG_WORK);
	crash(r, "web");
	rig_expect(r, "timer 4\n");
}

/* -- circles ----------------------------------------------------------------------------------------- */

/* Rounds that the circle makes until it rests. */
static unsigned
rounds_of(struct rig *r, const char *job, usec_t each)
{
	unsigned n = 0;

	for (; n < 100 && rig_proc(r, job, "main") != NULL; n++) {
		rig_up(r, job, "main");
		rig_wait(r, each);
		rig_exit(r, job, "main", 0);
	}
	return n;
}

static void
test_job_pace_circle_is_slowed_down(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "loop", "start on go or stopped loop;task;exec loop");
	(void) rig_emit(r, "go", NULL);
	rig_forget(r);
	rig_show(r, RIG_LOG);
	assert_int_equal(rounds_of(r, "loop", 1000), 11);
	rig_expect(r,
		   "log warn loop starts itself over and over (stopped event), it now waits 0.1 seconds in between\n");
	rig_assert_state(r, "loop", "start/waiting");
	for (int i = 0; i < 12; i++) {
		assert_true(rig_timer(r));
		assert_int_equal(rounds_of(r, "loop", 1000), 1);
	}
	assert_int_equal(r->n_timers, 1);
	assert_true(r->timers[0].due - r->now == 10 * USEC_PER_SEC);
	assert_non_null(strstr(r->lines.p, "it now waits 10.0 seconds in between\n"));
	assert_null(strstr(strstr(r->lines.p, "10.0 seconds") + 1, "10.0 seconds")); /* told once */
}

/* One that takes its time is left alone, and one that has calmed down is again. */
static void
test_job_pace_slow_circle_is_left_alone(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "loop", "start on go or stopped loop;task;exec loop");
	(void) rig_emit(r, "go", NULL);
	assert_int_equal(rounds_of(r, "loop", 200000), 100);
	assert_int_equal(rounds_of(r, "loop", 1000), 11);
	assert_true(rig_timer(r));
	assert_int_equal(rounds_of(r, "loop", 200000), 100);
}

static void
test_job_pace_circle_of_two_is_slowed_down(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "ping", "start on go or stopped pong;task;exec ping");
	(void) rig_define(r, "pong", "start on stopped ping;task;exec pong");
	rig_show(r, RIG_LOG);
	(void) rig_emit(r, "go", NULL);
	rig_settle(r);
	rig_expect(r,
		   "log warn ping starts itself over and over (stopped event), it now waits 0.1 seconds in between\n");
	assert_int_equal(r->n_timers, 1);
	assert_true(rig_timer(r));
	rig_settle(r);
	assert_int_equal(r->n_timers, 1);
}

/* An instance that restarts itself by its own event: the rest lies between stop and start. */
static void
test_job_pace_restart_by_own_event_is_slowed_down(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "spin", "start on round or started spin;stop on started spin;instance one");
	rig_show(r, RIG_LOG);
	(void) rig_emit(r, "round", NULL);
	rig_expect(
	    r,
	    "log warn spin (one) starts itself over and over (started event), it now waits 0.1 seconds in between\n");
	rig_assert_state(r, "spin/one", "start/post-stop");
	(void) rig_ask(r, INSTANCE_STOP, "spin", "one", NULL, true);
	rig_assert_state(r, "spin/one", "none");
	assert_int_equal(r->n_timers, 0);
}

/* A stop of one that has not begun: no event tells of it, and nothing is left. */
static void
test_job_pace_stop_of_one_that_has_not_begun(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "ping", "start on go or stopped ping;stop on halt;task;exec ping");
	(void) rig_emit(r, "go", NULL);
	rig_settle(r);
	rig_assert_state(r, "ping", "start/waiting");
	rig_forget(r);
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	(void) rig_emit(r, "halt", NULL);
	rig_expect(r, "sig job ping instance _ GoalChanged stop\n"
		      "sig job ping InstanceRemoved <job ping instance _>\n"
		      "sig manager EventEmitted stopped [JOB=ping INSTANCE= RESULT=ok]\n" /* of its last run */
		      "reply 2 ok\nsig manager EventEmitted halt []\n");
	rig_assert_state(r, "ping", "none");
}

/* A circle through a hook that emits the event. */
static void
test_job_pace_circle_through_a_call(void **state)
{
	struct rig *r = *state;
	unsigned n = 0;

	(void) rig_define(r, "loop", "start on go;task;exec loop;post-stop exec q");
	(void) rig_emit(r, "go", NULL);
	for (; n < 100 && rig_proc(r, "loop", "main") != NULL; n++) {
		struct input in = { .type = INPUT_EMIT };

		rig_up(r, "loop", "main");
		rig_exit(r, "loop", "main", 0);
		rig_up(r, "loop", "post-stop");
		in.emit.name = strdup("go");
		in.emit.caller = rig_proc(r, "loop", "post-stop")->pid;
		(void) rig_apply(r, &in);
		rig_exit(r, "loop", "post-stop", 0);
	}
	assert_int_equal(n, 11);
	rig_assert_state(r, "loop", "start/post-stop");
}

/* Let each of the instances make a round; false when all of them rest. */
static bool
round_of_all(struct rig *r, char *const *jobs)
{
	bool any = false;

	for (size_t i = 0; jobs[i] != NULL; i++) {
		if (rig_proc(r, jobs[i], "main") == NULL)
			continue;
		rig_up(r, jobs[i], "main");
		rig_wait(r, 1000);
		rig_exit(r, jobs[i], "main", 0);
		any = true;
	}
	return any;
}

/* Two circles that take turns, from one root or from two: neither hides the other. */
static void
test_job_pace_circles_of_instances_do_not_hide_each_other(void **state)
{
	struct rig *r = *state;
	char *const jobs[] = { (char *) "loop/a", (char *) "loop/b", NULL };

	for (int roots = 1; roots <= 2; roots++) {
		unsigned n = 0;

		(void) rig_define(r, "loop",
				  "start on go or stopped loop;instance $X;export X;task;exec loop");
		if (roots == 1) {
			(void) rig_define(r, "fan", "start on fan;task;exec fan");
			(void) rig_emit(r, "fan", NULL);
			rig_up(r, "fan", "main");
			for (int i = 0; i < 2; i++) {
				struct input in = { .type = INPUT_EMIT };

				in.emit.name = strdup("go");
				in.emit.env = rig_words(i == 0 ? "X=a" : "X=b");
				in.emit.caller = rig_proc(r, "fan", "main")->pid;
				(void) rig_apply(r, &in);
			}
		} else {
			(void) rig_emit(r, "go", "X=a");
			(void) rig_emit(r, "go", "X=b");
		}
		while (n < 100 && round_of_all(r, jobs))
			n++;
		assert_in_range(n, 10, 14);
		assert_int_equal(r->n_timers, 2);
		(void) rig_ask(r, INSTANCE_STOP, "loop", "a", NULL, true);
		(void) rig_ask(r, INSTANCE_STOP, "loop", "b", NULL, true);
	}
}

/* A circle that gives each round another name, twice at once. */
static void
test_job_pace_circle_of_ever_new_instances_is_slowed_down(void **state)
{
	struct rig *r = *state;
	unsigned n = 0, done[2] = { 0 };

	(void) rig_define(r, "loop", "start on go;instance $N;task;exec loop");
	(void) rig_emit(r, "go", "N=1000");
	(void) rig_emit(r, "go", "N=2000");
	for (bool moved = true; moved && n < 200;) {
		moved = false;
		for (int chain = 1000; chain <= 2000; chain += 1000) {
			auto_free char *job = str_printf("loop/%u", chain + done[chain / 2000]);
			struct input in = { .type = INPUT_EMIT };

			if (rig_proc(r, job, "main") == NULL)
				continue;
			rig_up(r, job, "main");
			rig_wait(r, 1000);
			in.emit.name = strdup("go");
			in.emit.env = calloc(2, sizeof(char *));
			in.emit.env[0] = str_printf("N=%u", chain + ++done[chain / 2000]);
			in.emit.caller = rig_proc(r, job, "main")->pid;
			(void) rig_apply(r, &in);
			rig_exit(r, job, "main", 0);
			moved = true;
			n++;
			reload(r); /* the records go along */
		}
	}
	assert_in_range(n, 20, 28);
	assert_int_equal(r->n_timers, 2);
}

/* The main process of a job emits an event. */
static void
call(struct rig *r, const char *job, const char *event)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(event);
	in.emit.caller = rig_proc(r, job, "main")->pid;
	assert_int_equal(rig_apply(r, &in), 0);
}

/* One starts the other and goes, which starts the one and goes: a round. */
static void
bounce(struct rig *r, const char *one, const char *other)
{
	call(r, one, other);
	rig_up(r, other, "main");
	rig_exit(r, one, "main", 0);
	call(r, other, one);
	rig_up(r, one, "main");
	rig_exit(r, other, "main", 0);
}

/* Whose rest is cut short, by a stop, does not make a slow round by it when it is started again at once. */
static void
test_job_pace_round_before_the_rest_is_over_is_fast(void **state)
{
	struct rig *r = *state;
	static const char *const jobs[][2] = { { "a", "b" }, { "c", "d" } };

	for (int i = 0; i < 4; i++) {
		const char *name = jobs[i / 2][i % 2];
		auto_free char *text = str_printf("start on %s;exec x", name);

		(void) rig_define(r, name, text);
	}
	(void) rig_define(r, "braked", "start on go;stop on halt");
	(void) rig_emit(r, "a", NULL);
	rig_up(r, "a", "main");
	rig_show(r, RIG_LOG);
	for (int i = 0; i < 13; i++) {
		const char *who = jobs[i / 10][0];

		if (i == 10) {
			call(r, "a", "c");
			rig_up(r, "c", "main");
		}
		bounce(r, who, jobs[i / 10][1]);
		call(r, who, "go");
		(void) rig_emit(r, "halt", NULL);
		rig_assert_state(r, "braked", "none");
	}
	rig_expect(r, "log warn braked starts itself over and over (go event), it now waits 0.1 seconds in between\n"
		      "log warn braked starts itself over and over (go event), it now waits 0.2 seconds in between\n");
}

/* -- what is no circle ----------------------------------------------------------------------------------- */

static void
test_job_pace_long_chain_is_not_slowed(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "j0", "start on go");
	for (int i = 1; i < 500; i++) {
		auto_free char *name = str_printf("j%d", i), *text = str_printf("start on started j%d", i - 1);

		(void) rig_define(r, name, text);
	}
	(void) rig_emit(r, "go", NULL);
	rig_assert_state(r, "j499", "start/running");
	assert_int_equal(r->n_timers, 0);
}

/* What a bridge reports goes all back to the bridge, and is still no circle. */
static void
test_job_pace_many_events_of_one_job_are_not_slowed(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bridge", "start on go;exec bridge");
	(void) rig_define(r, "device", "start on added;task;exec device");
	(void) rig_define(r, "after", "start on stopped device;task;exec after");
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "bridge", "main");
	for (int i = 0; i < 100; i++) {
		struct input in = { .type = INPUT_EMIT };

		in.emit.name = strdup("added");
		in.emit.caller = rig_proc(r, "bridge", "main")->pid;
		(void) rig_apply(r, &in);
		rig_settle(r);
	}
	assert_int_equal(r->n_timers, 0);
	assert_null(strstr(r->lines.p, "over and over"));
}

/* Started by everything that happens to another that is respawned fast. */
static void
test_job_pace_follower_of_a_respawning_job_is_not_slowed(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;respawn;respawn limit unlimited;exec web");
	(void) rig_define(r, "note", "start on starting web or started web or stopping web;task;exec note");
	(void) rig_emit(r, "go", NULL);
	for (int i = 0; i < 60; i++) {
		rig_settle(r);
		rig_exit(r, "web", "main", 1);
	}
	assert_int_equal(r->n_timers, 0);
	assert_null(strstr(r->lines.p, "over and over"));
}

static void
test_job_pace_users_may_be_fast(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "job", "start on go;task;exec job");
	for (int i = 0; i < 100; i++) {
		(void) rig_emit(r, "go", NULL);
		rig_settle(r);
	}
	assert_int_equal(r->n_timers, 0);
}

/*
 * Long rows of events are cut, so that others have their turn. Whoever is woken right before goes on before, too, and those
 * that are woken by that: f rests, and ends with the start of g, which comes with the end of w, which rests.
 */
static void
test_job_pace_nobody_woken_is_left_where_a_turn_ends(void **state)
{
	const int jobs = 5100; /* after go two events each, starting of all, then started: more than a turn has */

	(void) state;
	for (int at = 9997 - jobs; at <= 9999 - jobs; at++) {
		struct rig *r = rig_new();
		auto_free char *text = str_printf("respawn;respawn delay 60;stop on started j%d;exec w", at);

		rig_show(r, RIG_LOG);
		(void) rig_define(r, "w", text);
		(void) rig_define(r, "g", "while not w");
		(void) rig_define(r, "f", "respawn;respawn delay 60;while not g;exec f");
		for (int i = 0; i < jobs; i++) {
			auto_free char *name = str_printf("j%d", i);

			r->unchecked = true;
			(void) rig_define(r, name, "start on go");
		}
		r->unchecked = false;
		(void) rig_start(r, "w", NULL);
		(void) rig_emit(r, "startup", NULL);
		rig_settle(r);
		rig_exit(r, "w", "main", 1);
		rig_exit(r, "f", "main", 1);
		rig_assert_state(r, "w", "start/post-stop");
		rig_assert_state(r, "f", "start/post-stop");
		(void) rig_emit(r, "go", NULL);
		assert_non_null(strstr(r->lines.p, "Events follow each other without end"));
		reload(r);
		for (int i = 0; i < 3; i++)
			(void) rig_timer(r);
		rig_assert_state(r, "f", "none");
		(void) rig_free(r);
	}
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_pace_limit_looks_back),
		BENCHED(test_job_pace_delay_doubles_up_to_its_limit),
		BENCHED(test_job_pace_delay_begins_anew_after_a_long_run),
		BENCHED(test_job_pace_delay_without_maximum_stays),
		BENCHED(test_job_pace_delay_and_limit),
		BENCHED(test_job_pace_stop_ends_the_rest),
		BENCHED(test_job_pace_restart_ends_the_rest),
		BENCHED(test_job_pace_rest_survives_a_snapshot),
		BENCHED(test_job_pace_circle_is_slowed_down),
		BENCHED(test_job_pace_slow_circle_is_left_alone),
		BENCHED(test_job_pace_circle_of_two_is_slowed_down),
		BENCHED(test_job_pace_restart_by_own_event_is_slowed_down),
		BENCHED(test_job_pace_stop_of_one_that_has_not_begun),
		BENCHED(test_job_pace_circle_through_a_call),
		BENCHED(test_job_pace_circles_of_instances_do_not_hide_each_other),
		BENCHED(test_job_pace_circle_of_ever_new_instances_is_slowed_down),
		BENCHED(test_job_pace_round_before_the_rest_is_over_is_fast),
		BENCHED(test_job_pace_long_chain_is_not_slowed),
		BENCHED(test_job_pace_many_events_of_one_job_are_not_slowed),
		BENCHED(test_job_pace_follower_of_a_respawning_job_is_not_slowed),
		BENCHED(test_job_pace_users_may_be_fast),
		cmocka_unit_test(test_job_pace_nobody_woken_is_left_where_a_turn_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
