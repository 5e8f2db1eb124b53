/* SPDX-License-Identifier: MIT */
/*
 * What an input costs does not depend on how many jobs have nothing to do with it. Counted, not measured: what the core
 * says it looked at, and every comparison and look-up that is made meanwhile, whoever makes it.
 */
#include "rig.h"

#include "common/map.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define FEW 100
#define MANY 10000

/* -- counting: the linker puts these in the place of the named ones ------------------------ */

static uint64_t compared;
static bool counting;

int __real_core_apply(struct core *core, struct input *in);
int __wrap_core_apply(struct core *core, struct input *in);
int __real_core_check(const struct core *core, char *why, size_t size);
int __wrap_core_check(const struct core *core, char *why, size_t size);
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __real_fnmatch(const char *pattern, const char *s, int flags);
int __wrap_fnmatch(const char *pattern, const char *s, int flags);
void *__real_map_get(const struct map *m, const char *key);
void *__wrap_map_get(const struct map *m, const char *key);
void *__real_map_get_id(const struct map *m, uint64_t key);
void *__wrap_map_get_id(const struct map *m, uint64_t key);

int
__wrap_core_apply(struct core *core, struct input *in)
{
	int r;

	counting = true;
	r = __real_core_apply(core, in);
	counting = false;
	return r;
}

/* The rig checks after every input, which does cost more with more jobs: left to the end of each scene. */
int
__wrap_core_check(const struct core *core, char *why, size_t size)
{
	(void) core;
	(void) why;
	(void) size;
	return 0;
}

