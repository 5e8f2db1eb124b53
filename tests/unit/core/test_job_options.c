/* SPDX-License-Identifier: MIT */
/*
 * Events with options (core/input.h): compared as they are written, for some alone, with several descriptors.
 */
#include "rig.h"

#include "common/env.h"

static int
setup(void **state)
{
	*state = rig_new();
	return 0;
}

/* With `classes` and `instances` NULL for all, words else. */
static void
emit(struct rig *r, const char *name, const char *env, bool literal, const char *classes, const char *instances)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	in.emit.env = rig_words(env);
	in.emit.literal = literal;
	in.emit.only = classes != NULL || instances != NULL;
	in.emit.classes = rig_words(classes);
	in.emit.instances = rig_words(instances);
	assert_int_equal(rig_apply(r, &in), 0);
	rig_settle(r);
}

static const struct {
	const char *condition, *env;
	bool plain, literal;
} matches[] = {
	{ "e A=x", "A=x", true, true },
	{ "e A=x*", "A=xyz", true, false },
	{ "e A=x*", "A=x*", true, true },
	{ "e A=[ab]", "A=a", true, false },
	{ "e A=[ab]", "A=[ab]", false, true },
	{ "e A=$V", "A=v", true, false },
	{ "e A=$V", "A=$V", false, true },
	{ "e A=$NONE", "A=$NONE", false, true },
	{ "e A=${V", "A=${V", false, true },
	{ "e 0*3", "A=0*3", true, true },
	{ "e 0*3", "A=0xx3", true, false },
	{ "e A!=x*", "A=xyz", false, true },
	{ "e A!=x*", "A=x*", false, false },
	{ "e A!=$NONE", "A=1", false, true },
	{ "e B=1", "A=1", false, false },
	{ "e B!=1", "A=1", false, false },
	{ "e", "A=1", true, true },
	{ "other A=x", "A=x", false, false },
};

static void
test_job_options_literal(void **state)
{
	(void) state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(matches); i++) {
		struct rig *r = rig_new();
		bool literal = i % 2 == 1, want = literal ? matches[i / 2].literal : matches[i / 2].plain;
		auto_free char *text = str_printf("env V=v;start on %s;exec web", matches[i / 2].condition);

		assert_non_null(text);
		(void) rig_define(r, "web", text);
		emit(r, "e", matches[i / 2].env, literal, NULL, NULL);
		if ((core_instance(r->core, "web", "", &(struct core_instance) { 0 }) == 0) != want)
			fail_msg("%s, %s: %s expected", matches[i / 2].condition, matches[i / 2].env,
				 want ? "a match" : "no match");
		(void) rig_free(r);
	}
}

static void
test_job_options_only_a_class_starts(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on e;exec x");
	(void) rig_define(r, "b", "start on e;exec x");
	(void) rig_define(r, "c", "start on e;exec x");
	emit(r, "e", NULL, false, "c none a a", NULL);
	rig_assert_state(r, "a", "start/running");
	rig_assert_state(r, "b", "none");
	rig_assert_state(r, "c", "start/running");
}

static void
test_job_options_only_nobody(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on e;exec x");
	emit(r, "e", NULL, false, "", "");
	rig_assert_state(r, "a", "none");
}

static void
test_job_options_class_stands_for_its_instances(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "tty", "instance $N;start on up;stop on down;exec x");
	(void) rig_define(r, "web", "start on up;stop on down;exec x");
	emit(r, "up", "N=1", false, NULL, NULL);
	emit(r, "up", "N=2", false, "tty", NULL);
	emit(r, "down", NULL, false, "tty", NULL);
	rig_assert_state(r, "tty/1", "none");
	rig_assert_state(r, "tty/2", "none");
	rig_assert_state(r, "web", "start/running");
}

static void
test_job_options_only_an_instance_stops(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "tty", "instance $N;start on up or down;stop on down;exec x");
	(void) rig_define(r, "web", "start on up;stop on down;exec x");
	emit(r, "up", "N=1", false, NULL, NULL);
	emit(r, "up", "N=2", false, NULL, NULL);
	emit(r, "down", "N=3", false, NULL, "tty 2 tty 4 none x");
	rig_assert_state(r, "tty/1", "start/running");
	rig_assert_state(r, "tty/2", "none");
	rig_assert_state(r, "tty/3", "none"); /* the start on is the class's */
	rig_assert_state(r, "web", "start/running");
	emit(r, "down", NULL, false, NULL, "web _");
	rig_assert_state(r, "web", "start/running"); /* its name is "", not "_" */
}

/* A job of which both parts hear it stops first, as with an event for all. */
static void
test_job_options_order_is_that_of_every_event(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "start on e;stop on e;exec x");
	(void) rig_define(r, "b", "start on e;stop on e;exec x");
	emit(r, "e", NULL, false, NULL, NULL);
	rig_show(r, 1u << EFFECT_KILL | 1u << EFFECT_SPAWN);
	emit(r, "e", NULL, false, "b a", NULL);
	rig_expect(r, "kill a main TERM\n"
		      "kill a main CONT\n"
		      "kill b main TERM\n"
		      "kill b main CONT\n"
		      "spawn a main\n"
		      "spawn b main\n");
}

