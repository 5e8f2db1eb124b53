/* SPDX-License-Identifier: MIT */
/*
 * Looking in deeper (core/explain.h) and looking on (core_config.step): what is told is what is so, before and after
 * the core was written out and read back.
 */
#include "rig.h"

#include "core/explain.h"

#include "common/spawn_step.h"

#include <errno.h>
#include <string.h>

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, 0);
	*state = r;
	return 0;
}

/* What a re-exec does to a core. */
static void
reload(struct rig *r)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *core = NULL;

	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &core), 0);
	r->core = core_free(r->core);
	r->core = core;
}

/* The only event of that name in the queue. */
static struct core_event
event_named(const struct rig *r, const char *name)
{
	struct core_event found = { 0 }, event;
	struct u64v ids = { 0 };

	assert_int_equal(core_events(r->core, &ids), 0);
	for (size_t i = 0; i < ids.n; i++) {
		assert_int_equal(core_event(r->core, ids.p[i], &event), 0);
		if (strcmp(event.name, name) == 0)
			found = event;
	}
	u64v_deinit(&ids);
	if (found.id == 0)
		fail_msg("no event %s", name);
	return found;
}

/* "web/start web/stop tty(1)": conditions are named by which they are. */
static void
assert_held_by(const struct rig *r, const char *event, const char *expected)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core_holder *holders = NULL;
	size_t n = 0;

	assert_int_equal(core_event_holders(r->core, event_named(r, event).id, &holders, &n), 0);
	for (size_t i = 0; i < n; i++) {
		strbuf_addf(&b, "%s%s", i > 0 ? " " : "", holders[i].job);
		if (holders[i].condition)
			strbuf_add(&b, holders[i].instance == NULL ? "/start" : "/stop");
		if (holders[i].instance != NULL && *holders[i].instance != '\0')
			strbuf_addf(&b, "(%s)", holders[i].instance);
	}
	free(holders);
	assert_string_equal(b.p != NULL ? b.p : "", expected);
}

/* -- events -------------------------------------------------------------------------- */

static void
test_event_that_waits_names_what_for(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "slow", "start on go;instance $N;pre-start exec p;exec slow");
	(void) rig_define(r, "half", "start on go and more;exec half");
	(void) rig_define(r, "stops", "stop on go and more;exec stops");
	(void) rig_start(r, "stops", NULL);
	rig_settle(r);
	(void) rig_emit(r, "go", "N=7");
	for (int i = 0; i < 2; i++) {
		struct core_event event = event_named(r, "go");

		assert_true(event.handled);
		assert_false(event.failed);
		assert_null(event.job);
		assert_int_equal(event.clients, 1);
		assert_string_equal(event.env[0], "N=7");
		assert_held_by(r, "go", "half/start stops/stop slow(7)");
		reload(r);
	}
	rig_settle(r);
	assert_held_by(r, "go", "half/start stops/stop");
	(void) rig_emit(r, "more", NULL);
	assert_held_by(r, "more", "stops half");
}

static void
test_event_of_an_instance_names_it(void **state)
{
	struct rig *r = *state;
	struct core_past past;

	(void) rig_define(r, "web", "instance $N;exec web");
	(void) rig_define(r, "check", "start on starting web;task;exec check");
	(void) rig_start(r, "web", "N=a");
	assert_string_equal(event_named(r, "starting").job, "web");
	assert_string_equal(event_named(r, "starting").instance, "a");
	assert_held_by(r, "starting", "check");
	assert_int_equal(core_past(r->core, "web", "a", &past), 0);
	assert_true(past.live);
	assert_int_equal(past.event, event_named(r, "starting").id);
	assert_int_equal(past.clients, 1);
	rig_settle(r);
	assert_int_equal(core_past(r->core, "web", "a", &past), 0);
	assert_int_equal(past.event, 0);
	assert_int_equal(past.clients, 0);
}

static void
test_event_held_twice_by_one_condition_is_told_once(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "twice", "start on (go A=1 and go B=2) and never;exec t");
	(void) rig_emit(r, "go", "A=1 B=2");
	assert_held_by(r, "go", "twice/start");
}

