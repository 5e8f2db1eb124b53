/* SPDX-License-Identifier: MIT */
/*
 * Environments: what a process sees, what events carry, what set-env and its kin change (runtime.md section 4).
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

/* The whole environment of a process, blank separated. */
static void
assert_whole_env(struct rig *r, const char *job, const char *kind, const char *expected)
{
	const struct rig_proc *p = rig_proc(r, job, kind);
	auto_free char *got = NULL;

	assert_non_null(p);
	got = strv_join(p->env, " ");
	assert_string_equal(got, expected);
}

static void
test_job_env_by_hand(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "tty", "env A=class;env TERM=vt;env OWN;env GONE;env B=1;env B=2;instance $N;exec tty");
	(void) rig_start(r, "tty", "N=1 A=given Z=z");
	assert_whole_env(r, "tty/1", "main",
			 "PATH=/bin TERM=vt A=given OWN=of init B=2 N=1 Z=z UPSTART_JOB=tty UPSTART_INSTANCE=1");
}

static void
test_job_env_by_events(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "env A=class;start on x and y;exec web");
	(void) rig_emit(r, "y", "B=y C=y");
	(void) rig_emit(r, "x", "A=x B=x");
	assert_whole_env(r, "web", "main",
			 "PATH=/bin TERM=linux A=x B=y C=y UPSTART_EVENTS=x y UPSTART_JOB=web UPSTART_INSTANCE=");
}

static void
test_job_env_of_sessions(void **state)
{
	struct rig *r = rig_new_session();

	(void) rig_define(r, "web", "pre-start exec a;exec web");
	(void) rig_start(r, "web", NULL);
	assert_whole_env(r, "web", "pre-start",
			 "PATH=/bin TERM=linux UPSTART_JOB=web UPSTART_INSTANCE= UPSTART_SESSION=unix:abstract=/test");
	(void) rig_free(r);
}

/* Stop environment: for pre-stop and post-stop only. */
static void
test_job_env_of_the_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "env A=class;stop on bye or halt;pre-stop exec a;post-stop exec b;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", "A=stop WHY=hand");
	rig_assert_env(r, "web", "pre-stop", "A", "stop");
	rig_assert_env(r, "web", "pre-stop", "WHY", "hand");
	rig_assert_env(r, "web", "pre-stop", "UPSTART_STOP_EVENTS", NULL);
	rig_up(r, "web", "pre-stop");
	rig_exit(r, "web", "pre-stop", 0);
	rig_exit(r, "web", "main", 0);
	rig_assert_env(r, "web", "post-stop", "WHY", "hand");
	rig_settle(r);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_emit(r, "halt", "A=event");
	rig_assert_env(r, "web", "pre-stop", "UPSTART_STOP_EVENTS", "halt");
	rig_assert_env(r, "web", "pre-stop", "A", "event");
	rig_assert_env(r, "web", "pre-stop", "WHY", NULL);
}

/* That of an earlier stop, overtaken by a start, is no one's any more. */
static void
test_job_env_of_the_last_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "pre-start exec a;post-stop exec b;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "pre-start");
	(void) rig_stop(r, "web", "WHY=first");
	(void) rig_start(r, "web", NULL);
	(void) rig_ask(r, INSTANCE_STOP, "web", "", NULL, true);
	rig_exit(r, "web", "pre-start", 0);
	rig_assert_env(r, "web", "post-stop", "WHY", NULL);
	rig_settle(r);
}

static void
test_job_env_respawn_keeps_it(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;post-stop exec a;exec web");
	(void) rig_start(r, "web", "A=1");
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	rig_settle(r);
	rig_assert_env(r, "web", "main", "A", "1");
}

/* Instance.Start of one that is stopping: the old environment is kept. */
static void
test_job_env_of_a_start_by_instance(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "post-stop exec a;exec web");
	(void) rig_start(r, "web", "A=1");
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	(void) rig_start(r, "web", "A=2");
	(void) rig_stop(r, "web", NULL);
	(void) rig_ask(r, INSTANCE_START, "web", "", NULL, true);
	rig_settle(r);
	rig_assert_env(r, "web", "main", "A", "1");
}

static void
test_job_env_exports(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "env A=1;env JOB=mine;export B A;export JOB NONE;export RESULT;exec web");
	rig_show(r, RIG_SIGNALS);
	(void) rig_start(r, "web", "B=2 RESULT=mine");
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	assert_non_null(strstr(r->lines.p, "EventEmitted starting [JOB=web INSTANCE= B=2 A=1]\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted started [JOB=web INSTANCE= B=2 A=1]\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted stopping [JOB=web INSTANCE= RESULT=failed PROCESS=main "
					   "EXIT_STATUS=1 B=2 A=1]\n"));
	assert_non_null(strstr(r->lines.p, "EventEmitted stopped [JOB=web INSTANCE= RESULT=failed PROCESS=main "
					   "EXIT_STATUS=1 B=2 A=1]\n"));
}

