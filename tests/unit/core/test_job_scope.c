/* SPDX-License-Identifier: MIT */
/*
 * Jobs of chroot sessions (common/scope.h): they hear the machine and each other, and nobody hears them.
 */
#include "rig.h"

#include "common/env.h"
#include "common/log.h"
#include "common/msg.h"
#include "common/scope.h"

#define WEB "/srv/a//web"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, RIG_REPLIES);
	*state = r;
	return 0;
}

/* Does the only instance of the job run? */
static bool
is_up(struct rig *r, const char *job)
{
	struct core_instance view;

	return core_instance(r->core, job, "", &view) == 0 && view.goal == GOAL_START;
}

/* An event of a session; root NULL: of the machine. */
static void
emit(struct rig *r, const char *root, const char *name, const char *env)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	in.emit.root = root != NULL ? strdup(root) : NULL;
	in.emit.env = rig_words(env);
	assert_int_equal(rig_apply(r, &in), 0);
	rig_settle(r);
}

static void
test_names(void **state)
{
	auto_free char *joined = scope_join(span_of("/srv/a"), "net/web");
	auto_free char *plain = scope_join(scope_of(NULL), "net/web");

	assert_string_equal(joined, "/srv/a//net/web");
	assert_string_equal(plain, "net/web");
	assert_string_equal(scope_plain(joined), "net/web");
	assert_string_equal(scope_plain(plain), "net/web");
	assert_true(scope_equal(scope_root(joined), span_of("/srv/a")));
	assert_int_equal(scope_root(plain).n, 0);
	/* What is no such name has no root. */
	assert_int_equal(scope_root("a//b").n, 0);
	assert_int_equal(scope_root("/a/b").n, 0);
	assert_true(scope_equal(scope_of(NULL), scope_root("a")));
	assert_false(scope_equal(scope_of("/a"), scope_of("/b")));
	assert_false(scope_equal(scope_of("/a"), scope_of(NULL)));
}

static void
test_event_of_a_session_reaches_its_jobs_alone(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on go\nexec x\n");
	(void) rig_define(r, WEB, "start on go\nstop on halt\nexec x\n");
	(void) rig_define(r, "/srv/b//web", "start on go\nstop on halt\nexec x\n");
	emit(r, "/srv/a", "go", NULL);
	assert_true(is_up(r, WEB));
	assert_false(is_up(r, "web"));
	assert_false(is_up(r, "/srv/b//web"));
	emit(r, NULL, "go", NULL);
	assert_true(is_up(r, "web"));
	assert_true(is_up(r, "/srv/b//web"));
	emit(r, "/srv/b", "halt", NULL);
	assert_true(is_up(r, WEB));
	assert_false(is_up(r, "/srv/b//web"));
	emit(r, NULL, "halt", NULL);
	assert_false(is_up(r, WEB));
}

static void
test_its_job_events_carry_the_plain_name_and_stay_inside(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, WEB, "exec x\n");
	(void) rig_define(r, "/srv/a//after", "start on started web\nexec x\n");
	(void) rig_define(r, "after", "start on started web\nexec x\n");
	(void) rig_define(r, "web", "exec x\n");
	(void) rig_define(r, "/srv/b//after", "start on started web\nexec x\n");
	(void) rig_start(r, WEB, NULL);
	rig_settle(r);
	assert_true(is_up(r, "/srv/a//after"));
	assert_false(is_up(r, "after"));
	assert_false(is_up(r, "/srv/b//after"));
	/* The machine's are heard everywhere. */
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	assert_true(is_up(r, "after"));
	assert_true(is_up(r, "/srv/b//after"));
}

static void
test_failure_of_an_event_stays_inside(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, WEB, "start on go\ntask\nexec x\n");
	(void) rig_define(r, "/srv/a//sorry", "start on go/failed\nexec x\n");
	(void) rig_define(r, "sorry", "start on go/failed\nexec x\n");
	rig_rule(r, WEB, "main", "exit 1", false);
	emit(r, "/srv/a", "go", NULL);
	assert_true(is_up(r, "/srv/a//sorry"));
	assert_false(is_up(r, "sorry"));
}