static void
done(struct rig *r)
{
	char why[256];

	if (__real_core_check(r->core, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	(void) rig_free(r);
}

int
__wrap_strcmp(const char *a, const char *b)
{
	compared += counting;
	return __real_strcmp(a, b);
}

int
__wrap_fnmatch(const char *pattern, const char *s, int flags)
{
	compared += counting;
	return __real_fnmatch(pattern, s, flags);
}

void *
__wrap_map_get(const struct map *m, const char *key)
{
	compared += counting;
	return __real_map_get(m, key);
}

void *
__wrap_map_get_id(const struct map *m, uint64_t key)
{
	compared += counting;
	return __real_map_get_id(m, key);
}

/* -- the scene ---------------------------------------------------------------------------------- */

/* Some jobs that what follows is about, among others of all kinds: idle, running, waiting for half a condition. */
static struct rig *
scene(struct rig *(*make)(void), int others)
{
	struct rig *r = make();

	rig_show(r, 0);
	(void) rig_define(r, "web", "start on net-up;stop on net-down;pre-start exec a;exec web");
	(void) rig_define(r, "task", "start on started web;task;exec task");
	(void) rig_define(r, "both", "start on net-up and disk-up;exec both");
	(void) rig_define(r, "foo", "while bar and not baz;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "baz", "exec baz");
	(void) rig_define(r, "crash", "respawn;respawn limit unlimited;exec crash");
	for (int i = 0; i < others; i++) {
		char name[32], text[256];

		(void) snprintf(name, sizeof(name), "other%05d", i);
		if (i % 3 == 0)
			(void) snprintf(text, sizeof(text),
					"start on one-%d and two-%d or started gone%d;stop on three-%d;exec o", i, i, i,
					i);
		else if (i % 3 == 1)
			(void) snprintf(text, sizeof(text), "while other%05d and not no-%d;exec o", i - 1, i);
		else
			(void) snprintf(
			    text, sizeof(text),
			    "start on stopping JOB=gone%d or net-up IFACE=eth%d;stop on stopped RESULT=failed "
			    "JOB=gone%d;exec o",
			    i, i, i);
		(void) rig_define(r, name, text);
	}
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	/* As many instances live in both scenes; what differs is how many definitions there are. */
	for (int i = 2; i < FEW; i += 3) {
		char name[32];

		(void) snprintf(name, sizeof(name), "other%05d", i);
		(void) rig_start(r, name, NULL);
	}
	rig_settle(r);
	return r;
}

/* -- what is done in it ------------------------------------------------------------------------- */

static void
do_unheard_event(struct rig *r)
{
	(void) rig_emit(r, "nobody-listens", "A=1");
}

static void
do_events_of_a_whole_life(struct rig *r)
{
	(void) rig_emit(r, "net-up", "A=1");
	rig_settle(r);
	(void) rig_emit(r, "net-down", NULL);
	rig_settle(r);
}

static void
do_conditions_half_true(struct rig *r)
{
	(void) rig_emit(r, "net-up", NULL);
	(void) rig_emit(r, "disk-up", NULL);
	rig_settle(r);
}

static void
do_start_restart_stop(struct rig *r)
{
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_restart(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
}

static void
do_states_that_change(struct rig *r)
{
	(void) rig_start(r, "bar", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
	(void) rig_start(r, "baz", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	(void) rig_stop(r, "baz", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
}

static void
do_crash_and_respawn(struct rig *r)
{
	(void) rig_start(r, "crash", NULL);
	rig_settle(r);
	rig_exit(r, "crash", "main", 1);
	rig_settle(r);
}

static void
do_definition_that_changes(struct rig *r)
{
	(void) rig_define(r, "web", "start on net-up;exec other");
	rig_undefine(r, "both");
}

static void
do_runlevel(struct rig *r)
{
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=N");
	rig_settle(r);
}

static void
do_exit_of_a_stranger(struct rig *r)
{
	struct input in = { .type = INPUT_EXITED, .exited = { .pid = 99999, .status = 1 } };

	(void) rig_apply(r, &in);
}

static void
do_control_that_is_replaced(struct rig *r)
{
	struct input gone = { .type = INPUT_CONTROL, .control = { false } };
	struct input back = { .type = INPUT_CONTROL, .control = { true } };

	(void) rig_apply(r, &gone);
	(void) rig_apply(r, &back);
}

static void
do_variable_of_all_jobs(struct rig *r)
{
	struct input in = { .type = INPUT_SET_ENV, .set_env = { .request = ++r->requests, .env = rig_words("NEW=1") } };

	(void) rig_apply(r, &in);
}

static void
do_way_down_that_is_called_off(struct rig *r)
{
	(void) rig_emit(r, "runlevel", "RUNLEVEL=0 PREVLEVEL=2");
	rig_settle(r);
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=0");
	rig_settle(r);
}

/* From the word that it goes down, over a job that takes its time and is told of each second, to the end. */
static void
do_machine_that_goes_down(struct rig *r)
{
	struct input rules = { .type = INPUT_SHUTDOWN, .shutdown = { SHUTDOWN_RULES, NULL, 60 * USEC_PER_SEC, false } };
	struct input begin = { .type = INPUT_SHUTDOWN, .shutdown = { .what = SHUTDOWN_BEGIN } };

	rig_rule(r, "bar", "main", "waits", false);
	(void) rig_start(r, "bar", NULL);
	rig_settle(r);
	(void) rig_apply(r, &rules);
	(void) rig_apply(r, &begin);
	rig_settle(r);
	for (int i = 0; i < 3; i++) {
		rig_pass(r, USEC_PER_SEC);
		do_exit_of_a_stranger(r);
	}
	rig_pass(r, 60 * USEC_PER_SEC);
	rig_settle(r);
}

static const struct deed {
	const char *name;
	void (*fn)(struct rig *r);
} deeds[] = {
	{ "an event nobody hears", do_unheard_event },
	{ "events that start and stop a job", do_events_of_a_whole_life },
	{ "events that make a condition true", do_conditions_half_true },
	{ "start, restart, stop", do_start_restart_stop },
	{ "states that change", do_states_that_change },
	{ "a crash", do_crash_and_respawn },
	{ "a definition that changes", do_definition_that_changes },
	{ "a runlevel", do_runlevel },
	{ "the exit of a process that is no job's", do_exit_of_a_stranger },
	{ "a control that is replaced", do_control_that_is_replaced },
	{ "a variable of all jobs", do_variable_of_all_jobs },
	{ "a way down that is called off", do_way_down_that_is_called_off },
	{ "a machine that goes down", do_machine_that_goes_down }, /* the last: nothing is left */
};

struct cost {
	uint64_t visits, compared;
};

static uint64_t
visits_of(const struct rig *r)
{
	struct core_counts counts;

	core_counts(r->core, &counts);
	return counts.visits;
}

static struct cost
cost_of(struct rig *r, void (*fn)(struct rig *r))
{
	uint64_t before = visits_of(r);

	compared = 0;
	fn(r);
	return (struct cost){ visits_of(r) - before, compared };
}

static void
test_cost_does_not_depend_on_the_number_of_jobs(void **state)
{
	struct rig *few = scene(rig_new, FEW), *many = scene(rig_new, MANY);

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
		struct cost a = cost_of(few, deeds[i].fn), b = cost_of(many, deeds[i].fn);

		if (a.visits != b.visits || a.compared != b.compared)
			fail_msg("%s: %lu looked at and %lu compared with %d jobs, %lu and %lu with %d", deeds[i].name,
				 (unsigned long) a.visits, (unsigned long) a.compared, FEW, (unsigned long) b.visits,
				 (unsigned long) b.compared, MANY);
	}
	done(few);
	done(many);
}

/* The counters do count: twice the listeners are twice the work. */
static void
test_cost_grows_with_those_who_listen(void **state)
{
	struct rig *r = scene(rig_new, 0);
	struct cost one, three;

	(void) state;
	(void) rig_define(r, "l1", "start on heard and never;exec l");
	one = cost_of(r, do_unheard_event);
	assert_int_equal(one.visits, 0);
	(void) rig_emit(r, "heard", NULL);
	(void) rig_define(r, "l2", "start on also-heard and never;exec l");
	(void) rig_define(r, "l3", "start on also-heard and never;exec l");
	(void) rig_define(r, "l4", "start on also-heard and never;exec l");
	compared = 0;
	one.visits = visits_of(r);
	(void) rig_emit(r, "heard", NULL);
	one = (struct cost){ visits_of(r) - one.visits, compared };
	compared = 0;
	three.visits = visits_of(r);
	(void) rig_emit(r, "also-heard", NULL);
	three = (struct cost){ visits_of(r) - three.visits, compared };
	assert_true(one.visits > 0 && three.visits == 3 * one.visits);
	assert_true(three.compared > one.compared);
	done(r);
}

static void
acknowledge(struct rig *r, uint32_t target, uint64_t upto)
{
	struct input in = { .type = INPUT_ACK, .ack = { target, upto } };

	assert_int_equal(rig_apply(r, &in), 0);
}

/* An acknowledgement looks at what it takes away, however much is left, before and behind. */
static void
test_cost_of_an_acknowledgement(void **state)
{
	struct rig *r = rig_new();
	uint64_t before, last;

	(void) state;
	acknowledge(r, TARGET_LOCAL, core_last_effect(r->core));
	acknowledge(r, TARGET_CONTROL, core_last_effect(r->core));
	(void) rig_start(r, "nobody", NULL); /* a refusal: one effect, for control */
	last = core_last_effect(r->core);
	for (int i = 0; i < FEW; i++)
		(void) rig_start(r, "nobody", NULL);
	before = visits_of(r);
	acknowledge(r, TARGET_LOCAL, core_last_effect(r->core));
	assert_int_equal(visits_of(r) - before, 0);
	acknowledge(r, TARGET_CONTROL, last);
	assert_int_equal(visits_of(r) - before, 1);
	acknowledge(r, TARGET_CONTROL, core_last_effect(r->core));
	assert_int_equal(visits_of(r) - before, 1 + FEW);
	done(r);
}

static void
do_session_that_ends(struct rig *r)
{
	struct input in = { .type = INPUT_SESSION_END };

	in.session_end.type = strdup("logout");
	assert_int_equal(rig_apply(r, &in), 0);
}

/* A session that ends looks at what lives, not at all that could; and each input meanwhile at what it is about. */
static void
test_cost_of_a_session_that_ends(void **state)
{
	struct rig *few = scene(rig_new_session, FEW), *many = scene(rig_new_session, MANY);
	struct rig *const rigs[] = { few, many };
	struct cost ends[2], costs[2];

	(void) state;
	for (size_t i = 0; i < 2; i++) {
		ends[i] = cost_of(rigs[i], do_session_that_ends);
		costs[i] = cost_of(rigs[i], do_exit_of_a_stranger);
	}
	assert_int_equal(ends[0].visits, ends[1].visits);
	assert_int_equal(ends[0].compared, ends[1].compared);
	assert_int_equal(costs[0].visits, costs[1].visits);
	assert_int_equal(costs[0].compared, costs[1].compared);
	done(few);
	done(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost_does_not_depend_on_the_number_of_jobs),
		cmocka_unit_test(test_cost_grows_with_those_who_listen),
		cmocka_unit_test(test_cost_of_an_acknowledgement),
		cmocka_unit_test(test_cost_of_a_session_that_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