/* -- set-env and its kin ---------------------------------------------------------------------- */

static void
set_env(struct rig *r, enum env_action action, const char *job, const char *instance, const char *env, bool replace)
{
	struct input in = { .type = INPUT_SET_ENV };

	in.set_env.request = ++r->requests;
	in.set_env.action = action;
	in.set_env.job = job != NULL ? strdup(job) : NULL;
	in.set_env.instance = instance != NULL ? strdup(instance) : NULL;
	in.set_env.env = rig_words(env);
	in.set_env.replace = replace;
	(void) rig_apply(r, &in);
}

static void
unset_names_of_none(struct rig *r)
{
	struct input in = { .type = INPUT_SET_ENV, .set_env = { .request = ++r->requests, .action = ENV_UNSET } };

	assert_int_equal(strv_add(&in.set_env.env, ""), 0);
	assert_int_equal(strv_add(&in.set_env.env, "="), 0);
	assert_int_equal(strv_add(&in.set_env.env, "FOO=2"), 0);
	(void) rig_apply(r, &in);
}

static void
assert_table(struct rig *r, const char *expected)
{
	auto_free char *got = strv_join(core_job_env(r->core), " ");

	assert_string_equal(got, expected);
}

static void
test_job_env_table_is_edited(void **state)
{
	struct rig *r = *state;

	rig_show(r, RIG_REPLIES);
	set_env(r, ENV_SET, NULL, NULL, "FOO=1", true);
	set_env(r, ENV_SET, NULL, NULL, "FOO=2", false); /* there already: kept */
	set_env(r, ENV_SET, NULL, NULL, "EMPTY", true);
	assert_table(r, "PATH=/bin TERM=linux FOO=1 EMPTY=");
	set_env(r, ENV_SET, NULL, NULL, "FOO=2", true);
	set_env(r, ENV_SET, NULL, NULL, "FOOBAR=3", true);
	set_env(r, ENV_UNSET, NULL, NULL, "FOOBAR", true); /* defect 26 of the original took FOO */
	set_env(r, ENV_UNSET, NULL, NULL, "NOT_THERE", true);
	unset_names_of_none(r);
	assert_table(r, "PATH=/bin TERM=linux FOO=2 EMPTY=");
	set_env(r, ENV_RESET, NULL, NULL, NULL, true);
	assert_table(r, "PATH=/bin TERM=linux");
	rig_expect(r,
		   "reply 1 ok\nreply 2 ok\nreply 3 ok\nreply 4 ok\nreply 5 ok\nreply 6 ok\nreply 7 ok\nreply 8 ok\nreply 9 ok\n");
}

static void
test_job_env_empty_variable_is_refused(void **state)
{
	struct rig *r = *state;

	rig_show(r, RIG_REPLIES);
	set_env(r, ENV_SET, NULL, NULL, "=x", true);
	rig_expect(r, "reply 1 error org.freedesktop.DBus.Error.InvalidArgs: Variable may not be empty string\n");
	assert_table(r, "PATH=/bin TERM=linux");
}

/* A table of more would cost whoever starts a job, and could not be told to anybody. */
static void
test_job_env_of_too_many_variables_is_refused(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf many = STRBUF_INIT;

	rig_show(r, RIG_REPLIES);
	for (int i = 0; i < ENV_MAX - 2; i++)
		strbuf_addf(&many, i == 0 ? "V%d=1" : " V%d=1", i);
	set_env(r, ENV_SET, NULL, NULL, many.p, true);
	set_env(r, ENV_SET, NULL, NULL, "ONE_MORE=1", true);
	set_env(r, ENV_SET, NULL, NULL, many.p, true); /* they are there already */
	set_env(r, ENV_SET, NULL, NULL, "V1=2", true);
	set_env(r, ENV_UNSET, NULL, NULL, "V1", true);
	set_env(r, ENV_SET, NULL, NULL, "ONE_MORE=1", true);
	rig_expect(r, "reply 1 ok\n"
		      "reply 2 error org.freedesktop.DBus.Error.LimitsExceeded: More than 4096 variables\n"
		      "reply 3 ok\nreply 4 ok\nreply 5 ok\nreply 6 ok\n");
}

