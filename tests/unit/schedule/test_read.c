/* SPDX-License-Identifier: MIT */
/*
 * The words of a condition: which may stand together, what they mean, and where it is told that they are wrong.
 */
#include <errno.h>

#include "rig.h"
#include "schedule/schedule.h"
#include "unit.h"

#define WORDS_MAX 8

/* Cut at '|'; the words lie in `buffer`. */
static void
cut(const char *text, char *words[WORDS_MAX], char buffer[512])
{
	size_t n = 0;

	(void) snprintf(buffer, 512, "%s", text);
	if (*buffer)
		for (char *p = buffer, *word; (word = strsep(&p, "|")) != NULL;)
			words[n++] = word;
	words[n] = NULL;
}

static const struct {
	const char *words;
	bool state;
	enum schedule_kind kind;
	usec_t period;
	uint64_t count;
} good[] = {
	{ "EVERY=15m", false, SCHEDULE_EVERY, 900000000, 0 },
	{ "EVERY=15m|COUNT=10|CLOCK=active|JITTER=30s|MISSED=run", false, SCHEDULE_EVERY, 900000000, 10 },
	{ "CRON=0 3 * * 1-5", false, SCHEDULE_CALENDAR, 0, 0 },
	{ "CRON=0 3 * * 1-5|TZ=Europe/Berlin", false, SCHEDULE_CALENDAR, 0, 0 },
	{ "CRON=@daily", false, SCHEDULE_CALENDAR, 0, 0 },
	{ "CRON=@reboot", false, SCHEDULE_AFTER, 0, 0 },
	{ "CALENDAR=Mon..Fri *-*-* 03:00|MISSED=skip", false, SCHEDULE_CALENDAR, 0, 0 },
	{ "CALENDAR=Mon..Fri *-*-* 03:00 Europe/Berlin", false, SCHEDULE_CALENDAR, 0, 0 },
	{ "AT=2026-12-24T18:00:00", false, SCHEDULE_CALENDAR, 0, 1 },
	{ "AT=2026-12-24 18:00", false, SCHEDULE_CALENDAR, 0, 1 },
	{ "AT=18:00", false, SCHEDULE_CALENDAR, 0, 1 },
	{ "AT=2026-12-24T18:00:00Z", false, SCHEDULE_INSTANT, 0, 1 },
	{ "AT=2026-12-24T18:00:00+01:00", false, SCHEDULE_INSTANT, 0, 1 },
	{ "AFTER=startup|DELAY=5m", false, SCHEDULE_AFTER, 300000000, 0 },
	{ "DELAY=0|AFTER=started JOB=db", false, SCHEDULE_AFTER, 0, 0 },
	{ "AFTER=started JOB=$UPSTART_JOB|DELAY=1h|CLOCK=boot", false, SCHEDULE_AFTER, 3600000000, 0 },
	{ "BETWEEN=22:00-06:00", true, SCHEDULE_BETWEEN, 0, 0 },
	{ "BETWEEN=22:00..06:00:30|DAYS=Mon-Fri|TZ=UTC", true, SCHEDULE_BETWEEN, 0, 0 },
	{ "BETWEEN=00:00-24:00|DAYS=Sat,Sun", true, SCHEDULE_BETWEEN, 0, 0 },
};

