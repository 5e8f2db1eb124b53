/* SPDX-License-Identifier: MIT */
/*
 * Events: their life, who waits for them, what they start and stop (runtime.md sections 2 and 3).
 */
#include "rig.h"

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
test_job_event_unheard_finishes_at_once(void **state)
{
	struct rig *r = *state;

	(void) rig_emit(r, "nobody-cares", "K=v L=w");
	rig_expect(r, "reply 1 ok\nsig manager EventEmitted nobody-cares [K=v L=w]\n");
}

static void
test_job_event_without_wait_is_answered_when_queued(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "web", "start on go;exec web");
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	in.emit.request = 7;
	in.emit.name = strdup("go");
	(void) rig_apply(r, &in);
	rig_expect(r, "reply 7 ok\n");
}

static void
test_job_event_waits_for_a_service_to_run(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;exec web");
	rig_forget(r);
	rig_show(r, RIG_REPLIES | RIG_WORK);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "spawn web main\n");
	rig_made(r, "web", "main");
	rig_expect(r, "");
	rig_executed(r, "web", "main");
	rig_expect(r, "reply 1 ok\n");
}

static void
test_job_event_waits_for_a_task_to_end(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "job", "start on go;task;exec job");
	rig_forget(r);
	rig_show(r, RIG_REPLIES | RIG_WORK);
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "job", "main");
	rig_expect(r, "spawn job main\n");
	rig_exit(r, "job", "main", 0);
	rig_expect(r, "reply 1 ok\n");
}

static void
test_job_event_waits_for_what_it_stops(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "stop on halt;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_forget(r);
	rig_show(r, RIG_REPLIES | RIG_WORK);
	(void) rig_emit(r, "halt", NULL);
	rig_expect(r, "kill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(15));
	rig_expect(r, "timer off\nreply 2 ok\n");
	rig_assert_state(r, "web", "none");
}

static void
test_job_event_fails_with_the_job_it_started(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;pre-start exec false;exec web");
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", NULL);
	rig_up(r, "web", "pre-start");
	rig_exit(r, "web", "pre-start", 1);
	rig_expect(r, "reply 1 error EventFailed: Event failed\n");
}

static void
test_job_event_failure_has_an_event_of_its_own(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bad", "start on go;task;exec false");
	(void) rig_define(r, "worse", "start on go/failed;task;exec false");
	rig_rule(r, "bad", "main", "exit 1", false);
	rig_rule(r, "worse", "main", "exit 1", false);
	rig_forget(r);
	rig_show(r, RIG_SIGNALS);
	(void) rig_emit(r, "go", "A=1 B=2");
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "sig manager EventEmitted go [A=1 B=2]\n"));
	assert_non_null(strstr(r->lines.p, "sig manager EventEmitted go/failed [A=1 B=2]\n"));
	assert_null(strstr(r->lines.p, "go/failed/failed")); /* failure never chains */
}

static void
test_job_event_last_part_failed_never_chains(void **state)
{
	static const char *const names[] = { "failed", "x/failed" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct rig *r = rig_new();
		auto_free char *text = str_printf("start on %s\ntask\nexec false\n", names[i]);

		(void) rig_define(r, "bad", text);
		rig_rule(r, "bad", "main", "exit 1", false);
		rig_show(r, RIG_SIGNALS);
		(void) rig_emit(r, names[i], NULL);
		rig_settle(r);
		assert_null(strstr(r->lines.p, "failed/failed"));
		(void) rig_free(r);
	}
}

static void
test_job_event_failure_of_names_alike_is_told(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bad", "start on failed/x or notfailed;task;exec false");
	rig_rule(r, "bad", "main", "exit 1", false);
	rig_show(r, RIG_SIGNALS);
	(void) rig_emit(r, "failed/x", NULL);
	rig_settle(r);
	(void) rig_emit(r, "notfailed", NULL);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "EventEmitted failed/x/failed "));
	assert_non_null(strstr(r->lines.p, "EventEmitted notfailed/failed "));
}