/* Set and unset reach what lives, a reset does not. */
static void
test_job_env_global_change_reaches_instances(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	set_env(r, ENV_SET, NULL, NULL, "FOO=1", true);
	rig_exit(r, "web", "main", 1);
	rig_assert_env(r, "web", "main", "FOO", "1");
	rig_settle(r);
	set_env(r, ENV_RESET, NULL, NULL, NULL, true);
	rig_exit(r, "web", "main", 1);
	rig_assert_env(r, "web", "main", "FOO", "1");
	rig_settle(r);
	set_env(r, ENV_UNSET, NULL, NULL, "FOO", true);
	rig_exit(r, "web", "main", 1);
	rig_assert_env(r, "web", "main", "FOO", NULL);
	(void) rig_define(r, "new", "exec new");
	(void) rig_start(r, "new", NULL);
	rig_assert_env(r, "new", "main", "FOO", NULL);
}

static void
test_job_env_of_one_instance(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "tty", "respawn;instance $N;env A=class;exec tty");
	(void) rig_start(r, "tty", "N=1");
	(void) rig_start(r, "tty", "N=2");
	rig_settle(r);
	set_env(r, ENV_SET, "tty", "1", "FOO=1", true);
	rig_exit(r, "tty/1", "main", 1);
	rig_exit(r, "tty/2", "main", 1);
	rig_assert_env(r, "tty/1", "main", "FOO", "1");
	rig_assert_env(r, "tty/2", "main", "FOO", NULL);
	assert_table(r, "PATH=/bin TERM=linux");
	rig_settle(r);
	set_env(r, ENV_RESET, "tty", "1", NULL, true); /* to what the class says */
	rig_exit(r, "tty/1", "main", 1);
	assert_whole_env(r, "tty/1", "main", "PATH=/bin TERM=linux A=class UPSTART_JOB=tty UPSTART_INSTANCE=1");
}

static void
test_job_env_of_unknown_ones(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "tty", "instance $N");
	rig_show(r, RIG_REPLIES);
	set_env(r, ENV_SET, "no-such", "", "A=1", true);
	set_env(r, ENV_UNSET, "tty", "7", "A", true);
	rig_expect(r, "reply 1 error UnknownJob: Unknown job: no-such\n"
		      "reply 2 error UnknownJobInstance: Unknown instance: 7 of job tty\n");
}

/* What terms of a `while`, and names of instances, say with variables of that table is another thing at once. */
static void
test_job_env_global_change_counts_for_states(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "instance $N;exec bar");
	(void) rig_define(r, "foo", "while bar INSTANCE=$WHICH;exec foo");
	(void) rig_define(r, "per", "instance $WHICH;while bar;exec per");
	(void) rig_emit(r, "startup", NULL);
	set_env(r, ENV_SET, NULL, NULL, "WHICH=1", true);
	(void) rig_start(r, "bar", "N=2");
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	rig_assert_state(r, "per/1", "start/running");
	set_env(r, ENV_SET, NULL, NULL, "WHICH=2", true);
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
	rig_assert_state(r, "per/1", "none");
	rig_assert_state(r, "per/2", "start/running");
	set_env(r, ENV_SET, NULL, NULL, "WHICH=3", false);
	rig_assert_state(r, "foo", "start/running");
	set_env(r, ENV_RESET, NULL, NULL, NULL, true);
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	rig_assert_state(r, "per/2", "none");
}

/* Those that speak of no variable are not even looked at. */
static void
test_job_env_global_change_is_nothing_to_other_states(void **state)
{
	struct rig *r = *state;
	struct core_counts before, after;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "foo", "while bar INSTANCE= and not baz;exec foo");
	(void) rig_emit(r, "startup", NULL);
	core_counts(r->core, &before);
	set_env(r, ENV_SET, NULL, NULL, "WHICH=2", true);
	core_counts(r->core, &after);
	assert_int_equal(after.visits, before.visits);
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_env_by_hand),
		BENCHED(test_job_env_by_events),
		cmocka_unit_test(test_job_env_of_sessions),
		BENCHED(test_job_env_of_the_stop),
		BENCHED(test_job_env_of_the_last_stop),
		BENCHED(test_job_env_respawn_keeps_it),
		BENCHED(test_job_env_of_a_start_by_instance),
		BENCHED(test_job_env_exports),
		BENCHED(test_job_env_table_is_edited),
		BENCHED(test_job_env_empty_variable_is_refused),
		BENCHED(test_job_env_of_too_many_variables_is_refused),
		BENCHED(test_job_env_global_change_reaches_instances),
		BENCHED(test_job_env_global_change_counts_for_states),
		BENCHED(test_job_env_global_change_is_nothing_to_other_states),
		BENCHED(test_job_env_of_one_instance),
		BENCHED(test_job_env_of_unknown_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
