/* SPDX-License-Identifier: MIT */
/*
 * States of jobs and records of those that follow them, in the corners: what a state says and when it ends, what uses a
 * period of truth up, what is armed by what.
 */
#include "rig.h"

#include "core/explain.h"

#include <stdio.h>
#include <string.h>

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "startup", NULL);
	*state = r;
	return 0;
}

static void
start(struct rig *r, const char *job, const char *env)
{
	(void) rig_start(r, job, env);
	rig_settle(r);
}

static void
stop(struct rig *r, const char *job)
{
	(void) rig_stop(r, job, NULL);
	rig_settle(r);
}

static void
change_state(struct rig *r, enum state_action action, const char *name, const char *env, const char *provider)
{
	struct input in = { .type = INPUT_STATE };

	in.state.request = ++r->requests;
	in.state.action = action;
	in.state.name = strdup(name);
	in.state.env = rig_words(env);
	in.state.caller = provider != NULL ? rig_proc(r, provider, "main")->pid : 0;
	assert_int_equal(rig_apply(r, &in), 0);
	rig_settle(r);
}

/* Down to its `stopping`, which a pre-stop comes before. */
static void
test_level_holds_while_pre_stop_runs(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "pre-stop exec q;exec bar");
	(void) rig_define(r, "foo", "while bar;exec foo");
	start(r, "bar", NULL);
	rig_rule(r, "bar", "pre-stop", "waits", false);
	(void) rig_stop(r, "bar", NULL);
	rig_settle(r);
	rig_assert_state(r, "bar", "stop/pre-stop");
	rig_assert_state(r, "foo", "start/running");
	/* A stop that is taken back was none. */
	(void) rig_start(r, "bar", NULL);
	rig_exit(r, "bar", "pre-stop", 0);
	rig_settle(r);
	rig_assert_state(r, "bar", "start/running");
	rig_assert_state(r, "foo", "start/running");
}

/* What a job exports is in its state as it was when it came up. */
static void
test_level_keeps_what_it_came_up_with(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_SET_ENV };

	(void) rig_define(r, "bar", "export PORT;exec bar");
	(void) rig_define(r, "foo", "while bar PORT=80;exec foo");
	start(r, "bar", "PORT=80");
	rig_assert_state(r, "foo", "start/running");
	in.set_env.request = ++r->requests;
	in.set_env.action = ENV_SET;
	in.set_env.replace = true;
	in.set_env.job = strdup("bar");
	in.set_env.instance = strdup("");
	in.set_env.env = rig_words("PORT=81");
	assert_int_equal(rig_apply(r, &in), 0);
	rig_assert_state(r, "foo", "start/running");
	(void) rig_restart(r, "bar", "PORT=81");
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
}

static void
test_level_of_an_end_is_not_made_by_a_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "done", "while bar/done;exec d");
	(void) rig_define(r, "failed", "while bar/failed;exec f");
	start(r, "bar", NULL);
	stop(r, "bar");
	rig_assert_state(r, "done", "none");
	rig_assert_state(r, "failed", "none");
	start(r, "bar", NULL);
	rig_exit(r, "bar", "main", 0);
	rig_settle(r);
	rig_assert_state(r, "done", "start/running");
	rig_assert_state(r, "failed", "none");
	start(r, "bar", NULL);
	rig_assert_state(r, "done", "none");
	rig_exit(r, "bar", "main", 3);
	rig_settle(r);
	rig_assert_state(r, "done", "none");
	rig_assert_state(r, "failed", "start/running");
}

static void
count_state(const struct core_state *s, void *data)
{
	*(size_t *) data += strcmp(s->name, "many/done") == 0;
}

static void
test_level_of_ends_is_kept_for_the_last(void **state)
{
	struct rig *r = *state;
	size_t n = 0;
	char env[16];

	r->unchecked = true;
	(void) rig_define(r, "many", "instance $N;task;exec m");
	(void) rig_define(r, "first", "while many/done INSTANCE=1;exec f");
	for (unsigned i = 1; i <= 1025; i++) {
		(void) snprintf(env, sizeof(env), "N=%u", i);
		(void) rig_start(r, "many", env);
		(void) snprintf(env, sizeof(env), "many/%u", i);
		rig_up(r, env, "main");
		rig_exit(r, env, "main", 0);
	}
	rig_settle(r);
	assert_int_equal(core_each_state(r->core, (struct span){ NULL, 0 }, count_state, &n), 0);
	assert_int_equal(n, 1024);
	rig_assert_state(r, "first", "none"); /* it was up, until the oldest was forgotten */
}

