/* SPDX-License-Identifier: MIT */
/*
 * `kill mode tree`: an instance stays in killed until nobody is left that comes from it, or patience ends.
 */
#include "rig.h"

#include <signal.h>
#include <string.h>

#define TERM_AND_CONT "strays web TERM awaited\nstrays web CONT awaited\n"

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
up(struct rig *r, const char *stanzas)
{
	auto_free char *text = str_printf("kill mode tree;exec web;%s", stanzas);

	assert_non_null(text);
	(void) rig_define(r, "web", text);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_show(r, 1u << EFFECT_STRAYS | 1u << EFFECT_KILL | 1u << EFFECT_SPAWN);
	rig_forget(r);
}

static void
sweep_cb(const struct core_sweep *sweep, void *data)
{
	struct input_strays *in = data;

	assert_string_equal(sweep->job, "web");
	assert_string_equal(sweep->instance, "");
	*in = (struct input_strays){ sweep->job_id, sweep->sweep };
}

/* The sweep that is open; its number is 0 when none is. */
static struct input_strays
open_sweep(struct rig *r)
{
	struct input_strays sweep = { 0 };

	core_each_sweep(r->core, sweep_cb, &sweep);
	return sweep;
}

static void
gone(struct rig *r, struct input_strays sweep)
{
	struct input in = { .type = INPUT_STRAYS, .strays = sweep };

	assert_int_equal(rig_apply(r, &in), 0);
}

static void
test_strays_are_waited_for(void **state)
{
	struct rig *r = *state;

	up(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, TERM_AND_CONT "kill web main TERM\nkill web main CONT\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(SIGTERM));
	rig_assert_state(r, "web", "stop/killed");
	gone(r, open_sweep(r));
	rig_assert_state(r, "web", "none");
}

static void
test_strays_that_do_not_end_are_killed_and_then_left(void **state)
{
	struct rig *r = *state;

	up(r, "kill timeout 3");
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	rig_forget(r);
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_expect(r, "");
	rig_pass(r, 1 * USEC_PER_SEC);
	rig_expect(r, "strays web KILL awaited\n");
	rig_assert_state(r, "web", "stop/killed");
	rig_show(r, RIG_LOG);
	rig_pass(r, 5 * USEC_PER_SEC);
	rig_expect(r, "log warn web has left processes that do not end, going on without them\n");
	rig_assert_state(r, "web", "none");
}

/* They have the same time as main, not more. */
static void
test_strays_of_a_main_that_had_to_be_killed(void **state)
{
	struct rig *r = *state;

	up(r, "kill timeout 3");
	(void) rig_stop(r, "web", NULL);
	rig_forget(r);
	rig_pass(r, 3 * USEC_PER_SEC);
	rig_expect(r, "kill web main KILL\nstrays web KILL awaited\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(SIGKILL));
	rig_assert_state(r, "web", "stop/killed");
	gone(r, open_sweep(r));
	rig_assert_state(r, "web", "none");
}

static void
test_strays_without_a_kill_timeout(void **state)
{
	struct rig *r = *state;

	up(r, "kill timeout 0");
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "strays web TERM awaited\nstrays web KILL awaited\nkill web main TERM\nkill web main KILL\n");
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(SIGKILL));
	rig_assert_state(r, "web", "stop/killed");
	rig_pass(r, 5 * USEC_PER_SEC);
	rig_assert_state(r, "web", "none");
}

static void
test_strays_of_a_main_that_died(void **state)
{
	struct rig *r = *state;

	up(r, "respawn");
	rig_exit(r, "web", "main", 1);
	rig_expect(r, TERM_AND_CONT);
	rig_assert_state(r, "web", "start/killed");
	gone(r, open_sweep(r));
	rig_expect(r, "spawn web main\n");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

static void
test_strays_that_are_gone_before_main(void **state)
{
	struct rig *r = *state;

	up(r, "");
	(void) rig_stop(r, "web", NULL);
	gone(r, open_sweep(r));
	rig_assert_state(r, "web", "stop/killed");
	rig_exit(r, "web", "main", 0);
	rig_assert_state(r, "web", "none");
}

static void
test_strays_of_another_time_are_no_news(void **state)
{
	struct rig *r = *state;
	struct input_strays old, now;

	up(r, "respawn");
	rig_exit(r, "web", "main", 1);
	old = open_sweep(r);
	gone(r, old);
	rig_settle(r);
	rig_exit(r, "web", "main", 1);
	gone(r, old);
	rig_assert_state(r, "web", "start/killed");
	now = open_sweep(r);
	now.job_id++;
	gone(r, now);
	rig_assert_state(r, "web", "start/killed");
	gone(r, open_sweep(r));
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	gone(r, (struct input_strays){ now.job_id - 1, 0 });
	rig_assert_state(r, "web", "start/running");
}

static void
test_strays_of_hooks(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "kill mode tree;pre-start exec a;post-start exec b;exec web;post-stop exec c");
	rig_show(r, 1u << EFFECT_STRAYS);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "strays web TERM\nstrays web CONT\nstrays web TERM of a hook\nstrays web CONT of a hook\n");
	rig_exit(r, "web", "main", 0);
	rig_expect(r, TERM_AND_CONT);
	gone(r, open_sweep(r));
	rig_settle(r);
	rig_expect(r, "strays web TERM\nstrays web CONT\n");
	rig_assert_state(r, "web", "none");
}

static void
test_strays_are_let_be_by_default(void **state)
{
	struct rig *r = *state;

	up(r, "kill mode group");
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	rig_expect(r, "kill web main TERM\nkill web main CONT\n");
	rig_assert_state(r, "web", "none");
}

/* What waits, waits on in a core that is made of what this one saved. */
static void
test_strays_are_in_snapshots(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct input_strays before, after = { 0 };
	struct core *again = NULL;

	up(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
	before = open_sweep(r);
	core_save(r->core, &b);
	assert_int_equal(core_load(b.p, b.len, &r->config, &again), 0);
	core_each_sweep(again, sweep_cb, &after);
	assert_int_equal(after.sweep, before.sweep);
	assert_int_equal(after.job_id, before.job_id);
	again = core_free(again);
}

int
main(void)
{
#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		BENCHED(test_strays_are_waited_for),
		BENCHED(test_strays_that_do_not_end_are_killed_and_then_left),
		BENCHED(test_strays_of_a_main_that_had_to_be_killed),
		BENCHED(test_strays_without_a_kill_timeout),
		BENCHED(test_strays_of_a_main_that_died),
		BENCHED(test_strays_that_are_gone_before_main),
		BENCHED(test_strays_of_another_time_are_no_news),
		BENCHED(test_strays_of_hooks),
		BENCHED(test_strays_are_let_be_by_default),
		BENCHED(test_strays_are_in_snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
