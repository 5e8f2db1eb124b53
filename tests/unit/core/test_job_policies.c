/* SPDX-License-Identifier: MIT */
/*
 * Rules that differ from the usual ones when they are set, each beside what happens when it is not (chromeos.md 2, D41).
 */
#include "rig.h"

/* The bench with these rules. */
static struct rig *
with(void **state, uint32_t policies)
{
	struct rig *r = rig_new_with(policies);

	if (*state != NULL)
		(void) rig_teardown(state);
	rig_show(r, 0);
	*state = r;
	return r;
}

static const uint32_t both[] = { 0, CORE_POLICY_IMPORT_LISTED };

static void
test_import_of_events(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct rig *r = with(state, both[i]);
		const char *unless = i == 0 ? "2" : NULL;

		(void) rig_define(r, "web", "start on go\nstop on halt\nimport A C\nenv D=own\npost-stop exec p\nexec x\n");
		(void) rig_emit(r, "go", "A=1 B=2 D=evil RESULT=forged UPSTART_X=forged");
		rig_settle(r);
		rig_assert_env(r, "web", "main", "A", "1");
		rig_assert_env(r, "web", "main", "B", unless);
		rig_assert_env(r, "web", "main", "C", NULL);
		rig_assert_env(r, "web", "main", "D", i == 0 ? "evil" : "own");
		rig_assert_env(r, "web", "main", "RESULT", i == 0 ? "forged" : NULL);
		rig_assert_env(r, "web", "main", "UPSTART_X", i == 0 ? "forged" : NULL);
		rig_assert_env(r, "web", "main", "UPSTART_EVENTS", "go");
		(void) rig_emit(r, "halt", "A=3 B=4");
		rig_exit(r, "web", "main", 0);
		rig_assert_env(r, "web", "post-stop", "A", "3");
		rig_assert_env(r, "web", "post-stop", "B", i == 0 ? "4" : NULL);
		rig_assert_env(r, "web", "post-stop", "UPSTART_STOP_EVENTS", "halt");
	}
}

static void
test_import_of_requests_and_instance_names(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct rig *r = with(state, both[i]);

		(void) rig_define(r, "tty", "instance ${N:-none}\nexec x\n");
		(void) rig_define(r, "tap", "instance ${N:-none}\nimport N\nexec x\n");
		(void) rig_start(r, "tty", "N=1 V=2");
		(void) rig_start(r, "tap", "N=1 V=2");
		rig_settle(r);
		rig_assert_state(r, i == 0 ? "tty/1" : "tty/none", "start/running");
		rig_assert_state(r, "tap/1", "start/running");
		rig_assert_env(r, "tap/1", "main", "V", i == 0 ? "2" : NULL);
		(void) rig_restart(r, "tap", "N=1 V=3");
		rig_settle(r);
		rig_assert_env(r, "tap/1", "main", "V", i == 0 ? "3" : NULL);
	}
}

/* What a job exports it exports to whoever imports it; what init says of it always arrives. */
static void
test_import_of_job_events(void **state)
{
	struct rig *r = with(state, CORE_POLICY_IMPORT_LISTED);

	(void) rig_define(r, "a", "export X Y\nenv X=1\nenv Y=2\nexec x\n");
	(void) rig_define(r, "b", "start on stopped a\nimport X\nexec x\n");
	rig_rule(r, "a", "main", "exit 3", false);
	(void) rig_start(r, "a", NULL);
	rig_settle(r);
	rig_assert_env(r, "b", "main", "X", "1");
	rig_assert_env(r, "b", "main", "Y", NULL);
	rig_assert_env(r, "b", "main", "JOB", "a");
	rig_assert_env(r, "b", "main", "INSTANCE", "");
	rig_assert_env(r, "b", "main", "RESULT", "failed");
	rig_assert_env(r, "b", "main", "EXIT_STATUS", "3");
}

/* RESULT of `stopped` after the main process of that text ended with `status`. */
static void
result_is(struct rig *r, const char *text, int32_t status, const char *result)
{
	(void) rig_define(r, "web", text);
	(void) rig_define(r, "see", "start on stopped web\nexec x\n");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_exit(r, "web", "main", status);
	rig_settle(r);
	rig_assert_env(r, "see", "main", "RESULT", result);
	(void) rig_stop(r, "see", NULL);
	rig_exit(r, "see", "main", 0);
	rig_settle(r);
}

static void
test_zero_exit(void **state)
{
	struct rig *r = with(state, 0);

	result_is(r, "exec x\n", 0, "ok");
	result_is(r, "task\nexec x\n", 0, "ok");
	result_is(r, "exec x\n", 1, "failed");
	r = with(state, CORE_POLICY_ZERO_EXIT_FAILS);
	result_is(r, "exec x\n", 0, "failed");
	result_is(r, "normal exit 0\nexec x\n", 0, "ok");
	result_is(r, "normal exit 1\nexec x\n", 0, "failed");
	result_is(r, "normal exit 1\nexec x\n", 1, "ok");
	result_is(r, "task\nexec x\n", 0, "ok");
}

/* One that was told to stop has not failed, whatever the rules. */
static void
test_zero_exit_of_a_stopped_job(void **state)
{
	struct rig *r = with(state, CORE_POLICY_ZERO_EXIT_FAILS);

	(void) rig_define(r, "web", "exec x\n");
	(void) rig_define(r, "see", "start on stopped web\nexec x\n");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	rig_settle(r);
	rig_assert_env(r, "see", "main", "RESULT", "ok");
}

static void
test_unequal_to_what_is_absent(void **state)
{
	struct rig *r = with(state, 0);

	(void) rig_define(r, "web", "start on go X!=1\nexec x\n");
	(void) rig_emit(r, "go", "Y=1");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	r = with(state, CORE_POLICY_ABSENT_IS_UNEQUAL);
	(void) rig_define(r, "web", "start on go X!=1\nstop on halt X!=1\nexec x\n");
	(void) rig_emit(r, "go", "X=1");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	(void) rig_emit(r, "go", "Y=1");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_emit(r, "halt", "X=1");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_emit(r, "halt", NULL);
	rig_exit(r, "web", "main", 0);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
}

static void
test_profile_that_cannot_be_loaded(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = with(state, i == 0 ? 0 : CORE_POLICY_SECURITY_FAILS);

		(void) rig_define(r, "web", "apparmor load /p\npre-start exec p\nexec x\n");
		(void) rig_define(r, "see", "start on stopped web\nexec x\n");
		rig_rule(r, "web", "security", "exit 1", false);
		(void) rig_start(r, "web", NULL);
		rig_settle(r);
		rig_assert_state(r, "web", i == 0 ? "start/running" : "none");
		if (i == 1)
			rig_assert_env(r, "see", "main", "PROCESS", "security");
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_import_of_events, rig_teardown),
		cmocka_unit_test_teardown(test_import_of_requests_and_instance_names, rig_teardown),
		cmocka_unit_test_teardown(test_import_of_job_events, rig_teardown),
		cmocka_unit_test_teardown(test_zero_exit, rig_teardown),
		cmocka_unit_test_teardown(test_zero_exit_of_a_stopped_job, rig_teardown),
		cmocka_unit_test_teardown(test_unequal_to_what_is_absent, rig_teardown),
		cmocka_unit_test_teardown(test_profile_that_cannot_be_loaded, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