/* `stop on` disarms what an event must arm, and uses up the period of what arms itself. */
static void
test_level_stop_on_counts_by_how_it_is_armed(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "armed", "start on go;stop on halt;while bar;exec a");
	(void) rig_define(r, "itself", "stop on halt;while bar;exec i");
	(void) rig_emit(r, "go", NULL);
	start(r, "bar", NULL);
	rig_assert_state(r, "armed", "start/running");
	rig_assert_state(r, "itself", "start/running");
	(void) rig_emit(r, "halt", NULL);
	rig_settle(r);
	rig_assert_state(r, "armed", "none");
	rig_assert_state(r, "itself", "none");
	stop(r, "bar");
	start(r, "bar", NULL);
	rig_assert_state(r, "armed", "none");
	rig_assert_state(r, "itself", "start/running");
	(void) rig_emit(r, "go", NULL);
	rig_settle(r);
	rig_assert_state(r, "armed", "start/running");
}

/* So that a `stop on stopping` of what is followed does no harm: the period is over by then. */
static void
test_level_stop_on_without_a_binding_uses_nothing_up(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "foo", "stop on stopping bar;while bar;exec foo");
	for (unsigned i = 0; i < 3; i++) {
		start(r, "bar", NULL);
		rig_assert_state(r, "foo", "start/running");
		stop(r, "bar");
		rig_assert_state(r, "foo", "none");
	}
}

/* A bridge that says after its crash in one step what there is now: what was there before and is still there stays. */
static void
test_level_of_a_provider_that_crashed_does_not_flap(void **state)
{
	struct rig *r = *state;
	int32_t eth0;

	(void) rig_define(r, "bridge", "respawn;exec bridge");
	(void) rig_define(r, "dhcp", "instance $I;while net I=*;exec dhcp");
	start(r, "bridge", NULL);
	change_state(r, STATE_REPLACE, "net", "1 I=eth0 1 I=eth1", "bridge");
	eth0 = rig_proc(r, "dhcp/eth0", "main")->pid;
	rig_exit(r, "bridge", "main", JOB_EXIT_SIGNAL(11));
	rig_settle(r);
	rig_assert_state(r, "dhcp/eth1", "start/running");
	change_state(r, STATE_REPLACE, "net", "1 I=eth2 1 I=eth0", "bridge");
	rig_assert_state(r, "dhcp/eth0", "start/running");
	assert_int_equal(rig_proc(r, "dhcp/eth0", "main")->pid, eth0);
	rig_assert_state(r, "dhcp/eth1", "none");
	rig_assert_state(r, "dhcp/eth2", "start/running");
	rig_pass(r, 30 * USEC_PER_SEC);
	assert_int_equal(rig_proc(r, "dhcp/eth0", "main")->pid, eth0);
	/* A provider that is stopped takes all with it; its stop waits for those that follow. */
	(void) rig_stop(r, "bridge", NULL);
	rig_assert_state(r, "bridge", "stop/stopping");
	rig_settle(r);
	rig_assert_state(r, "dhcp/eth0", "none");
	rig_assert_state(r, "bridge", "none");
	start(r, "bridge", NULL);
	rig_assert_state(r, "dhcp/eth0", "none");
}

static void
test_level_too_many_are_refused(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;

	r->unchecked = true;
	for (unsigned i = 0; i < 65536; i++)
		strbuf_addf(&b, "%s1 N=%u", i > 0 ? " " : "", i);
	change_state(r, STATE_REPLACE, "n", b.p, NULL);
	rig_forget(r);
	change_state(r, STATE_SET, "n", "N=7", NULL); /* is there */
	change_state(r, STATE_SET, "n", "N=x", NULL);
	rig_expect(r, "reply 3 ok\n"
		      "reply 4 error org.freedesktop.DBus.Error.LimitsExceeded: Too many states are set: 65536\n");
	change_state(r, STATE_CLEAR, "n", "N=7", NULL);
	change_state(r, STATE_SET, "n", "N=x", NULL);
	rig_expect(r, "reply 5 ok\nreply 6 ok\n");
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCHED(test_level_holds_while_pre_stop_runs),
		BENCHED(test_level_keeps_what_it_came_up_with),
		BENCHED(test_level_of_an_end_is_not_made_by_a_stop),
		BENCHED(test_level_of_ends_is_kept_for_the_last),
		BENCHED(test_level_stop_on_counts_by_how_it_is_armed),
		BENCHED(test_level_stop_on_without_a_binding_uses_nothing_up),
		BENCHED(test_level_of_a_provider_that_crashed_does_not_flap),
		BENCHED(test_level_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