static void
test_instance_names_events_that_wait_for_it(void **state)
{
	struct rig *r = *state;
	struct u64v ids = { 0 };

	(void) rig_define(r, "web", "start on a and b;pre-start exec p;exec web");
	(void) rig_emit(r, "a", NULL);
	(void) rig_emit(r, "b", NULL);
	assert_int_equal(core_instance_events(r->core, "web", "", &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_int_equal(ids.p[0], event_named(r, "a").id);
	u64v_deinit(&ids);
	rig_settle(r);
	assert_int_equal(core_instance_events(r->core, "web", "", &ids), 0);
	assert_int_equal(ids.n, 0);
	assert_int_equal(core_instance_events(r->core, "web", "x", &ids), -ENOENT);
}

/* -- how things ended -------------------------------------------------------------------- */

static void
test_exits_of_each_kind_are_kept(void **state)
{
	struct rig *r = *state;
	struct core_past past;

	(void) rig_define(r, "web", "respawn;pre-start exec p;post-stop exec q;exec web");
	assert_int_equal(core_past(r->core, "web", "", &past), -ENOENT);
	rig_rule(r, "web", "post-stop", "exit 3", false);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_wait(r, 3 * USEC_PER_SEC);
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(11));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_past(r->core, "web", "", &past), 0);
		assert_true(past.exits[PROCESS_PRE_START].known && past.exits[PROCESS_PRE_START].spawned);
		assert_int_equal(past.exits[PROCESS_PRE_START].value, 0);
		assert_true(past.exits[PROCESS_MAIN].known);
		assert_int_equal(past.exits[PROCESS_MAIN].value, JOB_EXIT_SIGNAL(11));
		assert_true(past.exits[PROCESS_MAIN].at >= past.exits[PROCESS_PRE_START].at + 3 * USEC_PER_SEC);
		assert_false(past.exits[PROCESS_POST_STOP].known);
		assert_int_equal(past.respawns, 1);
		reload(r);
	}
	rig_settle(r);
	rig_assert_state(r, "web", "none"); /* its post-stop has failed */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_past(r->core, "web", "", &past), 0);
		assert_false(past.live);
		assert_true(past.failed);
		assert_string_equal(past.failed_kind, "post-stop");
		assert_int_equal(past.exits[PROCESS_POST_STOP].value, 3);
		assert_int_equal(past.exits[PROCESS_MAIN].value, JOB_EXIT_SIGNAL(11));
		reload(r);
	}
}

static void
test_process_that_could_not_be_made_is_kept(void **state)
{
	struct rig *r = *state;
	struct core_past past;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_fail(r, "web", "main", SPAWN_EXEC, ENOENT);
	assert_int_equal(core_past(r->core, "web", "", &past), 0);
	assert_true(past.exits[PROCESS_MAIN].known);
	assert_false(past.exits[PROCESS_MAIN].spawned);
	assert_int_equal(past.exits[PROCESS_MAIN].step, SPAWN_EXEC);
	assert_int_equal(past.exits[PROCESS_MAIN].value, ENOENT);
	assert_string_equal(past.failed_kind, "main");
}

static void
test_main_process_that_was_given_up_tells_why(void **state)
{
	struct rig *r = *state;
	struct core_past past;

	(void) rig_define(r, "web", "expect notify;expect timeout 5;respawn;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_pass(r, 6 * USEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_past(r->core, "web", "", &past), 0);
		assert_true(past.exits[PROCESS_MAIN].known && past.exits[PROCESS_MAIN].spawned);
		assert_int_equal(past.exits[PROCESS_MAIN].unready, CORE_UNREADY_LATE);
		assert_true(past.exits[PROCESS_MAIN].ending);
		reload(r);
	}
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(15));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_past(r->core, "web", "", &past), 0);
		assert_int_equal(past.exits[PROCESS_MAIN].unready, CORE_UNREADY_LATE);
		assert_false(past.exits[PROCESS_MAIN].ending);
		assert_int_equal(past.exits[PROCESS_MAIN].value, JOB_EXIT_SIGNAL(15));
		reload(r);
	}
	/* That was that one: the next is not measured by it. */
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 3);
	assert_int_equal(core_past(r->core, "web", "", &past), 0);
	assert_int_equal(past.exits[PROCESS_MAIN].unready, CORE_UNREADY_NOT);
	assert_int_equal(past.exits[PROCESS_MAIN].value, 3);
}

static void
test_new_instance_knows_how_the_last_one_ended(void **state)
{
	struct rig *r = *state;
	struct core_past past;

	(void) rig_define(r, "job", "task;exec job");
	rig_rule(r, "job", "main", "exit 5", true);
	(void) rig_start(r, "job", NULL);
	rig_settle(r);
	(void) rig_start(r, "job", NULL);
	rig_up(r, "job", "main");
	assert_int_equal(core_past(r->core, "job", "", &past), 0);
	assert_true(past.live);
	assert_false(past.failed);
	assert_int_equal(past.exits[PROCESS_MAIN].value, 5);
}

