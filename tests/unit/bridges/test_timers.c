/* SPDX-License-Identifier: MIT */
/*
 * The timers of the time bridge.
 */
#include "bridges/timers.h"

#include <errno.h>

#include "unit.h"
#include "world.h"

#define BERLIN_FILE "/usr/share/zoneinfo/Europe/Berlin"

/* -- in ordinary times --------------------------------------------------------------- */

static void
test_every_keeps_its_beat(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "EVERY=15m|COUNT=3");
	pass(w, 14 * MIN);
	expect(w, "");
	pass(w, 2 * HOUR);
	expect(w, "a@28T10:15:00 a@28T10:30:00 a@28T10:45:00 ");
	assert_true(timers_next(&w->timers, TIMERS_BOOT) == UINT64_MAX);
}

static void
test_calendars_fire_in_order(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=30 * * * *");
	(void) add(w, "b", "CALENDAR=*:00,30");
	(void) add(w, "c", "AT=12:15");
	(void) add(w, "d", "AT=2024-03-28T11:45:00+01:00");
	pass(w, 2 * HOUR + 20 * MIN);
	/* Those that are due at once come one after the other. */
	assert_non_null(strstr(w->log, "a@28T10:30:00 "));
	assert_non_null(strstr(w->log, "b@28T10:30:00 "));
	assert_non_null(strstr(w->log, "d@28T10:45:00 b@28T11:00:00 "));
	assert_non_null(strstr(w->log, "c@28T12:15:00 "));
	assert_null(strstr(w->log, "late"));
	w->log[0] = '\0';
	pass(w, 48 * HOUR);
	assert_null(strstr(w->log, "c@"));
	assert_null(strstr(w->log, "d@"));
}

static void
test_no_wake_up_without_reason(void **state)
{
	struct world *w = *state;

	assert_true(timers_next(&w->timers, TIMERS_REAL) == UINT64_MAX);
	(void) add(w, "a", "AFTER=started JOB=x|DELAY=1m");
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++)
		assert_true(timers_next(&w->timers, (enum timers_clock) i) == UINT64_MAX);
	(void) add(w, "b", "CRON=0 * * * *");
	pass(w, 24 * HOUR - 1);
	assert_int_equal(w->turns, 23);
}

static void
test_jitter_moves_all_by_the_same(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *|JITTER=20m");
	pass(w, HOUR + 9 * MIN);
	expect(w, "");
	pass(w, MIN);
	expect(w, "a@28T11:00:00 ");
	pass(w, HOUR);
	expect(w, "a@28T12:00:00 ");
	assert_true(timers_jitter(HOUR, "m", "k") < HOUR);
	assert_true(timers_jitter(HOUR, "m", "k") == timers_jitter(HOUR, "m", "k"));
	assert_true(timers_jitter(HOUR, "m", "k") != timers_jitter(HOUR, "m", "l"));
	assert_true(timers_jitter(HOUR, "m", "k") != timers_jitter(HOUR, "n", "k"));
	assert_true(timers_jitter(0, "m", "k") == 0);
}

static void
test_delay_counts_from_the_event(void **state)
{
	struct world *w = *state;
	struct timer *timer = add(w, "a", "AFTER=started JOB=x|DELAY=10m");

	pass(w, HOUR);
	expect(w, "");
	assert_int_equal(timers_after(&w->timers, timer, NULL, &w->now), 0);
	pass(w, 9 * MIN);
	/* Once more: it waits anew. */
	assert_int_equal(timers_after(&w->timers, timer, NULL, &w->now), 0);
	pass(w, 9 * MIN);
	expect(w, "");
	pass(w, HOUR);
	expect(w, "a@28T11:19:00 ");
}

static void
test_delay_is_of_each_instance(void **state)
{
	struct world *w = *state;
	struct timer *timer = add(w, "a", "AFTER=started JOB=x|DELAY=10m");

	assert_int_equal(timers_after(&w->timers, timer, "1", &w->now), 0);
	pass(w, 5 * MIN);
	assert_int_equal(timers_after(&w->timers, timer, "2", &w->now), 0);
	pass(w, HOUR);
	expect(w, "a/1@28T10:10:00 a/2@28T10:15:00 ");
	/* Nothing is left of them. */
	assert_ptr_equal(timer->entries, timer->root);
	assert_int_equal(w->ledger.instances, 0);
}