/* Dependents that fail at `starting` do not stop the job that emitted it. */
static void
test_job_event_starting_failed_does_not_stop_the_job(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "before", "start on starting web;task;exec false");
	rig_rule(r, "before", "main", "exit 1", false);
	rig_forget(r);
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	assert_non_null(strstr(r->lines.p, "EventEmitted starting/failed [JOB=web INSTANCE=]"));
	assert_non_null(strstr(r->lines.p, "reply 1 ok web\n"));
}

static void
test_job_event_starting_holds_the_job(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_define(r, "before", "start on starting web;task;exec before");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "before", "main");
	rig_assert_state(r, "web", "start/starting");
	rig_exit(r, "before", "main", 0);
	rig_assert_state(r, "web", "start/spawned");
}

/* In an `and` the first event is kept; a later one of that name finishes at once. */
static void
test_job_event_first_match_is_kept(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a and b;exec web");
	rig_forget(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", "V=1");
	rig_expect(r, "");
	(void) rig_emit(r, "a", "V=2");
	rig_expect(r, "reply 2 ok\n");
	(void) rig_emit(r, "b", NULL);
	rig_assert_env(r, "web", "main", "V", "1");
	rig_assert_env(r, "web", "main", "UPSTART_EVENTS", "a b");
	rig_up(r, "web", "main");
	rig_expect(r, "reply 1 ok\nreply 3 ok\n");
}

/* The names come in the order of the tree, not of arrival. */
static void
test_job_event_names_in_tree_order(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a and (b or c);exec web");
	(void) rig_emit(r, "c", "V=c");
	(void) rig_emit(r, "a", "V=a");
	rig_assert_env(r, "web", "main", "UPSTART_EVENTS", "a c");
	rig_assert_env(r, "web", "main", "V", "c"); /* later ones override */
}

/* Firing forgets the false branches too. */
static void
test_job_event_firing_resets_the_whole_tree(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on (a and b) or c;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", NULL);
	(void) rig_emit(r, "c", NULL);
	rig_expect(r, "reply 1 ok\n");
	rig_assert_env(r, "web", "main", "UPSTART_EVENTS", "c");
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	(void) rig_emit(r, "b", NULL);
	rig_assert_state(r, "web", "none");
}

static void
test_job_event_half_true_holds_the_event(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a and b;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", NULL);
	(void) rig_start(r, "web", NULL); /* by hand: the half-true tree stays (runtime.md 19, 29) */
	rig_settle(r);
	rig_expect(r, "reply 2 ok web\n");
	(void) rig_emit(r, "b", NULL); /* true now; the job runs already, both go free: `a` lies behind in the queue */
	rig_expect(r, "reply 3 ok\nreply 1 ok\n");
}

static void
test_job_event_in_both_conditions_restarts(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go;stop on go;exec web");
	(void) rig_emit(r, "go", "N=1");
	rig_settle(r);
	rig_assert_env(r, "web", "main", "N", "1");
	rig_forget(r);
	rig_show(r, RIG_SIGNALS);
	(void) rig_emit(r, "go", "N=2");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_assert_env(r, "web", "main", "N", "2");
	assert_non_null(strstr(r->lines.p, "GoalChanged stop\nsig job web instance _ StateChanged pre-stopping\n"));
	assert_null(strstr(r->lines.p, "EventEmitted stopped"));
	assert_null(strstr(r->lines.p, "StateChanged waiting"));
}

/* Stop conditions know the instance's environment. */
static void
test_job_event_stop_on_expands_with_the_instance(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "disk", "start on plug;stop on unplug DEV=$DEV;instance $DEV;exec disk");
	(void) rig_emit(r, "plug", "DEV=sda");
	(void) rig_emit(r, "plug", "DEV=sdb");
	rig_settle(r);
	(void) rig_emit(r, "unplug", "DEV=sda");
	rig_settle(r);
	rig_assert_state(r, "disk/sda", "none");
	rig_assert_state(r, "disk/sdb", "start/running");
}

