/* SPDX-License-Identifier: MIT */
#include "schedule/crontab.h"

#include <errno.h>
#include <stdio.h>

#include "failalloc.h"
#include "unit.h"

/* What a file is read as: a line for each entry and fault. */
static int
entry_cb(void *data, const struct crontab_entry *entry)
{
	struct strbuf *b = data;

	strbuf_addf(b, "%u:", entry->line);
	for (char **word = entry->words; *word; word++)
		strbuf_addf(b, " [%s]", *word);
	strbuf_addf(b, " %s: %s", entry->user ? entry->user : "-", entry->command);
	for (char **line = entry->input; line && *line; line++)
		strbuf_addf(b, " <%s>", *line);
	for (char **pair = entry->env; pair && *pair; pair++)
		strbuf_addf(b, " {%s}", *pair);
	if (strcmp(entry->shell, "/bin/sh") != 0)
		strbuf_addf(b, " (%s)", entry->shell);
	strbuf_addc(b, '\n');
	return b->failed ? -ENOMEM : 0;
}

static void
fault_cb(void *data, unsigned line, size_t column, const char *text)
{
	strbuf_addf(data, "%u:%zu: %s\n", line, column, text);
}

static const struct crontab_ops ops = { entry_cb, fault_cb };

static void
check(const char *text, bool users, const char *wanted)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;

	assert_int_equal(crontab_read(span_of(text), users, &ops, &b), 0);
	assert_string_equal(b.p ? b.p : "", wanted);
}

static void
test_lines_of_the_system_have_users(void **state)
{
	check("17 *	* * *	root    cd / && run-parts --report /etc/cron.hourly\n", true,
	      "1: [CRON=17 *	* * *] root: cd / && run-parts --report /etc/cron.hourly\n");
	check("@daily www-data x", true, "1: [CRON=@daily] www-data: x\n");
	check("0 * * * * * root x\n@daily \"a\" x\n@daily -a x\n@daily a.b-c$ x\n", true,
	      "1:11: this is no name of a user\n2:8: this is no name of a user\n3:8: this is no name of a user\n"
	      "4: [CRON=@daily] a.b-c$: x\n");
	check("* * * * * root\n@hourly\n@hourly root\n", true,
	      "1:15: a command is missing\n2:8: a user is missing\n3:13: a command is missing\n");
}

static void
test_lines_of_users_have_none(void **state)
{
	check("0 3 * * 1-5 backup now\n", false, "1: [CRON=0 3 * * 1-5] -: backup now\n");
	check("@reboot x\n", false, "1: [CRON=@reboot] -: x\n");
	check("*/15 8-18/2 1,15 jan-mar Mon,fri x\r\n", false, "1: [CRON=*/15 8-18/2 1,15 jan-mar Mon,fri] -: x\n");
}

static void
test_comments_and_empty_lines_are_nothing(void **state)
{
	check("", false, "");
	check("\n  \t\n# x\n   # 0 3 * * * x\n", true, "");
}

static void
test_a_file_has_no_more_than_256_variables(void **state)
{
	struct strbuf text auto_strbuf = STRBUF_INIT, b auto_strbuf = STRBUF_INIT;

	for (unsigned i = 0; i < 100000; i++)
		strbuf_addf(&text, "A%u=\n", i);
	strbuf_add(&text, "A7=seven\n");
	assert_int_equal(crontab_read((struct span) { text.p, text.len }, false, &ops, &b), 0);
	assert_string_equal(b.p, "257:1: more than 256 variables: those that are new from here on are not set\n");
	strbuf_add(&text, "@daily x\n");
	assert_int_equal(crontab_read((struct span) { text.p, text.len }, false, &ops, &b), 0);
	assert_non_null(strstr(b.p, " {A6=} {A7=seven} {A8=} "));
	assert_non_null(strstr(b.p, " {A255=}\n"));
}

static int
count_lines_cb(void *data, const struct crontab_entry *entry)
{
	*(size_t *) data = strv_len(entry->input);
	return 0;
}

static void
test_a_line_may_have_nothing_but_percent_signs(void **state)
{
	static const struct crontab_ops counting = { count_lines_cb, fault_cb };
	struct strbuf text auto_strbuf = STRBUF_INIT;
	size_t n = 0;

	strbuf_add(&text, "@daily x");
	for (unsigned i = 0; i < 500000; i++)
		strbuf_addc(&text, '%');
	assert_int_equal(crontab_read((struct span) { text.p, text.len }, false, &counting, &n), 0);
	assert_int_equal(n, 500000);
}