static void
test_only_so_many_gone_instances_are_remembered(void **state)
{
	struct rig *r = *state;
	struct core_past past;
	char **names;

	(void) rig_define(r, "job", "task;instance $N;exec job");
	for (int i = 0; i < 20; i++) {
		char env[16];

		(void) snprintf(env, sizeof(env), "N=%d", i);
		(void) rig_start(r, "job", env);
		rig_settle(r);
	}
	names = core_past_names(r->core, "job");
	assert_int_equal(strv_len(names), 8);
	assert_string_equal(names[0], "12");
	assert_string_equal(names[7], "19");
	(void) strv_free(names);
	assert_int_equal(core_past(r->core, "job", "11", &past), -ENOENT);
	assert_int_equal(core_past(r->core, "job", "12", &past), 0);
	assert_null(core_past_names(r->core, "none"));
}

static void
test_definition_that_waits_is_told(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	assert_int_equal(core_class_successor(r->core, "web"), CORE_SUCCESSOR_NONE);
	(void) rig_define(r, "web", "exec other");
	assert_int_equal(core_class_successor(r->core, "web"), CORE_SUCCESSOR_CHANGED);
	rig_undefine(r, "web");
	assert_int_equal(core_class_successor(r->core, "web"), CORE_SUCCESSOR_DELETED);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_int_equal(core_class_successor(r->core, "web"), CORE_SUCCESSOR_NONE);
}

/* -- conditions ---------------------------------------------------------------------------- */

static void
test_condition_tells_what_its_leaves_hold(void **state)
{
	struct rig *r = *state;
	struct core_condition view;

	(void) rig_define(r, "web", "start on a and (b or c);stop on d and e;exec web");
	(void) rig_emit(r, "c", NULL);
	assert_int_equal(core_condition(r->core, "web", NULL, &view), 0);
	assert_int_equal(view.cond->n_leaves, 3);
	assert_int_equal(view.held[0], 0);
	assert_int_equal(view.held[1], 0);
	assert_int_equal(view.held[2], event_named(r, "c").id);
	assert_int_equal(core_condition(r->core, "web", "", &view), -ENOENT);
	(void) rig_emit(r, "a", NULL);
	rig_settle(r);
	(void) rig_emit(r, "e", NULL);
	assert_int_equal(core_condition(r->core, "web", "", &view), 0);
	assert_int_equal(view.held[0], 0);
	assert_int_equal(view.held[1], event_named(r, "e").id);
	(void) rig_define(r, "plain", "exec p");
	assert_int_equal(core_condition(r->core, "plain", NULL, &view), 0);
	assert_null(view.cond);
}

/* "bar+[INSTANCE=] not baz-": + true, - false, ? unknown. */
static void
assert_terms(struct rig *r, const char *job, const char *instance, const char *expected)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core_term *terms = NULL;
	size_t n = 0;

	assert_int_equal(core_while_terms(r->core, job, instance, &terms, &n), 0);
	for (size_t i = 0; i < n; i++) {
		auto_free char *states = strv_join(terms[i].states, ",");

		strbuf_addf(&b, "%s%s%s%c", i > 0 ? " " : "", terms[i].negated ? "not " : "", terms[i].node->name,
			    "-?+"[terms[i].truth]);
		if (terms[i].states != NULL)
			strbuf_addf(&b, "[%s]", states);
	}
	core_terms_free(terms, n);
	assert_string_equal(b.p, expected);
}