/* Defect 12 of the original: start on knew no variables. */
static void
test_job_event_start_on_expands_with_the_class(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "env WANT=b*;start on go TARGET=$WANT;exec web");
	(void) rig_emit(r, "go", "TARGET=alpha");
	rig_assert_state(r, "web", "none");
	(void) rig_emit(r, "go", "TARGET=beta");
	rig_assert_state(r, "web", "start/spawned");
}

struct match {
	const char *condition;
	const char *env;
	bool matches;
};

static const struct match matches[] = {
	{ "net-up", "IFACE=eth0 SPEED=1000", true },
	{ "net-up eth*", "IFACE=eth0 SPEED=1000", true },
	{ "net-up eth0 1000", "IFACE=eth0 SPEED=1000", true },
	{ "net-up SPEED=1???", "IFACE=eth0 SPEED=1000", true },
	{ "net-up IFACE!=lo", "IFACE=eth0 SPEED=1000", true },
	{ "net-up eth0 1000 x", "IFACE=eth0 SPEED=1000", false },
	{ "net-up COLOUR!=red", "IFACE=eth0 SPEED=1000", false },
	{ "net-up IFACE!=eth*", "IFACE=eth0", false },
	{ "net-up IFACE=", "IFACE=", true },
	{ "net-up IFACE=", "IFACE=x", false },
	{ "net-up IFACE=*", "IFACE=a/b", true },
	{ "net-up IFACE=$NONE", "IFACE=x", false },
	{ "net-up IFACE=${NONE:-x}", "IFACE=x", true },
	{ "net-up", NULL, true },
	{ "net-up x", NULL, false },
};

static void
test_job_event_matching(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		struct rig *r = rig_new();
		auto_free char *text = str_printf("start on %s\n", matches[i].condition);
		struct core_instance view;

		(void) rig_define(r, "j", text);
		(void) rig_emit(r, "net-up", matches[i].env);
		if ((core_instance(r->core, "j", "", &view) == 0) != matches[i].matches)
			fail_msg("%s and %s", matches[i].condition, matches[i].env ? matches[i].env : "(nothing)");
		(void) rig_emit(r, "net-upp", matches[i].env);
		(void) rig_free(r);
	}
}

/* Defect 1 of the original: a name that can't be made hid the event from all later classes. */
static void
test_job_event_bad_instance_name_hides_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "aa", "start on go;exec aa");
	(void) rig_define(r, "bb", "start on go;instance $NONE;exec bb");
	(void) rig_define(r, "cc", "start on go;exec cc");
	rig_forget(r);
	rig_show(r, RIG_LOG | RIG_WORK | RIG_REPLIES);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "log warn Failed to obtain bb instance: Unknown parameter: NONE\nspawn aa main\nspawn cc main\n");
	rig_settle(r);
	rig_expect(r, "reply 1 ok\n");
}

/* Classes in the order in which they came (runtime.md 19, 35). */
static void
test_job_event_visits_classes_in_order(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "zz", "start on go;exec zz");
	(void) rig_define(r, "mm", "start on go;exec mm");
	(void) rig_define(r, "aa", "start on go;exec aa");
	(void) rig_define(r, "zz", "start on go;exec zz2"); /* keeps its place */
	rig_forget(r);
	rig_show(r, 1u << EFFECT_SPAWN);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "spawn zz main\nspawn mm main\nspawn aa main\n");
}