/* What its processes see is the name they know. */
static void
test_processes_see_the_plain_name(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, WEB, "exec x\n");
	(void) rig_start(r, WEB, NULL);
	for (size_t i = 0; i < r->n_procs; i++) {
		assert_string_equal(r->procs[i].job, WEB);
		assert_string_equal(env_get(r->procs[i].env, "UPSTART_JOB"), "web");
	}
	rig_settle(r);
	assert_true(r->n_procs > 0);
	(void) rig_start(r, WEB, NULL);
	rig_settle(r);
	(void) rig_stop(r, WEB, NULL);
	rig_settle(r);
	(void) rig_stop(r, WEB, NULL);
	rig_expect(r, "reply 1 ok " WEB "\n"
		      "reply 2 error AlreadyStarted: Job is already running: web\n"
		      "reply 3 ok " WEB "\n"
		      "reply 4 error UnknownInstance: Unknown instance: \n");
}

static void
test_states_are_those_of_the_session(void **state)
{
	struct rig *r = *state;

	(void) rig_emit(r, "startup", NULL);
	(void) rig_define(r, "/srv/a//foo", "while bar and not maintenance\nexec x\n");
	(void) rig_define(r, "foo", "while bar and not maintenance\nexec x\n");
	(void) rig_define(r, "/srv/a//bar", "exec x\n");
	(void) rig_define(r, "/srv/a//maintenance", "\n");
	(void) rig_define(r, "bar", "exec x\n");
	(void) rig_define(r, "maintenance", "\n");
	(void) rig_start(r, "bar", NULL);
	rig_settle(r);
	assert_true(is_up(r, "foo"));
	assert_false(is_up(r, "/srv/a//foo"));
	(void) rig_start(r, "/srv/a//bar", NULL);
	rig_settle(r);
	assert_true(is_up(r, "/srv/a//foo"));
	(void) rig_start(r, "maintenance", NULL);
	rig_settle(r);
	assert_false(is_up(r, "foo"));
	assert_true(is_up(r, "/srv/a//foo"));
	(void) rig_stop(r, "/srv/a//bar", NULL);
	rig_settle(r);
	assert_false(is_up(r, "/srv/a//foo"));
}

/* The runlevel, and that the system has started, is the machine's to say. */
static void
test_session_does_not_speak_for_the_machine(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar\nexec x\n");
	(void) rig_define(r, "bar", "exec x\n");
	(void) rig_define(r, "two", "while runlevel RUNLEVEL=2\nexec x\n");
	(void) rig_define(r, "/srv/a//two", "while runlevel RUNLEVEL=2\nexec x\n");
	(void) rig_start(r, "bar", NULL);
	rig_settle(r);
	emit(r, "/srv/a", "startup", NULL);
	assert_false(is_up(r, "foo"));
	emit(r, NULL, "startup", NULL);
	assert_true(is_up(r, "foo"));
	emit(r, "/srv/a", "runlevel", "RUNLEVEL=2");
	assert_false(is_up(r, "two"));
	assert_false(is_up(r, "/srv/a//two"));
	emit(r, NULL, "runlevel", "RUNLEVEL=2");
	assert_true(is_up(r, "two"));
	assert_true(is_up(r, "/srv/a//two"));
	emit(r, "/srv/a", "runlevel", "RUNLEVEL=0");
	assert_true(is_up(r, "two"));
}

static void
test_signals_say_whose_event_it_was_and_all_survives_a_reload(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *again = NULL;
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, WEB, "start on go and later\nexec x\n");
	(void) rig_define(r, "web", "start on go and later\nexec x\n");
	in.emit.name = strdup("later");
	in.emit.root = strdup("/srv/a");
	assert_int_equal(rig_apply(r, &in), 0);
	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &again), 0);
	r->core = core_free(r->core);
	r->core = again;
	emit(r, NULL, "go", NULL);
	assert_true(is_up(r, WEB));
	assert_false(is_up(r, "web"));
	rig_show(r, RIG_SIGNALS);
	emit(r, "/srv/a", "unheard", NULL);
	emit(r, NULL, "unheard", "A=1");
	rig_expect(r, "sig manager in /srv/a EventEmitted unheard []\nsig manager EventEmitted unheard [A=1]\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_event_of_a_session_reaches_its_jobs_alone, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_its_job_events_carry_the_plain_name_and_stay_inside, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_failure_of_an_event_stays_inside, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_processes_see_the_plain_name, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_states_are_those_of_the_session, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_session_does_not_speak_for_the_machine, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_signals_say_whose_event_it_was_and_all_survives_a_reload, setup,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
