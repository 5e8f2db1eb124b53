/* SPDX-License-Identifier: MIT */
/*
 * Definitions and instances: replaced, removed, kept while they live (runtime.md section 8).
 */
#include "rig.h"

#include <errno.h>

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

/* The definition a process runs by. */
static uint64_t
class_of(struct rig *r, const char *job, const char *kind)
{
	const struct rig_proc *p = rig_proc(r, job, kind);

	assert_non_null(p);
	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next)
		if (e->type == EFFECT_SPAWN && e->spawn.process == p->id)
			return e->spawn.class_id;
	fail_msg("the spawn of %s %s is answered already", job, kind);
	return 0;
}

static void
test_job_class_is_told(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "net/web", "exec web");
	rig_expect(r, "sig manager JobAdded <job net/web>\n");
	(void) rig_define(r, "net/web", "exec web2");
	rig_expect(r, "sig manager JobRemoved <job net/web>\nsig manager JobAdded <job net/web>\n");
	rig_undefine(r, "net/web");
	rig_expect(r, "sig manager JobRemoved <job net/web>\n");
	rig_undefine(r, "net/web");
	rig_expect(r, "");
	assert_null(core_class(r->core, "net/web"));
}

static void
test_job_class_names_in_order(void **state)
{
	struct rig *r = *state;
	auto_strv char **none = core_class_names(r->core), **all = NULL;
	auto_free char *joined = NULL;

	assert_non_null(none);
	assert_int_equal(strv_len(none), 0);
	(void) rig_define(r, "zz", "");
	(void) rig_define(r, "aa", "");
	(void) rig_define(r, "mm", "");
	(void) rig_define(r, "zz", "exec zz");
	all = core_class_names(r->core);
	joined = strv_join(all, " ");
	assert_string_equal(joined, "zz aa mm");
	assert_null(core_instance_names(r->core, "nn"));
}

static void
test_job_instances_in_order_of_creation(void **state)
{
	struct rig *r = *state;
	auto_strv char **names = NULL;
	auto_free char *joined = NULL;

	(void) rig_define(r, "tty", "instance $N");
	(void) rig_start(r, "tty", "N=z");
	(void) rig_start(r, "tty", "N=a");
	(void) rig_start(r, "tty", "N=m");
	(void) rig_stop(r, "tty", "N=a");
	(void) rig_start(r, "tty", "N=a");
	names = core_instance_names(r->core, "tty");
	joined = strv_join(names, " ");
	assert_string_equal(joined, "z m a");
}

static void
test_job_instance_name_of_an_environment(void **state)
{
	struct rig *r = *state;
	struct error err = ERROR_INIT;
	char *env[] = { (char *) "N=7", NULL }, *bad[] = { (char *) "N", NULL };
	char *name = NULL;

	(void) rig_define(r, "tty", "instance tty-$N;usage \"N=number\"");
	assert_int_equal(core_instance_name(r->core, "tty", env, &name, &err), 0);
	assert_string_equal(name, "tty-7");
	free(name);
	assert_int_equal(core_instance_name(r->core, "tty", NULL, &name, &err), -EINVAL);
	assert_string_equal(err.text, "Unknown parameter: N\nUsage: N=number");
	assert_string_equal(err.name, ERR_INVALID_ARGS);
	assert_int_equal(core_instance_name(r->core, "tty", bad, &name, &err), -EINVAL);
	assert_string_equal(err.text, "Env must be KEY=VALUE pairs");
	assert_int_equal(core_instance_name(r->core, "web", env, &name, &err), -ENOENT);
}

/* Running, respawned and restarted instances keep the old definition. */
static void
test_job_class_changed_while_running_waits(void **state)
{
	struct rig *r = *state;
	uint64_t old = rig_define(r, "web", "respawn;start on old;pre-stop exec a;exec web"), fresh;

	(void) rig_start(r, "web", NULL);
	assert_int_equal(class_of(r, "web", "main"), old);
	rig_settle(r);
	rig_show(r, RIG_SIGNALS);
	fresh = rig_define(r, "web", "start on new;exec web2");
	rig_expect(r, "");
	assert_int_equal(core_class(r->core, "web")->id, old);
	rig_exit(r, "web", "main", 1);
	assert_int_equal(class_of(r, "web", "main"), old);
	rig_settle(r);
	(void) rig_restart(r, "web", NULL);
	rig_up(r, "web", "pre-stop");
	rig_exit(r, "web", "pre-stop", 0);
	rig_exit(r, "web", "main", 0);
	assert_int_equal(class_of(r, "web", "main"), old);
	rig_settle(r);
	(void) rig_emit(r, "new", NULL);
	rig_forget(r);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "sig manager JobRemoved <job web>\nsig manager JobAdded <job web>\n"));
	assert_int_equal(core_class(r->core, "web")->id, fresh);
	(void) rig_emit(r, "old", NULL);
	rig_assert_state(r, "web", "none");
	(void) rig_emit(r, "new", NULL);
	assert_int_equal(class_of(r, "web", "main"), fresh);
}