static void
test_after_startup_is_once(void **state)
{
	struct world *w = *state;
	struct timer *timer;

	w->timers.started = 90 * SEC;
	timer = add(w, "a", "AFTER=startup|DELAY=5m");
	pass(w, 4 * MIN);
	expect(w, "");
	/* The event is over only after the jobs of it are up, of which the bridge is one. */
	assert_int_equal(timers_after(&w->timers, timer, NULL, &w->now), 0);
	pass(w, HOUR);
	assert_int_equal(timers_after(&w->timers, timer, NULL, &w->now), 0);
	pass(w, HOUR);
	expect(w, "a@28T10:04:50 ");
	restart(w, MIN, false);
	(void) add(w, "a", "AFTER=startup|DELAY=5m");
	pass(w, HOUR);
	expect(w, "");
	restart(w, MIN, true);
	(void) add(w, "a", "AFTER=startup|DELAY=5m");
	pass(w, HOUR);
	assert_non_null(strstr(w->log, "a@28T"));
}

static void
test_after_startup_is_not_for_those_who_come_later(void **state)
{
	struct world *w = *state;

	w->timers.settled = true;
	w->timers.started = 90 * SEC;
	(void) add(w, "past", "AFTER=startup|DELAY=5s");
	(void) add(w, "ahead", "AFTER=startup|DELAY=5m");
	pass(w, HOUR);
	expect(w, "ahead@28T10:04:50 ");
	/* Nor when the bridge is started anew; but at the next boot. */
	restart(w, MIN, false);
	(void) add(w, "past", "AFTER=startup|DELAY=5s");
	pass(w, HOUR);
	expect(w, "");
	restart(w, MIN, true);
	(void) add(w, "past", "AFTER=startup|DELAY=5s");
	pass(w, HOUR);
	assert_non_null(strstr(w->log, "past@28T"));
}

static void
test_count_of_delays(void **state)
{
	struct world *w = *state;
	struct timer *timer = add(w, "a", "AFTER=x|DELAY=1|COUNT=2");

	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(timers_after(&w->timers, timer, "i", &w->now), 0);
		pass(w, MIN);
	}
	expect(w, "a/i@28T10:00:01 a/i@28T10:01:01 ");
}

static void
test_windows(void **state)
{
	struct world *w = *state;
	struct timer *timer = add(w, "w", "BETWEEN=09:00-17:00");

	assert_true(timer->holds);
	expect(w, "w+ ");
	pass(w, 7 * HOUR);
	expect(w, "w- ");
	pass(w, 16 * HOUR);
	expect(w, "w+ ");
	/* To where it does not hold, and back. */
	set_clock(w, 10 * 3600);
	expect(w, "w- ");
	set_clock(w, -10 * 3600);
	expect(w, "w+ ");
}

/* -- the bridge is started anew ---------------------------------------------------------- */

static void
test_restart_repeats_and_loses_nothing(void **state)
{
	struct world *w = *state;
	char all[8192];

	(void) add(w, "a", "EVERY=10m");
	(void) add(w, "b", "CRON=*/7 * * * *");
	pass(w, 6 * HOUR);
	(void) strcpy(all, w->log);
	w->log[0] = '\0';
	restart(w, 0, true);
	w->now.at[TIMERS_REAL] = (usec_t) START * SEC;
	w->now.at[TIMERS_BOOT] = w->now.at[TIMERS_ACTIVE] = 100 * SEC;
	(void) unlink(w->ledger_path);
	restart(w, 0, true);
	w->now.at[TIMERS_BOOT] = w->now.at[TIMERS_ACTIVE] = 100 * SEC;
	/* The same six hours, with a restart every 3 minutes that takes a second. */
	for (unsigned i = 0; i < 120; i++) {
		(void) add(w, "a", "EVERY=10m");
		(void) add(w, "b", "CRON=*/7 * * * *");
		pass(w, 3 * MIN - SEC);
		restart(w, SEC, false);
	}
	(void) add(w, "a", "EVERY=10m");
	(void) add(w, "b", "CRON=*/7 * * * *");
	pass(w, 0);
	/* In another order within a second, perhaps, but the same. */
	assert_int_equal(strlen(w->log), strlen(all));
	for (char *p = strtok(all, " "); p; p = strtok(NULL, " "))
		assert_non_null(strstr(w->log, p));
}

