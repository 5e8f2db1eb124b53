/* SPDX-License-Identifier: MIT */
/*
 * What main processes say of themselves: that they are ready, another is main, how they are; and the watchdog.
 */
#include "rig.h"

#include <signal.h>
#include <string.h>

#define OTHER 1101 /* as a child of it would be called */

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

static struct input_said
said(struct rig *r, uint32_t what)
{
	struct rig_proc *p = rig_proc(r, "web", "main");

	assert_non_null(p);
	return (struct input_said){ .process = p->id, .what = what };
}

static void
say_all(struct rig *r, const struct input_said *s)
{
	struct input in = { .type = INPUT_SAID, .said = *s };

	in.said.status = s->status != NULL ? strdup(s->status) : NULL;
	assert_int_equal(rig_apply(r, &in), 0);
}

static void
say(struct rig *r, uint32_t what)
{
	const struct input_said s = said(r, what);

	say_all(r, &s);
}

/* The job is asked for, and its program runs. */
static void
begin(struct rig *r, const char *stanzas)
{
	auto_free char *text = str_printf("%s;exec web", stanzas);

	assert_non_null(text);
	(void) rig_define(r, "web", text);
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_assert_state(r, "web", "start/spawned");
}

static struct core_instance
view(struct rig *r)
{
	struct core_instance v;

	assert_int_equal(core_instance(r->core, "web", "", &v), 0);
	return v;
}

/* -- pid files ------------------------------------------------------------------------------------ */

static void
name_main(struct rig *r, int32_t pid)
{
	struct input_said s = said(r, SAID_MAIN | SAID_READY);

	s.main_pid = pid;
	say_all(r, &s);
}

/* The first process may end, and whoever the file names is main, if it is one of the family. */
static void
test_said_by_a_file_who_is_main(void **state)
{
	struct rig *r = *state;

	begin(r, "expect pidfile /run/web.pid");
	rig_family(r, "web", "1!");
	rig_family(r, "web", "1>2");
	name_main(r, 4711);
	rig_assert_state(r, "web", "start/spawned");
	rig_family(r, "web", "1.");
	rig_assert_state(r, "web", "start/spawned");
	rig_pass(r, 1000 * USEC_PER_SEC);
	rig_assert_state(r, "web", "start/spawned");
	name_main(r, OTHER);
	rig_assert_state(r, "web", "start/running");
	assert_int_equal(rig_main(r, "web"), 2);
	name_main(r, OTHER);
	rig_pass(r, 10 * USEC_PER_SEC);
	rig_assert_state(r, "web", "start/running");
}

static void
test_said_by_a_file_that_it_is_the_first(void **state)
{
	struct rig *r = *state;

	begin(r, "expect pidfile /run/web.pid");
	rig_family(r, "web", "1!");
	name_main(r, 101);
	rig_assert_state(r, "web", "start/running");
	assert_int_equal(rig_main(r, "web"), 1);
}

static void
test_said_by_no_file_fails_the_start(void **state)
{
	static const struct {
		const char *stanzas, *scripts[4];
		const char *state;
	} cases[] = {
		{ "", { "1!", "1>2", "1.3" }, "stop/killed" },
		{ "", { "1!", "1." }, "none" },
		{ "", { "1!", "1>2", "1.", "2." }, "none" },
		{ "expect timeout 5;", { "1!", "1>2", "1.", "+6" }, "stop/killed" },
		{ "expect timeout 5;", { "1!", "+6" }, "stop/killed" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *stanzas = str_printf("%sexpect pidfile /run/web.pid", cases[i].stanzas);
		struct rig *r = rig_new();

		begin(r, stanzas);
		for (size_t k = 0; k < ARRAY_SIZE(cases[i].scripts) && cases[i].scripts[k] != NULL; k++)
			rig_family(r, "web", cases[i].scripts[k]);
		rig_assert_state(r, "web", cases[i].state);
		(void) rig_free(r);
	}
}

/* -- readiness ----------------------------------------------------------------------------------- */

static void
test_said_ready_starts_the_job(void **state)
{
	static const char *const modes[] = { "expect notify", "expect fd 3" };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct rig *r = *state;

		begin(r, modes[i]);
		rig_show(r, RIG_WORK | RIG_REPLIES);
		say(r, SAID_STATUS | SAID_ALIVE);
		rig_assert_state(r, "web", "start/spawned");
		say(r, SAID_READY);
		rig_assert_state(r, "web", "start/running");
		say(r, SAID_READY);
		rig_exit(r, "web", "main", 0);
		rig_assert_state(r, "web", "none");
	}
}