static const struct {
	const char *words;
	bool state;
	size_t word, offset;
	const char *why;
} bad[] = {
	{ "", false, 0, 0, "one of EVERY, CRON, CALENDAR, AT or AFTER is needed" },
	{ "", true, 0, 0, "BETWEEN is missing" },
	{ "COUNT=3", false, 1, 0, "one of EVERY, CRON, CALENDAR, AT or AFTER is needed" },
	{ "EVERY=15m|CRON=* * * * *", false, 1, 0, "CRON: another schedule in the same condition" },
	{ "EVERY=15m|EVERY=15m", false, 1, 0, "EVERY: given twice" },
	{ "EVERY=15x", false, 0, 8, "EVERY: `x' is no unit of time" },
	{ "EVERY=100ms", false, 0, 6, "EVERY: less than a second" },
	{ "EVERY=0", false, 0, 6, "EVERY: less than a second" },
	{ "EVERY=$PERIOD", false, 0, 6, "EVERY: variables have no value here" },
	{ "EVERY!=15m", false, 0, 5, "`!=' makes no schedule" },
	{ "15m", false, 0, 0, "only KEY=VALUE makes a schedule" },
	{ "EVRY=15m", false, 0, 0, "not a key of schedules" },
	{ "every=15m", false, 0, 0, "not a key of schedules" },
	{ "EVERY=15m|DELAY=3", false, 1, 0, "DELAY: has no meaning with this kind of schedule" },
	{ "EVERY=15m|TZ=UTC", false, 1, 0, "TZ: has no meaning with this kind of schedule" },
	{ "CRON=* * * * *|CLOCK=boot", false, 1, 0, "CLOCK: has no meaning with this kind of schedule" },
	{ "CRON=* * * * *|TZ=../etc", false, 1, 3, "TZ: not the name of a time zone" },
	{ "CRON=* * 30 2 *", false, 0, 5, "CRON: there is no such day in any year" },
	{ "CRON=0 3 * * mom", false, 0, 13, "CRON: `mom' is no day of the week" },
	{ "CRON=0 3 * *", false, 0, 12, "CRON: five fields are needed, or six with seconds; there are 4" },
	{ "CALENDAR=Mon..Fri 25:00", false, 0, 18, "CALENDAR: a hour is from 0 to 23" },
	{ "AT=tomorrow", false, 0, 3, "AT: neither a date nor a time, nor a day of the week" },
	{ "AT=*-12-24 18:00", false, 0, 3, "AT: not a date with a time, nor a time" },
	{ "AT=2026-12-24T18:00|COUNT=2", false, 1, 0, "COUNT: has no meaning with this kind of schedule" },
	{ "AFTER=startup", false, 1, 0, "DELAY is missing" },
	{ "DELAY=5m", false, 1, 0, "one of EVERY, CRON, CALENDAR, AT or AFTER is needed" },
	{ "AFTER=|DELAY=5m", false, 0, 6, "AFTER: an event is missing" },
	{ "AFTER=started \"x|DELAY=5m", false, 0, 16, "AFTER: a quote is not closed" },
	{ "AFTER=(a or b)|DELAY=5m", false, 0, 6, "AFTER: one event, without parentheses" },
	{ "EVERY=1h|COUNT=0", false, 1, 6, "COUNT: a number from 1 to 2147483647 is needed" },
	{ "EVERY=1h|COUNT=", false, 1, 6, "COUNT: a number from 1 to 2147483647 is needed" },
	{ "EVERY=1h|COUNT=3x", false, 1, 7, "COUNT: not a number" },
	{ "EVERY=1h|COUNT=99999999999999999999", false, 1, 6, "COUNT: a number from 1 to 2147483647 is needed" },
	{ "EVERY=1h|MISSED=yes", false, 1, 7, "MISSED: `run' or `skip' is needed" },
	{ "EVERY=1h|CLOCK=wall", false, 1, 6, "CLOCK: `boot' or `active' is needed" },
	{ "BETWEEN=22:00-06:00", false, 0, 0, "BETWEEN: only in a `while'" },
	{ "EVERY=1h", true, 0, 0, "EVERY: not in a `while'" },
	{ "BETWEEN=22:00", true, 0, 13, "BETWEEN: `-' and the end must follow" },
	{ "BETWEEN=22:00-25:00", true, 0, 14, "BETWEEN: there is no such time of day" },
	{ "BETWEEN=22-06", true, 0, 10, "BETWEEN: a time is HH:MM or HH:MM:SS" },
	{ "BETWEEN=22:00-06:00x", true, 0, 19, "BETWEEN: nothing may follow" },
	{ "BETWEEN=22:00-06:00|DAYS=Mon-Foo", true, 1, 9, "DAYS: a day of the week is missing" },
	{ "TZ=UTC", true, 1, 0, "BETWEEN is missing" },
};

static void
test_words_make_a_schedule(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct schedule_error why = { 0 };
		struct schedule s;
		char *words[WORDS_MAX], buffer[512];

		cut(good[i].words, words, buffer);
		if (schedule_read(&s, words, good[i].state, &why) < 0)
			fail_msg("%s: %s", good[i].words, why.text);
		assert_int_equal(s.kind, good[i].kind);
		assert_int_equal(s.period, good[i].period);
		assert_int_equal(s.count, good[i].count);
		schedule_deinit(&s);
	}
}

static void
test_what_is_wrong_is_told_with_its_place(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct schedule_error why = { 0 };
		struct schedule s;
		char *words[WORDS_MAX], buffer[512];

		cut(bad[i].words, words, buffer);
		if (schedule_read(&s, words, bad[i].state, &why) != -EINVAL)
			fail_msg("%s: taken", bad[i].words);
		if (strcmp(why.text, bad[i].why) != 0 || why.word != bad[i].word || why.offset != bad[i].offset)
			fail_msg("%s: word %zu, offset %zu: %s", bad[i].words, why.word, why.offset, why.text);
	}
}

static void
read_words(struct schedule *s, const char *text, bool state)
{
	struct schedule_error why = { 0 };
	char *words[WORDS_MAX], buffer[512];

	cut(text, words, buffer);
	if (schedule_read(s, words, state, &why) < 0)
		fail_msg("%s: %s", text, why.text);
}

static void
test_words_after_are_parted_like_a_condition(void **state)
{
	struct schedule s;

	read_words(&s, "AFTER= started  JOB=\"a b\" 'X=c'd |DELAY=1", false);
	assert_int_equal(strv_len(s.after), 3);
	assert_string_equal(s.after[0], "started");
	assert_string_equal(s.after[1], "JOB=a b");
	assert_string_equal(s.after[2], "X=cd");
	schedule_deinit(&s);
}