static void
test_restart_catches_what_it_missed(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *");
	restart(w, 3 * HOUR + 30 * MIN, false);
	(void) add(w, "a", "CRON=0 * * * *");
	pass(w, HOUR);
	/* Once, not three times. */
	expect(w, "a@28T11:00:00(late) a@28T14:00:00 ");
}

static void
test_restart_keeps_counts_and_delays(void **state)
{
	struct world *w = *state;
	struct timer *timer;

	(void) add(w, "a", "EVERY=10m|COUNT=2");
	timer = add(w, "b", "AFTER=started|DELAY=1h");
	assert_int_equal(timers_after(&w->timers, timer, "job\ninst ance%", &w->now), 0);
	pass(w, 15 * MIN);
	expect(w, "a@28T10:10:00 ");
	restart(w, 10 * MIN, false);
	(void) add(w, "a", "EVERY=10m|COUNT=2");
	timer = add(w, "b", "AFTER=started|DELAY=1h");
	pass(w, HOUR);
	expect(w, "a@28T10:20:00(late) b/job\ninst ance%@28T11:00:00 ");
	restart(w, MIN, false);
	(void) add(w, "a", "EVERY=10m|COUNT=2");
	(void) add(w, "b", "AFTER=started|DELAY=1h");
	pass(w, 5 * HOUR);
	expect(w, "");
	/* Until the next boot. */
	restart(w, MIN, true);
	(void) add(w, "a", "EVERY=10m|COUNT=2");
	pass(w, HOUR);
	assert_non_null(strstr(w->log, "a@"));
}

static void
test_removed_timers_are_not_made_up_for(void **state)
{
	struct world *w = *state;

	timers_remove(&w->timers, add(w, "a", "EVERY=10m"));
	timers_remove(&w->timers, add(w, "b", "CRON=5 * * * *"));
	pass(w, HOUR);
	(void) add(w, "a", "EVERY=10m");
	(void) add(w, "b", "CRON=5 * * * *");
	pass(w, 12 * MIN);
	expect(w, "b@28T11:05:00 a@28T11:10:00 ");
}

/* -- the machine was off or asleep ---------------------------------------------------------- */

static void
test_missed_while_off(void **state)
{
	struct world *w = *state;

	(void) add(w, "run", "CRON=0 3 * * *|MISSED=run");
	(void) add(w, "skip", "CRON=0 3 * * *");
	pass(w, 18 * HOUR);
	w->log[0] = '\0';
	restart(w, 48 * HOUR, true);
	(void) add(w, "run", "CRON=0 3 * * *|MISSED=run");
	(void) add(w, "skip", "CRON=0 3 * * *");
	pass(w, MIN);
	expect(w, "run@30T03:00:00(late) ");
	/* Not again after the next start. */
	restart(w, HOUR, true);
	(void) add(w, "run", "CRON=0 3 * * *|MISSED=run");
	pass(w, MIN);
	expect(w, "");
}

static void
test_every_with_missed_goes_on_over_boots(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "EVERY=1d|MISSED=run");
	pass(w, 2 * HOUR);
	restart(w, 2 * HOUR, true);
	(void) add(w, "a", "EVERY=1d|MISSED=run");
	pass(w, 19 * HOUR);
	expect(w, "");
	pass(w, HOUR);
	expect(w, "a@29T10:00:00 ");
	restart(w, 100 * HOUR, true);
	(void) add(w, "a", "EVERY=1d|MISSED=run");
	pass(w, 1);
	assert_non_null(strstr(w->log, "a@"));
}

static void
test_missed_while_asleep(void **state)
{
	struct world *w = *state;

	(void) add(w, "run", "CRON=0 * * * *|MISSED=run");
	(void) add(w, "skip", "CRON=0 * * * *");
	pass(w, 50 * MIN);
	sleep_machine(w, 3 * HOUR);
	assert_non_null(strstr(w->log, "run@28T11:00:00(late) "));
	assert_non_null(strstr(w->log, "skip-skipped@28T11:00:00 "));
	w->log[0] = '\0';
	pass(w, 20 * MIN);
	assert_non_null(strstr(w->log, "run@28T14:00:00 "));
	assert_non_null(strstr(w->log, "skip@28T14:00:00 "));
}