static void
test_said_before_the_program_runs_is_not_heard(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect notify;exec web");
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	say(r, SAID_READY);
	rig_executed(r, "web", "main");
	rig_assert_state(r, "web", "start/spawned");
}

static void
test_said_nothing_any_more_fails_the_start(void **state)
{
	struct rig *r = *state;

	begin(r, "expect fd 3");
	rig_show(r, RIG_WORK | RIG_REPLIES | RIG_LOG);
	say(r, SAID_NOTHING);
	rig_expect(r, "log warn web main process (101) has closed what it is to say on that it is ready\n"
		      "reply 1 error JobFailed: Job failed to start\n"
		      "kill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_assert_state(r, "web", "stop/killed");
	say(r, SAID_NOTHING | SAID_READY);
	rig_expect(r, "");
}

static void
test_said_nothing_any_more_is_nothing_when_ready(void **state)
{
	struct rig *r = *state;

	begin(r, "expect fd 3");
	say(r, SAID_READY);
	say(r, SAID_NOTHING);
	rig_assert_state(r, "web", "start/running");
}

/* A job that expects something else has no means to say anything; whoever does is not heard. */
static void
test_said_ready_is_nothing_to_other_modes(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "expect fork;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	say(r, SAID_READY);
	rig_assert_state(r, "web", "start/spawned");
}

static void
test_said_more_time_puts_off_the_limit(void **state)
{
	struct rig *r = *state;
	struct input_said s;

	begin(r, "expect notify;expect timeout 10");
	s = said(r, SAID_EXTEND);
	s.extend = 20 * USEC_PER_SEC;
	say_all(r, &s);
	s.extend = 1; /* never sooner */
	say_all(r, &s);
	rig_pass(r, 19 * USEC_PER_SEC);
	rig_assert_state(r, "web", "start/spawned");
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_assert_state(r, "web", "stop/killed");
}

static void
test_said_more_time_puts_off_the_kill(void **state)
{
	struct rig *r = *state;
	struct input_said s;

	begin(r, "expect notify;kill timeout 5");
	say(r, SAID_READY);
	(void) rig_stop(r, "web", NULL);
	rig_assert_state(r, "web", "stop/killed");
	s = said(r, SAID_EXTEND | SAID_STOPPING);
	s.extend = 60 * USEC_PER_SEC;
	say_all(r, &s);
	assert_int_equal(view(r).doing, CORE_DOING_STOPPING);
	rig_show(r, 1u << EFFECT_KILL);
	rig_pass(r, 59 * USEC_PER_SEC);
	rig_expect(r, "");
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_expect(r, "kill web main KILL\n");
	s.extend = 1000 * USEC_PER_SEC; /* too late */
	say_all(r, &s);
	rig_expect(r, "");
}

/* -- who and how ------------------------------------------------------------------------------------ */

static void
test_said_another_is_main(void **state)
{
	struct rig *r = *state;
	struct input_said s;
	struct input in = { .type = INPUT_EXITED, .exited = { 101, 0 } };

	begin(r, "expect notify");
	s = said(r, SAID_MAIN | SAID_READY);
	s.main_pid = OTHER;
	say_all(r, &s);
	rig_assert_state(r, "web", "start/running");
	assert_int_equal(view(r).processes[0].pid, OTHER);
	/* The old one is nobody's any more. */
	assert_int_equal(rig_apply(r, &in), 0);
	rig_assert_state(r, "web", "start/running");
	in = (struct input){ .type = INPUT_EXITED, .exited = { OTHER, 0 } };
	assert_int_equal(rig_apply(r, &in), 0);
	rig_assert_state(r, "web", "none");
}

static void
test_said_main_of_another_job_is_not_taken(void **state)
{
	struct rig *r = *state;
	struct input_said s;

	(void) rig_define(r, "other", "exec other");
	(void) rig_start(r, "other", NULL);
	rig_up(r, "other", "main");
	begin(r, "expect notify");
	s = said(r, SAID_MAIN);
	s.main_pid = rig_proc(r, "other", "main")->pid;
	say_all(r, &s);
	s.main_pid = -1;
	say_all(r, &s);
	assert_int_equal(view(r).processes[0].pid, rig_proc(r, "web", "main")->pid);
}

static void
test_said_status_is_kept_until_the_next_process(void **state)
{
	struct rig *r = *state;
	struct input_said s;

	begin(r, "expect notify;respawn");
	s = said(r, SAID_READY | SAID_STATUS | SAID_RELOADING);
	s.status = (char *) (uintptr_t) "busy";
	say_all(r, &s);
	assert_string_equal(view(r).status, "busy");
	assert_int_equal(view(r).doing, CORE_DOING_NOTHING); /* ready is the end of it */
	say(r, SAID_RELOADING);
	assert_int_equal(view(r).doing, CORE_DOING_RELOADING);
	assert_string_equal(view(r).status, "busy");
	rig_exit(r, "web", "main", 1);
	rig_assert_state(r, "web", "start/spawned");
	assert_null(view(r).status);
	assert_int_equal(view(r).doing, CORE_DOING_NOTHING);
}

/* -- the watchdog ------------------------------------------------------------------------------------ */

static void
test_watchdog_bites_who_says_nothing(void **state)
{
	struct rig *r = *state;

	begin(r, "expect notify;watchdog 10;respawn;kill timeout 5");
	rig_pass(r, 100 * USEC_PER_SEC); /* not while it gets ready */
	rig_assert_state(r, "web", "start/spawned");
	say(r, SAID_READY);
	for (int i = 0; i < 5; i++) {
		rig_pass(r, 9 * USEC_PER_SEC);
		say(r, SAID_ALIVE);
	}
	rig_show(r, RIG_LOG | 1u << EFFECT_KILL | 1u << EFFECT_SPAWN);
	rig_pass(r, 9 * USEC_PER_SEC);
	rig_expect(r, "");
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_expect(r, "log warn web main process (101) has not said in time that it is well, killing it\n"
		      "kill web main ABRT\nkill web main CONT\n");
	say(r, SAID_ALIVE); /* too late */
	rig_pass(r, 6 * USEC_PER_SEC);
	rig_expect(r, "kill web main KILL\n");
	/* However it ends, it has failed. */
	rig_exit(r, "web", "main", 0);
	rig_expect(r, "log warn web main process ended, respawning\nspawn web main\n");
}

static void
test_watchdog_without_respawn_fails_the_job(void **state)
{
	struct rig *r = *state;

	begin(r, "expect notify;watchdog 10;task");
	say(r, SAID_READY);
	rig_show(r, RIG_SIGNALS);
	say(r, SAID_SICK);
	rig_exit(r, "web", "main", 0);
	assert_non_null(strstr(r->lines.p, "Failed"));
	rig_assert_state(r, "web", "none");
}

static void
test_watchdog_period_is_what_it_says(void **state)
{
	struct rig *r = *state;
	struct input_said s;

	begin(r, "expect notify");
	say(r, SAID_READY);
	rig_pass(r, 1000 * USEC_PER_SEC);
	s = said(r, SAID_WATCHDOG);
	s.watchdog = 3 * USEC_PER_SEC;
	say_all(r, &s);
	rig_show(r, 1u << EFFECT_KILL);
	rig_pass(r, 2 * USEC_PER_SEC);
	s.watchdog = 0;
	say_all(r, &s);
	rig_pass(r, 1000 * USEC_PER_SEC);
	rig_expect(r, "");
	s.watchdog = 3 * USEC_PER_SEC;
	say_all(r, &s);
	rig_pass(r, 4 * USEC_PER_SEC);
	rig_expect(r, "kill web main ABRT\nkill web main CONT\n");
}

static void
test_watchdog_rests_while_it_is_stopped(void **state)
{
	struct rig *r = *state;

	begin(r, "expect notify;watchdog 10;kill timeout 60");
	say(r, SAID_READY);
	(void) rig_stop(r, "web", NULL);
	rig_show(r, 1u << EFFECT_KILL);
	rig_pass(r, 30 * USEC_PER_SEC);
	rig_expect(r, "");
}

int
main(void)
{
#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		BENCHED(test_said_by_a_file_who_is_main),
		BENCHED(test_said_by_a_file_that_it_is_the_first),
		BENCHED(test_said_by_no_file_fails_the_start),
		BENCHED(test_said_ready_starts_the_job),
		BENCHED(test_said_before_the_program_runs_is_not_heard),
		BENCHED(test_said_nothing_any_more_fails_the_start),
		BENCHED(test_said_nothing_any_more_is_nothing_when_ready),
		BENCHED(test_said_ready_is_nothing_to_other_modes),
		BENCHED(test_said_more_time_puts_off_the_limit),
		BENCHED(test_said_more_time_puts_off_the_kill),
		BENCHED(test_said_another_is_main),
		BENCHED(test_said_main_of_another_job_is_not_taken),
		BENCHED(test_said_status_is_kept_until_the_next_process),
		BENCHED(test_watchdog_bites_who_says_nothing),
		BENCHED(test_watchdog_without_respawn_fails_the_job),
		BENCHED(test_watchdog_period_is_what_it_says),
		BENCHED(test_watchdog_rests_while_it_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