static void
test_job_class_with_another_instance_waits_for_all(void **state)
{
	struct rig *r = *state;
	uint64_t old = rig_define(r, "tty", "instance $N;exec tty");

	(void) rig_start(r, "tty", "N=1");
	rig_settle(r);
	(void) rig_define(r, "tty", "instance $N;exec tty2");
	(void) rig_start(r, "tty", "N=2"); /* by the definition that is registered */
	assert_int_equal(class_of(r, "tty/2", "main"), old);
	rig_settle(r);
	(void) rig_stop(r, "tty", "N=1");
	rig_settle(r);
	assert_int_equal(core_class(r->core, "tty")->id, old);
	(void) rig_stop(r, "tty", "N=2");
	rig_settle(r);
	assert_int_not_equal(core_class(r->core, "tty")->id, old);
}

static void
test_job_class_the_last_change_counts(void **state)
{
	struct rig *r = *state;
	uint64_t last;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_define(r, "web", "exec two");
	rig_undefine(r, "web");
	(void) rig_define(r, "web", "exec three");
	last = rig_define(r, "web", "exec four");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_int_equal(core_class(r->core, "web")->id, last);
}

/* Usable until its last instance stops. */
static void
test_job_class_deleted_while_running(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, RIG_SIGNALS | RIG_REPLIES);
	rig_undefine(r, "web");
	rig_expect(r, "");
	(void) rig_restart(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	assert_non_null(strstr(r->lines.p, "sig manager JobRemoved <job web>\n"));
	assert_non_null(strstr(r->lines.p, "reply 3 ok web\n"));
	assert_null(core_class(r->core, "web"));
	rig_forget(r);
	(void) rig_start(r, "web", NULL);
	rig_expect(r, "reply 4 error gone: web\n");
}

/* A reload in the middle of a condition loses no events. */
static void
test_job_class_replaced_keeps_held_events(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a and b;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", "V=1");
	rig_expect(r, "");
	(void) rig_define(r, "web", "start on a and c;exec web2");
	rig_expect(r, "");
	(void) rig_emit(r, "c", NULL);
	rig_assert_env(r, "web", "main", "V", "1");
	rig_assert_env(r, "web", "main", "UPSTART_EVENTS", "a c");
	rig_settle(r);
	rig_expect(r, "reply 1 ok\nreply 2 ok\n");
}

static void
test_job_class_replaced_lets_go_of_events_it_does_not_want(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a K=1 and b;exec web");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", "K=1");
	(void) rig_define(r, "web", "start on a K=2 and b;exec web");
	rig_expect(r, "reply 1 ok\n");
	(void) rig_emit(r, "a", "K=2");
	(void) rig_define(r, "web", "exec web");
	rig_expect(r, "reply 2 ok\n");
	(void) rig_define(r, "web", "start on a and b;exec web");
	(void) rig_emit(r, "a", NULL);
	rig_undefine(r, "web");
	rig_expect(r, "reply 3 ok\n");
}

/* What was half of the old condition is all of the new one: it fires. */
static void
test_job_class_replaced_by_one_that_is_true_starts(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "start on a and b;exec web");
	rig_show(r, RIG_REPLIES | 1u << EFFECT_SPAWN);
	(void) rig_emit(r, "a", NULL);
	(void) rig_define(r, "web", "start on a or c;exec web");
	rig_expect(r, "spawn web main\n");
	rig_settle(r);
	rig_expect(r, "reply 1 ok\n");
}

/* The instance's condition goes with it. */
static void
test_job_instance_gone_lets_go_of_events(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "stop on a and b;exec web");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "a", NULL);
	rig_expect(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "reply 3 ok web\nreply 2 ok\n");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_emit(r, "b", NULL); /* the half that was true is forgotten */
	rig_assert_state(r, "web", "start/running");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_job_class_is_told),
		BENCHED(test_job_class_names_in_order),
		BENCHED(test_job_instances_in_order_of_creation),
		BENCHED(test_job_instance_name_of_an_environment),
		BENCHED(test_job_class_changed_while_running_waits),
		BENCHED(test_job_class_with_another_instance_waits_for_all),
		BENCHED(test_job_class_the_last_change_counts),
		BENCHED(test_job_class_deleted_while_running),
		BENCHED(test_job_class_replaced_keeps_held_events),
		BENCHED(test_job_class_replaced_lets_go_of_events_it_does_not_want),
		BENCHED(test_job_class_replaced_by_one_that_is_true_starts),
		BENCHED(test_job_instance_gone_lets_go_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