static void
test_a_moment_of_sleep_is_none(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *");
	pass(w, 59 * MIN + 50 * SEC);
	sleep_machine(w, 30 * SEC);
	expect(w, "a@28T11:00:00 ");
}

static void
test_clocks_that_go_on_or_stand(void **state)
{
	struct world *w = *state;

	(void) add(w, "boot", "EVERY=1h");
	(void) add(w, "active", "EVERY=1h|CLOCK=active");
	pass(w, 30 * MIN);
	sleep_machine(w, 4 * HOUR);
	expect(w, "boot@28T11:00:00(late) ");
	pass(w, 30 * MIN);
	assert_non_null(strstr(w->log, "active@28T15:00:00 "));
	assert_non_null(strstr(w->log, "boot@28T15:00:00 "));
}

/* -- the clock is set -------------------------------------------------------------------- */

static void
test_clock_set_forward_fires_once(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *");
	(void) add(w, "e", "EVERY=1h");
	set_clock(w, 5 * 3600);
	expect(w, "a@28T11:00:00(late) ");
	pass(w, 30 * MIN);
	expect(w, "");
	pass(w, 31 * MIN);
	assert_non_null(strstr(w->log, "a@28T16:00:00 "));
	assert_non_null(strstr(w->log, "e@28T16:00:00 "));
}

static void
test_clock_set_back_does_not_repeat(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *");
	pass(w, 61 * MIN);
	expect(w, "a@28T11:00:00 ");
	set_clock(w, -1800); /* 10:31 */
	pass(w, HOUR);
	expect(w, "");
	pass(w, HOUR);
	expect(w, "a@28T12:00:00 ");
}

static void
test_clock_set_far_back_begins_afresh(void **state)
{
	struct world *w = *state;

	(void) add(w, "a", "CRON=0 * * * *");
	pass(w, 61 * MIN);
	w->log[0] = '\0';
	set_clock(w, -10 * 3600); /* 01:01 */
	pass(w, HOUR);
	expect(w, "a@28T02:00:00 ");
}

static void
test_clock_that_cannot_be_right_arms_nothing(void **state)
{
	struct world *w = *state;
	usec_t real = w->now.at[TIMERS_REAL];

	w->timers.plausible = START;
	w->now.at[TIMERS_REAL] = 1000 * SEC;
	(void) add(w, "a", "CRON=* * * * *|MISSED=run");
	(void) add(w, "e", "EVERY=10m");
	(void) add(w, "w", "BETWEEN=00:00-24:00");
	pass(w, 9 * MIN);
	expect(w, "");
	/* The network sets it: no storm, and no catching up from 1970 on. */
	w->now.at[TIMERS_REAL] = real;
	timers_clock_set(&w->timers, &w->now);
	timers_run(&w->timers, &w->now);
	expect(w, "w+ ");
	pass(w, MIN + SEC);
	assert_non_null(strstr(w->log, "e@"));
	assert_non_null(strstr(w->log, "a@28T10:01:00 "));
}

static void
test_missed_while_off_by_a_clock_that_is_wrong_at_first(void **state)
{
	struct world *w = *state;
	usec_t real;

	(void) add(w, "run", "CRON=0 3 * * *|MISSED=run");
	(void) add(w, "skip", "CRON=0 3 * * *");
	(void) add(w, "every", "EVERY=1d|MISSED=run");
	pass(w, HOUR);
	restart(w, 48 * HOUR, true);
	real = w->now.at[TIMERS_REAL];
	w->timers.plausible = START;
	w->now.at[TIMERS_REAL] = 1000 * SEC;
	(void) add(w, "run", "CRON=0 3 * * *|MISSED=run");
	(void) add(w, "skip", "CRON=0 3 * * *");
	(void) add(w, "every", "EVERY=1d|MISSED=run");
	pass(w, MIN);
	expect(w, "");
	w->now.at[TIMERS_REAL] = real;
	timers_clock_set(&w->timers, &w->now);
	timers_run(&w->timers, &w->now);
	expect(w, "run@29T03:00:00(late) every@30T11:00:00 ");
}