/* All reach starting first, then each goes on when its own event is taken. */
static void
test_job_event_jobs_interleave(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on go");
	(void) rig_define(r, "b", "start on go");
	rig_forget(r);
	rig_show(r, RIG_SIGNALS);
	(void) rig_emit(r, "go", NULL);
	rig_expect(r, "sig job a InstanceAdded <job a instance _>\n"
		      "sig job a instance _ GoalChanged start\n"
		      "sig job a instance _ StateChanged starting\n"
		      "sig job b InstanceAdded <job b instance _>\n"
		      "sig job b instance _ GoalChanged start\n"
		      "sig job b instance _ StateChanged starting\n"
		      "sig job a instance _ StateChanged security-spawning\n"
		      "sig job a instance _ StateChanged security\n"
		      "sig job a instance _ StateChanged pre-starting\n"
		      "sig job a instance _ StateChanged pre-start\n"
		      "sig job a instance _ StateChanged spawning\n"
		      "sig job a instance _ StateChanged spawned\n"
		      "sig job a instance _ StateChanged post-starting\n"
		      "sig job a instance _ StateChanged post-start\n"
		      "sig job a instance _ StateChanged running\n"
		      "sig manager EventEmitted starting [JOB=a INSTANCE=]\n"
		      "sig job b instance _ StateChanged security-spawning\n"
		      "sig job b instance _ StateChanged security\n"
		      "sig job b instance _ StateChanged pre-starting\n"
		      "sig job b instance _ StateChanged pre-start\n"
		      "sig job b instance _ StateChanged spawning\n"
		      "sig job b instance _ StateChanged spawned\n"
		      "sig job b instance _ StateChanged post-starting\n"
		      "sig job b instance _ StateChanged post-start\n"
		      "sig job b instance _ StateChanged running\n"
		      "sig manager EventEmitted starting [JOB=b INSTANCE=]\n"
		      "sig manager EventEmitted started [JOB=a INSTANCE=]\n"
		      "sig manager EventEmitted started [JOB=b INSTANCE=]\n"
		      "sig manager EventEmitted go []\n");
}

static void
test_job_event_name_may_not_be_empty(void **state)
{
	struct rig *r = *state;

	(void) rig_emit(r, "", NULL);
	rig_expect(r, "reply 1 error org.freedesktop.DBus.Error.InvalidArgs: Name may not be empty string\n");
	(void) rig_emit(r, "e", "A=1 B");
	rig_expect(r, "reply 2 error org.freedesktop.DBus.Error.InvalidArgs: Env must be KEY=VALUE pairs\n");
}

/* Descriptors: held while the event lives and while the instance has them, closed once. */
static void
test_job_event_descriptor_travels_to_the_job(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "web", "start on socket;exec web");
	rig_forget(r);
	rig_show(r, 1u << EFFECT_CLOSE_FD);
	in.emit.name = strdup("socket");
	in.emit.fd = 4;
	(void) rig_apply(r, &in);
	assert_int_equal(rig_proc(r, "web", "main")->fds.n, 2);
	assert_int_equal(rig_proc(r, "web", "main")->fds.p[0], 4);
	assert_true(rig_proc(r, "web", "main")->fds.p[1] > 2 && rig_proc(r, "web", "main")->fds.p[1] != 9);
	{
		auto_free char *number = str_printf("%llu", (unsigned long long) rig_proc(r, "web", "main")->fds.p[1]);

		rig_assert_env(r, "web", "main", "UPSTART_FDS", number);
	}
	rig_settle(r);
	rig_expect(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "close 4\n");
}

static void
test_job_event_descriptor_nobody_wants_is_closed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup("socket");
	in.emit.fd = 4;
	(void) rig_apply(r, &in);
	rig_expect(r, "close 4\nsig manager EventEmitted socket []\n");
	in = (struct input) { .type = INPUT_EMIT };
	in.emit.name = strdup("");
	in.emit.fd = 5;
	(void) rig_apply(r, &in);
	rig_expect(r, "close 5\n");
}

/* runtime.md 19, 27: after a respawn the descriptor is still the job's. */
static void
test_job_event_descriptor_survives_a_respawn(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "web", "start on socket;respawn;exec web");
	in.emit.name = strdup("socket");
	in.emit.fd = 4;
	(void) rig_apply(r, &in);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", 1);
	assert_int_equal(rig_proc(r, "web", "main")->fds.p[0], 4);
}