static void
test_while_tells_its_terms_and_the_record(void **state)
{
	struct rig *r = *state;
	struct core_want want;
	char **names;

	(void) rig_define(r, "foo", "while bar and not baz and nothing;exec foo");
	(void) rig_define(r, "bar", "instance $N;export N;exec bar");
	(void) rig_define(r, "baz", "exec baz");
	(void) rig_emit(r, "startup", NULL);
	(void) rig_start(r, "bar", "N=1");
	rig_settle(r);
	assert_terms(r, "foo", "", "bar+[INSTANCE=1 N=1] not baz- nothing?");
	assert_int_equal(core_want(r->core, "foo", "", &want), -ENOENT);
	(void) rig_define(r, "nothing", "exec n");
	assert_terms(r, "foo", "", "bar+[INSTANCE=1 N=1] not baz- nothing-");
	(void) rig_start(r, "nothing", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
	assert_int_equal(core_want(r->core, "foo", "", &want), 0);
	assert_true(want.armed && want.bound && want.wanted && !want.spent);
	assert_string_equal(want.binding[0], "INSTANCE=");
	rig_exit(r, "foo", "main", 0);
	rig_settle(r);
	assert_int_equal(core_want(r->core, "foo", "", &want), 0);
	assert_true(want.armed && want.bound && !want.wanted && want.spent);
	names = core_want_names(r->core, "foo");
	assert_int_equal(strv_len(names), 1);
	(void) strv_free(names);
	assert_non_null(core_while(r->core, "foo"));
	assert_null(core_while(r->core, "bar"));
	assert_null(core_while(r->core, "none"));
}

static void
test_while_of_an_instance_has_its_variables(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "user", "instance $N;while bar N=* and not baz N=$N;exec user");
	(void) rig_define(r, "bar", "instance $N;export N;exec bar");
	(void) rig_define(r, "baz", "instance $N;export N;exec baz");
	(void) rig_emit(r, "startup", NULL);
	(void) rig_start(r, "baz", "N=2");
	(void) rig_start(r, "bar", "N=1");
	rig_settle(r);
	rig_assert_state(r, "user/1", "start/running");
	assert_terms(r, "user", "1", "bar+[INSTANCE=1 N=1] not baz-");
}

/* -- looking on ------------------------------------------------------------------------------ */

static void
write_step(const struct core *core, const struct core_step *step, void *data)
{
	struct strbuf *b = data;
	struct core_event event;

	switch (step->type) {
	case CORE_STEP_HANDLED:
	case CORE_STEP_HELD:
	case CORE_STEP_FINISHED:
		assert_int_equal(core_event(core, step->event, &event), 0);
		strbuf_addf(b, "%s %s\n",
			    step->type == CORE_STEP_HANDLED ? "event"
			    : step->type == CORE_STEP_HELD  ? "held"
							    : "done",
			    event.name);
		break;
	case CORE_STEP_GOAL:
		strbuf_addf(
		    b, "%s goal %s for %s%s\n", step->job, job_goal_name(step->goal),
		    env_get(step->start_env, "UPSTART_EVENTS") != NULL ? env_get(step->start_env, "UPSTART_EVENTS")
								       : "",
		    step->goal == GOAL_STOP && env_get(step->stop_env, "UPSTART_STOP_EVENTS") != NULL ? " stop" : "");
		break;
	case CORE_STEP_STATE:
		if (step->state == JOB_RUNNING || step->state == JOB_STARTING || step->state == JOB_WAITING)
			strbuf_addf(b, "%s %s\n", step->job, job_state_name(step->state));
		break;
	}
}

static void
test_steps_are_told_in_order(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;

	(void) rig_define(r, "web", "start on go;stop on end");
	(void) rig_define(r, "half", "start on started web and never;exec h");
	r->config.step = write_step;
	r->config.step_data = &b;
	reload(r);
	(void) rig_emit(r, "go", NULL);
	(void) rig_emit(r, "end", NULL);
	assert_string_equal(b.p,
			    "event go\nweb goal start for go\nweb starting\nheld go\nevent starting\ndone starting\n"
			    "web running\nevent started\nheld started\ndone go\n"
			    "event end\nweb goal stop for go stop\nheld end\nevent stopping\ndone stopping\n"
			    "web waiting\nevent stopped\ndone stopped\ndone end\n");
	r->config.step = NULL;
	reload(r);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_event_that_waits_names_what_for),
		test(test_event_of_an_instance_names_it),
		test(test_event_held_twice_by_one_condition_is_told_once),
		test(test_instance_names_events_that_wait_for_it),
		test(test_exits_of_each_kind_are_kept),
		test(test_main_process_that_was_given_up_tells_why),
		test(test_process_that_could_not_be_made_is_kept),
		test(test_new_instance_knows_how_the_last_one_ended),
		test(test_only_so_many_gone_instances_are_remembered),
		test(test_definition_that_waits_is_told),
		test(test_condition_tells_what_its_leaves_hold),
		test(test_while_tells_its_terms_and_the_record),
		test(test_while_of_an_instance_has_its_variables),
		test(test_steps_are_told_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
