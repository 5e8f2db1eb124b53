/* SPDX-License-Identifier: MIT */
/*
 * Every row of the tables in tests/data: schedule-cases.tsv is ours, schedule-systemd.tsv and schedule-croniter.tsv were
 * recorded from others (tests/helpers/make-schedule-tables.py). Times of our own table are local, those of a second pass
 * have a '+' behind them.
 */
#include "rig.h"
#include "schedule/civil.h"
#include "unit.h"

static const char *data_dir;

struct row {
	const char *file;
	unsigned line;
	char *form, *spec, *rule, *base, *want;
};

static int
read_spec(struct calendar *c, const struct row *row, struct schedule_fault *fault)
{
	struct span zone;

	if (strcmp(row->form, "cron") == 0)
		return calendar_read_cron(c, span_of(row->spec), fault);
	assert_string_equal(row->form, "event");
	return calendar_read_event(c, &zone, span_of(row->spec), fault);
}

/* "2024-03-31T03:00" or "…:30", '+' for a repeated time. */
static char *
print_time(const struct zone *zone, int64_t t)
{
	struct zone_span span;
	struct civil c;
	int64_t first;
	char *text, *all;

	if (t == CALENDAR_NEVER)
		return strdup("-");
	zone_at(zone, t, &span);
	civil_from_seconds(&c, t + span.offset);
	text = c.second ? str_printf(":%02d", c.second) : strdup("");
	all = str_printf("%04d-%02d-%02dT%02d:%02d%s%s", c.year, c.month, c.day, c.hour, c.minute, text,
			 zone_instants(zone, t + span.offset, &first) > 1 && first != t ? "+" : "");
	free(text);
	return all;
}

/* Seconds since 1970, or a local date and time. */
static int64_t
read_base(const struct zone *zone, const char *text)
{
	struct civil c = { 0 };
	int64_t first;

	if (!strchr(text, '-'))
		return strtoll(text, NULL, 10);
	assert_true(sscanf(text, "%d-%d-%dT%d:%d:%d", &c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second) >= 5);
	(void) zone_instants(zone, civil_seconds(&c), &first);
	return first;
}

static void
check_times(const struct row *row, const struct calendar *c)
{
	struct zone *zone = rig_zone(row->rule);
	int64_t t = read_base(zone, row->base);
	bool local = strchr(row->want, 'T') != NULL;
	char *save = NULL;

	for (char *want = strtok_r(row->want, " ", &save); want; want = strtok_r(NULL, " ", &save)) {
		char *got;

		t = calendar_next(c, zone, t);
		got = local || t == CALENDAR_NEVER ? print_time(zone, t) : str_printf("%lld", (long long) t);
		if (strcmp(got, want) != 0)
			fail_msg("%s:%u: %s: %s instead of %s", row->file, row->line, row->spec, got, want);
		free(got);
	}
	(void) zone_free(zone);
}

static void
check_row(struct row *row)
{
	struct schedule_fault fault = { 0 };
	struct calendar c;
	int r = read_spec(&c, row, &fault);
	char *got;

	if (strncmp(row->want, "error", 5) == 0) {
		got = str_printf("error %zu %s", r < 0 ? fault.offset + 1 : 0, fault.text);
		if (r == 0 || (row->want[5] && strcmp(got, row->want) != 0))
			fail_msg("%s:%u: %s: %s instead of %s", row->file, row->line, row->spec, got, row->want);
		free(got);
		return;
	}
	if (r < 0)
		fail_msg("%s:%u: %s: column %zu: %s", row->file, row->line, row->spec, fault.offset + 1, fault.text);
	check_times(row, &c);
}

static unsigned
check_file(const char *name)
{
	char *path auto_free = str_printf("%s/%s", data_dir, name);
	FILE *file = fopen(path, "r");
	char line[4096];
	unsigned n = 0, rows = 0;

	if (!file)
		fail_msg("cannot open %s", path);
	while (fgets(line, sizeof(line), file)) {
		struct row row = { .file = name, .line = ++n };
		char *p = line;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		row.form = strsep(&p, "\t");
		row.spec = strsep(&p, "\t");
		row.rule = strsep(&p, "\t");
		row.base = strsep(&p, "\t");
		row.want = strsep(&p, "\t");
		if (!row.want)
			fail_msg("%s:%u: five columns are needed", name, n);
		check_row(&row);
		rows++;
	}
	(void) fclose(file);
	return rows;
}

static void
test_our_cases(void **state)
{
	assert_true(check_file("schedule-cases.tsv") >= 100);
}

static void
test_events_are_those_of_systemd(void **state)
{
	assert_true(check_file("schedule-systemd.tsv") >= 150);
}

static void
test_cron_is_that_of_croniter(void **state)
{
	assert_true(check_file("schedule-croniter.tsv") >= 250);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_cases),
		cmocka_unit_test(test_events_are_those_of_systemd),
		cmocka_unit_test(test_cron_is_that_of_croniter),
	};

	if (argc != 2)
		return 2;
	data_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