/* A start that goes on with what the instance had holds nothing of another that came to nothing. */
static void
test_job_event_descriptor_of_a_start_taken_back_is_closed(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "web", "start on socket;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_ask(r, INSTANCE_STOP, "web", "", NULL, false); /* main ends below */
	in.emit.name = strdup("socket");
	in.emit.fd = 4;
	(void) rig_apply(r, &in);
	(void) rig_ask(r, INSTANCE_STOP, "web", "", NULL, false);
	rig_forget(r);
	rig_show(r, 1u << EFFECT_CLOSE_FD);
	(void) rig_ask(r, INSTANCE_START, "web", "", NULL, false);
	rig_expect(r, "close 4\n");
}

/* More than a process can be given: it is told, and what it has is what it is told it has. */
static void
test_job_event_descriptors_beyond_the_limit_are_told(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf text = STRBUF_INIT, expected = STRBUF_INIT;

	strbuf_add(&text, "exec web\nstart on e1");
	for (int i = 2; i <= JOB_FDS_MAX + 2; i++)
		strbuf_addf(&text, " and e%d", i);
	(void) rig_define(r, "web", text.p);
	rig_forget(r);
	rig_show(r, RIG_LOG | 1u << EFFECT_CLOSE_FD);
	for (int i = 1; i <= JOB_FDS_MAX + 2; i++) {
		struct input in = { .type = INPUT_EMIT };

		in.emit.name = str_printf("e%d", i);
		in.emit.fd = 100 + (uint64_t) i;
		(void) rig_apply(r, &in);
	}
	assert_int_equal(rig_proc(r, "web", "main")->fds.n, 2 * JOB_FDS_MAX);
	strbuf_addf(&expected, "log warn web gets only %d of the %d descriptors of its events\n", JOB_FDS_MAX,
		    JOB_FDS_MAX + 2);
	rig_expect(r, expected.p);
	rig_settle(r);
	strbuf_deinit(&expected);
	expected = (struct strbuf) STRBUF_INIT;
	for (int i = JOB_FDS_MAX + 1; i <= JOB_FDS_MAX + 2; i++)
		strbuf_addf(&expected, "close %d\n", 100 + i);
	rig_expect(r, expected.p);
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_event_unheard_finishes_at_once),
		BENCHED(test_job_event_without_wait_is_answered_when_queued),
		BENCHED(test_job_event_waits_for_a_service_to_run),
		BENCHED(test_job_event_waits_for_a_task_to_end),
		BENCHED(test_job_event_waits_for_what_it_stops),
		BENCHED(test_job_event_fails_with_the_job_it_started),
		BENCHED(test_job_event_failure_has_an_event_of_its_own),
		cmocka_unit_test(test_job_event_last_part_failed_never_chains),
		BENCHED(test_job_event_failure_of_names_alike_is_told),
		BENCHED(test_job_event_starting_failed_does_not_stop_the_job),
		BENCHED(test_job_event_starting_holds_the_job),
		BENCHED(test_job_event_first_match_is_kept),
		BENCHED(test_job_event_names_in_tree_order),
		BENCHED(test_job_event_firing_resets_the_whole_tree),
		BENCHED(test_job_event_half_true_holds_the_event),
		BENCHED(test_job_event_in_both_conditions_restarts),
		BENCHED(test_job_event_stop_on_expands_with_the_instance),
		BENCHED(test_job_event_start_on_expands_with_the_class),
		cmocka_unit_test(test_job_event_matching),
		BENCHED(test_job_event_bad_instance_name_hides_nothing),
		BENCHED(test_job_event_visits_classes_in_order),
		BENCHED(test_job_event_jobs_interleave),
		BENCHED(test_job_event_name_may_not_be_empty),
		BENCHED(test_job_event_descriptor_travels_to_the_job),
		BENCHED(test_job_event_descriptor_nobody_wants_is_closed),
		BENCHED(test_job_event_descriptor_survives_a_respawn),
		BENCHED(test_job_event_descriptor_of_a_start_taken_back_is_closed),
		BENCHED(test_job_event_descriptors_beyond_the_limit_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