/* It is held like any other, and its options are kept over a snapshot. */
static void
test_job_options_half_true_and_saved(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	struct core *again = NULL;

	(void) rig_define(r, "a", "start on e A=* and f;exec x");
	emit(r, "e", "A=*", true, "a", NULL);
	rig_assert_state(r, "a", "none");
	core_save(r->core, &saved);
	assert_false(saved.failed);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &again), 0);
	(void) core_free(r->core);
	r->core = again;
	emit(r, "f", NULL, false, "b", NULL);
	rig_assert_state(r, "a", "none");
	emit(r, "f", NULL, false, "a", NULL);
	rig_assert_state(r, "a", "start/running");
	rig_assert_env(r, "a", "main", "UPSTART_EVENTS", "e f");
}

static void
test_job_options_patterns_know_whose_they_are(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "env UPSTART_JOB=wrong;start on go FOR=$UPSTART_JOB;stop on end JOB=$UPSTART_JOB;exec x");
	(void) rig_define(r, "tty", "instance $N;start on go N=*;stop on end INSTANCE=$UPSTART_INSTANCE;exec x");
	(void) rig_define(r, "one", "start on go X=$UPSTART_INSTANCE;exec x");
	emit(r, "go", "FOR=wrong N=1", false, NULL, NULL);
	emit(r, "go", "FOR=x N=2 X=", false, NULL, NULL);
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "one", "none"); /* which instance it is to be is not known before */
	emit(r, "go", "FOR=web", false, NULL, NULL);
	rig_assert_state(r, "web", "start/running");
	emit(r, "end", "INSTANCE=2 JOB=tty", false, NULL, NULL);
	rig_assert_state(r, "tty/1", "start/running");
	rig_assert_state(r, "tty/2", "none");
	rig_assert_state(r, "web", "start/running");
	emit(r, "end", "JOB=web", false, NULL, NULL);
	rig_assert_state(r, "web", "none");
}

static void
test_job_options_while_knows_whose_it_is(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "export NEEDED;exec x");
	(void) rig_define(r, "web", "while db NEEDED=$UPSTART_JOB;exec x");
	emit(r, "startup", NULL, false, NULL, NULL);
	(void) rig_start(r, "db", "NEEDED=other");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	(void) rig_stop(r, "db", NULL);
	rig_settle(r);
	(void) rig_start(r, "db", "NEEDED=web");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

static void
emit_files(struct rig *r, const char *name, uint64_t first, uint64_t last)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	in.emit.fd = first;
	for (uint64_t fd = first + 1; fd <= last; fd++)
		assert_int_equal(u64v_add(&in.emit.fds, fd), 0);
	assert_int_equal(rig_apply(r, &in), 0);
}

static void
test_job_options_files_travel_to_the_job(void **state)
{
	struct rig *r = *state;
	const struct rig_proc *p;

	(void) rig_define(r, "web", "start on a and b;exec web");
	rig_show(r, 1u << EFFECT_CLOSE_FD);
	emit_files(r, "a", 4, 6);
	emit_files(r, "b", 7, 7);
	p = rig_proc(r, "web", "main");
	assert_int_equal(p->fds.n, 8); /* pairs: handle, number in the job */
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(p->fds.p[2 * i], 4 + i);
	rig_assert_env(r, "web", "main", "UPSTART_FDS", "3 4 5 6");
	rig_settle(r);
	rig_expect(r, "");
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	rig_expect(r, "close 4\nclose 5\nclose 6\nclose 7\n");
}

static void
test_job_options_files_nobody_wants_are_closed(void **state)
{
	struct rig *r = *state;

	rig_show(r, 1u << EFFECT_CLOSE_FD);
	emit_files(r, "a", 4, 6);
	rig_expect(r, "close 4\nclose 5\nclose 6\n");
	emit_files(r, "", 7, 8);
	rig_expect(r, "close 7\nclose 8\n");
}

/* However many listen, an event for one costs what that one costs. */
static uint64_t
visits_among(size_t n)
{
	struct rig *r = rig_new();
	struct core_counts before, after;

	(void) rig_define(r, "web", "start on time EVERY=1h;exec x");
	for (size_t i = 0; i < n; i++) {
		auto_free char *name = str_printf("j%zu", i);

		(void) rig_define(r, name, "start on time EVERY=1h;exec x");
	}
	core_counts(r->core, &before);
	emit(r, "time", "EVERY=1h", true, "web", NULL);
	core_counts(r->core, &after);
	rig_assert_state(r, "web", "start/running");
	(void) rig_free(r);
	return after.visits - before.visits;
}

static void
test_job_options_only_costs_what_it_names(void **state)
{
	(void) state;
	assert_int_equal(visits_among(2), visits_among(500));
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_options_literal),
		BENCHED(test_job_options_only_a_class_starts),
		BENCHED(test_job_options_only_nobody),
		BENCHED(test_job_options_class_stands_for_its_instances),
		BENCHED(test_job_options_only_an_instance_stops),
		BENCHED(test_job_options_order_is_that_of_every_event),
		BENCHED(test_job_options_half_true_and_saved),
		BENCHED(test_job_options_patterns_know_whose_they_are),
		BENCHED(test_job_options_while_knows_whose_it_is),
		BENCHED(test_job_options_files_travel_to_the_job),
		BENCHED(test_job_options_files_nobody_wants_are_closed),
		cmocka_unit_test(test_job_options_only_costs_what_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