static void
test_offsets_make_an_instant(void **state)
{
	struct schedule s;
	struct zone *zone = rig_zone("UTC0");
	char buffer[SCHEDULE_TIME_MAX];

	read_words(&s, "AT=2026-12-24T18:00:00+01:00", false);
	assert_string_equal(schedule_time(buffer, zone, schedule_next(&s, zone, 0)), "2026-12-24T17:00:00+00:00");
	assert_true(schedule_next(&s, zone, s.instant) == CALENDAR_NEVER);
	schedule_deinit(&s);
	read_words(&s, "AT=2026-12-24T18:00-05:30", false);
	assert_string_equal(schedule_time(buffer, zone, schedule_next(&s, zone, 0)), "2026-12-24T23:30:00+00:00");
	schedule_deinit(&s);
	(void) zone_free(zone);
}

static void
test_times_are_printed_with_their_offset(void **state)
{
	struct zone *east = rig_zone("IST-5:30"), *west = rig_zone("EST5EDT,M3.2.0,M11.1.0");
	char buffer[SCHEDULE_TIME_MAX];

	assert_string_equal(schedule_time(buffer, east, 0), "1970-01-01T05:30:00+05:30");
	assert_string_equal(schedule_time(buffer, west, 1720000000), "2024-07-03T05:46:40-04:00");
	(void) zone_free(east);
	(void) zone_free(west);
}

static const struct {
	const char *words, *now;
	bool inside;
	const char *until;
} windows[] = {
	{ "BETWEEN=09:00-17:00", "2024-05-01 08:59:59", false, "2024-05-01 09:00:00" },
	{ "BETWEEN=09:00-17:00", "2024-05-01 09:00:00", true, "2024-05-01 17:00:00" },
	{ "BETWEEN=09:00-17:00", "2024-05-01 16:59:59", true, "2024-05-01 17:00:00" },
	{ "BETWEEN=09:00-17:00", "2024-05-01 17:00:00", false, "2024-05-02 09:00:00" },
	{ "BETWEEN=22:00-06:00", "2024-05-01 23:00:00", true, "2024-05-02 06:00:00" },
	{ "BETWEEN=22:00-06:00", "2024-05-01 05:59:59", true, "2024-05-01 06:00:00" },
	{ "BETWEEN=22:00-06:00", "2024-05-01 06:00:00", false, "2024-05-01 22:00:00" },
	{ "BETWEEN=22:00-06:00|DAYS=Fri", "2024-05-04 05:00:00", true, "2024-05-04 06:00:00" },
	{ "BETWEEN=22:00-06:00|DAYS=Fri", "2024-05-03 05:00:00", false, "2024-05-03 22:00:00" },
	{ "BETWEEN=22:00-06:00|DAYS=Fri", "2024-05-04 22:00:00", false, "2024-05-10 22:00:00" },
	{ "BETWEEN=00:00-24:00|DAYS=Mon-Fri", "2024-05-04 00:00:00", false, "2024-05-06 00:00:00" },
	{ "BETWEEN=00:00-24:00|DAYS=Mon-Fri", "2024-05-03 12:00:00", true, "2024-05-04 00:00:00" },
	{ "BETWEEN=12:00-12:00", "2024-05-03 13:00:00", true, "2024-05-04 12:00:00" },
};

static void
test_windows(void **state)
{
	struct zone *zone = rig_zone("UTC0");

	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		struct schedule s;
		int64_t until;

		read_words(&s, windows[i].words, true);
		if (schedule_window(&s, zone, rig_local(windows[i].now), &until) != windows[i].inside)
			fail_msg("%s at %s", windows[i].words, windows[i].now);
		if (until != rig_local(windows[i].until))
			fail_msg("%s at %s: until %lld", windows[i].words, windows[i].now, (long long) until);
		schedule_deinit(&s);
	}
	(void) zone_free(zone);
}

static int
read_once(void *data)
{
	struct schedule_error why;
	struct schedule s;
	char *words[WORDS_MAX], buffer[512];
	int r;

	cut(data, words, buffer);
	r = schedule_read(&s, words, false, &why);
	if (r == 0)
		schedule_deinit(&s);
	return r;
}

static void
test_memory_runs_out(void **state)
{
	(void) failalloc_each(read_once, (char *) "AFTER=started JOB='a b'|DELAY=1");
	(void) failalloc_each(read_once, (char *) "CALENDAR=daily Europe/Berlin|TZ=UTC");
	(void) failalloc_each(read_once, (char *) "CRON=@reboot");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_make_a_schedule),
		cmocka_unit_test(test_what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(test_words_after_are_parted_like_a_condition),
		cmocka_unit_test(test_offsets_make_an_instant),
		cmocka_unit_test(test_times_are_printed_with_their_offset),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