static void
test_variables_count_for_what_is_below(void **state)
{
	check("@daily a\nA=1\n@daily b\nB = two words  \nA=3\n@daily c\n", false,
	      "1: [CRON=@daily] -: a\n3: [CRON=@daily] -: b {A=1}\n6: [CRON=@daily] -: c {A=3} {B=two words}\n");
	check("A=\" x \"\nB=' \"y\" '\n\"C\"=\nD=\"x\nE=a=b\n@daily c\n", false,
	      "6: [CRON=@daily] -: c {A= x } {B= \"y\" } {C=} {D=\"x} {E=a=b}\n");
	check("SHELL=/bin/bash\n@daily c\nSHELL=\n@daily d\n", false, "2: [CRON=@daily] -: c (/bin/bash)\n4: [CRON=@daily] -: d\n");
	check("CRON_TZ=Asia/Tokyo\n@daily c\n@reboot d\nCRON_TZ=\n@daily e\n", false,
	      "2: [CRON=@daily] [TZ=Asia/Tokyo] -: c\n3: [CRON=@reboot] -: d\n5: [CRON=@daily] -: e\n");
}

static void
test_variables_that_mean_nothing_are_told(void **state)
{
	check("MAILTO=root\nMAILTO=\"\"\nMAILFROM=x\n", false,
	      "1:1: no mail is sent: what commands print is in the logs of their jobs\n"
	      "3:1: no mail is sent: what commands print is in the logs of their jobs\n");
	check("LOGNAME=root\n a-b=1\nCRON_TZ=../etc\n", false,
	      "1:1: this is the user's, and can't be set\n2:2: this is no name of a variable\n3:9: this is no time zone\n");
}

static void
test_percent_signs_part_lines_of_input(void **state)
{
	check("@daily a%b%%c\n", false, "1: [CRON=@daily] -: a <b> <> <c>\n");
	check("@daily date +\\%F 10\\\\%x\n", false, "1: [CRON=@daily] -: date +%F 10\\%x\n");
	check("@daily a%\n", false, "1: [CRON=@daily] -: a <>\n");
	check("@daily %x\n", false, "1:8: a command is missing\n");
}

static void
test_bad_lines_are_told_and_the_others_go_on(void **state)
{
	check("0 24 * * * x\n0 3 * * mom x\n0 3 * *\n\n@often x\n  0 0 30 2 * x\n5/2 * * * * x\nx\n@daily good\n", false,
	      "1:3: CRON: a hour is from 0 to 23\n"
	      "2:9: CRON: `mom' is no day of the week\n"
	      "3:8: five fields of a time are needed, or @daily and the like\n"
	      "5:1: CRON: there is no such shortcut\n"
	      "6:3: CRON: there is no such day in any year\n"
	      "7:2: CRON: a step needs a range before it, as in 5-59/2\n"
	      "8:2: five fields of a time are needed, or @daily and the like\n"
	      "9: [CRON=@daily] -: good\n");
}

static void
test_zero_bytes_are_no_text(void **state)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;

	assert_int_equal(crontab_read(SPAN("@daily a\0b\n@daily c\n"), false, &ops, &b), 0);
	assert_string_equal(b.p, "1:1: this is no text\n2: [CRON=@daily] -: c\n");
}

static int
read_some(void *data)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;

	return crontab_read(span_of(data), true, &ops, &b);
}

static void
test_memory_that_runs_out_is_told(void **state)
{
	char text[] = "A=1\nA=2\nSHELL=/x\nCRON_TZ=UTC\n0 3 * * * root x%y%z\n@reboot root y\n";

	assert_true(failalloc_each_lenient(read_some, text) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_the_system_have_users),
		cmocka_unit_test(test_lines_of_users_have_none),
		cmocka_unit_test(test_comments_and_empty_lines_are_nothing),
		cmocka_unit_test(test_variables_count_for_what_is_below),
		cmocka_unit_test(test_a_file_has_no_more_than_256_variables),
		cmocka_unit_test(test_a_line_may_have_nothing_but_percent_signs),
		cmocka_unit_test(test_variables_that_mean_nothing_are_told),
		cmocka_unit_test(test_percent_signs_part_lines_of_input),
		cmocka_unit_test(test_bad_lines_are_told_and_the_others_go_on),
		cmocka_unit_test(test_zero_bytes_are_no_text),
		cmocka_unit_test(test_memory_that_runs_out_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