static void
test_clock_that_becomes_right_by_itself(void **state)
{
	struct world *w = *state;

	w->timers.plausible = START + 600;
	(void) add(w, "a", "CRON=* * * * *");
	pass(w, 11 * MIN + SEC);
	expect(w, "a@28T10:11:00 ");
}

/* -- changed clocks of a zone --------------------------------------------------------------- */

static void
test_nights_of_change_fire_once(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;

	if (access(BERLIN_FILE, R_OK) < 0)
		skip();
	(void) zone_free(w->zone);
	assert_int_equal(zone_load(&w->zone, "Europe/Berlin", &err), 0);
	(void) add(w, "a", "CRON=30 2 * * *");
	pass(w, 96 * HOUR);
	expect(w, "a@29T01:30:00 a@30T01:30:00 a@31T01:00:00 a@01T00:30:00 ");
	set_clock(w, 208 * 86400); /* 2024-10-26 */
	w->log[0] = '\0';
	pass(w, 48 * HOUR);
	expect(w, "a@27T00:30:00 a@28T01:30:00 ");
}

/* -- many ------------------------------------------------------------------------------------ */

static void
test_heap_keeps_order(void **state)
{
	struct world *w = *state;
	uint64_t seed = 5;
	usec_t last = 0;

	for (unsigned i = 0; i < 2000; i++) {
		char *name = str_printf("t%u", i);
		char text[64];
		struct timer *timer;

		(void) snprintf(text, sizeof(text), "EVERY=%u", 1 + (unsigned) (unit_random(&seed) % 100000));
		timer = add(w, name, text);
		if (unit_random(&seed) % 4 == 0)
			timers_remove(&w->timers, timer);
		free(name);
	}
	while (w->timers.count[TIMERS_BOOT] > 0) {
		struct timers_entry *entry = w->timers.heap[TIMERS_BOOT][0];

		assert_true(entry->due >= last);
		last = entry->due;
		timers_remove(&w->timers, entry->timer);
	}
	assert_null(w->timers.list);
}

static int
add_once(void *data)
{
	struct world *w = data;
	struct schedule_error why;
	struct schedule schedule;
	char every[] = "EVERY=1m", *words[] = { every, NULL };
	struct timer *timer;

	if (schedule_read(&schedule, words, false, &why) < 0)
		return -ENOMEM;
	timer = timers_add(&w->timers, "x", &schedule, w->zone, 0, NULL, &w->now);
	if (!timer)
		return -ENOMEM;
	w->timers.failed = false;
	timers_remove(&w->timers, timer);
	return 0;
}

static void
test_memory_runs_out(void **state)
{
	struct world *w = *state;

	/* The ledgers are allowed to forget; what they keep is kept. */
	(void) add(w, "x", "EVERY=1m");
	timers_remove(&w->timers, timers_find(&w->timers, "x"));
	(void) failalloc_each_lenient(add_once, w);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_every_keeps_its_beat),
		TEST(test_calendars_fire_in_order),
		TEST(test_no_wake_up_without_reason),
		TEST(test_jitter_moves_all_by_the_same),
		TEST(test_delay_counts_from_the_event),
		TEST(test_delay_is_of_each_instance),
		TEST(test_after_startup_is_once),
		TEST(test_after_startup_is_not_for_those_who_come_later),
		TEST(test_count_of_delays),
		TEST(test_windows),
		TEST(test_restart_repeats_and_loses_nothing),
		TEST(test_restart_catches_what_it_missed),
		TEST(test_restart_keeps_counts_and_delays),
		TEST(test_removed_timers_are_not_made_up_for),
		TEST(test_missed_while_off),
		TEST(test_every_with_missed_goes_on_over_boots),
		TEST(test_missed_while_asleep),
		TEST(test_a_moment_of_sleep_is_none),
		TEST(test_clocks_that_go_on_or_stand),
		TEST(test_clock_set_forward_fires_once),
		TEST(test_clock_set_back_does_not_repeat),
		TEST(test_clock_set_far_back_begins_afresh),
		TEST(test_clock_that_cannot_be_right_arms_nothing),
		TEST(test_missed_while_off_by_a_clock_that_is_wrong_at_first),
		TEST(test_clock_that_becomes_right_by_itself),
		TEST(test_nights_of_change_fire_once),
		TEST(test_heap_keeps_order),
		TEST(test_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
