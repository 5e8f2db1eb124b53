/* SPDX-License-Identifier: MIT */
#include "sysv/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <utmpx.h>

#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A scratch file with what is in `content`. */
struct scratch {
	char path[64];
};

static void
scratch_make(struct scratch *scratch, const void *content, size_t size)
{
	int fd auto_close = -1;

	(void) snprintf(scratch->path, sizeof(scratch->path), "/tmp/test-records-XXXXXX");
	fd = mkstemp(scratch->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), (ssize_t) size);
}

static size_t
scratch_read(const struct scratch *scratch, struct utmpx *records, size_t max)
{
	int fd auto_close = open(scratch->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, records, max * sizeof(*records));

	assert_true(n >= 0);
	return (size_t) n / sizeof(*records);
}

static void
assert_level(const struct scratch *scratch, bool wtmp, char level, char previous)
{
	struct record_level got = { '?', '?' };

	assert_int_equal(wtmp ? record_read_wtmp(scratch->path, &got) : record_read_utmp(scratch->path, &got), 0);
	assert_int_equal(got.level, level);
	assert_int_equal(got.previous, previous);
}

static void
assert_record(const struct utmpx *record, short type, int pid, const char *user)
{
	assert_int_equal(record->ut_type, type);
	assert_int_equal(record->ut_pid, pid);
	assert_int_equal(strncmp(record->ut_line, "~", sizeof(record->ut_line)), 0);
	assert_int_equal(strncmp(record->ut_id, "~~", sizeof(record->ut_id)), 0);
	assert_int_equal(strncmp(record->ut_user, user, sizeof(record->ut_user)), 0);
	assert_true(record->ut_tv.tv_sec > 0);
	assert_true(record->ut_host[0] != '\0');
}

static void
test_missing_file_is_neither_read_nor_made(void **state)
{
	struct record_level level;

	assert_int_equal(record_read_utmp("/no/such", &level), -ENOENT);
	assert_int_equal(record_read_wtmp("/no/such", &level), -ENOENT);
	assert_int_equal(record_boot_utmp("/tmp/test-records-none"), -ENOENT);
	assert_int_equal(record_boot_wtmp("/tmp/test-records-none"), -ENOENT);
	assert_int_equal(access("/tmp/test-records-none", F_OK), -1);
}

static void
test_empty_file_has_no_level(void **state)
{
	struct scratch file;

	scratch_make(&file, "", 0);
	assert_level(&file, false, LEVEL_NONE, LEVEL_NONE);
	assert_level(&file, true, LEVEL_NONE, LEVEL_NONE);
	(void) unlink(file.path);
}

static void
test_utmp_keeps_one_record_of_each_type(void **state)
{
	struct utmpx user = { .ut_type = USER_PROCESS, .ut_pid = 77 }, got[8];
	struct scratch file;

	scratch_make(&file, &user, sizeof(user));
	assert_int_equal(record_boot_utmp(file.path), 0);
	assert_int_equal(record_level_utmp(file.path, (struct record_level) { '2', LEVEL_NONE }), 0);
	assert_level(&file, false, '2', LEVEL_NONE);
	assert_int_equal(record_level_utmp(file.path, (struct record_level) { '3', '2' }), 0);
	assert_int_equal(record_boot_utmp(file.path), 0);
	assert_level(&file, false, '3', '2');
	assert_int_equal(scratch_read(&file, got, 8), 3);
	assert_int_equal(got[0].ut_pid, 77);
	assert_record(&got[1], BOOT_TIME, 0, "reboot");
	assert_record(&got[2], RUN_LVL, '3' + 256 * '2', "runlevel");

	assert_int_equal(record_shutdown_utmp(file.path), 0);
	assert_int_equal(scratch_read(&file, got, 8), 3);
	assert_record(&got[2], RUN_LVL, 0, "shutdown");
	assert_level(&file, false, LEVEL_NONE, LEVEL_NONE);
	(void) unlink(file.path);
}

static void
test_wtmp_keeps_all_and_the_newest_counts(void **state)
{
	struct utmpx got[8];
	struct scratch file;

	scratch_make(&file, "", 0);
	assert_int_equal(record_boot_wtmp(file.path), 0);
	assert_level(&file, true, LEVEL_NONE, LEVEL_NONE);
	assert_int_equal(record_level_wtmp(file.path, (struct record_level) { '2', LEVEL_NONE }), 0);
	assert_int_equal(record_level_wtmp(file.path, (struct record_level) { '5', '2' }), 0);
	assert_int_equal(record_boot_wtmp(file.path), 0);
	assert_level(&file, true, '5', '2');
	assert_int_equal(record_shutdown_wtmp(file.path), 0);
	assert_level(&file, true, LEVEL_NONE, LEVEL_NONE);
	assert_int_equal(scratch_read(&file, got, 8), 5);
	assert_record(&got[1], RUN_LVL, '2', "runlevel");
	assert_record(&got[4], RUN_LVL, 0, "shutdown");
	(void) unlink(file.path);
}

static void
test_wtmp_is_searched_backwards_over_many_records(void **state)
{
	struct utmpx *many auto_free = calloc(1000, sizeof(*many));
	struct scratch file;

	assert_non_null(many);
	for (size_t i = 0; i < 1000; i++)
		many[i].ut_type = USER_PROCESS;
	many[3].ut_type = RUN_LVL;
	many[3].ut_pid = '1';
	many[70].ut_type = RUN_LVL;
	many[70].ut_pid = '4' + 256 * '1';
	scratch_make(&file, many, 1000 * sizeof(*many));
	assert_level(&file, true, '4', '1');
	assert_level(&file, false, '1', LEVEL_NONE);
	assert_int_equal(record_level_utmp(file.path, (struct record_level) { '6', '4' }), 0);
	assert_level(&file, false, '6', '4');
	(void) unlink(file.path);
}

static void
test_half_a_record_is_overwritten(void **state)
{
	struct scratch file;
	struct stat st;

	scratch_make(&file, "half", 4);
	assert_int_equal(record_boot_wtmp(file.path), 0);
	assert_int_equal(stat(file.path, &st), 0);
	assert_int_equal(st.st_size, sizeof(struct utmpx));
	(void) unlink(file.path);

	scratch_make(&file, "half", 4);
	assert_int_equal(record_boot_utmp(file.path), 0);
	assert_int_equal(stat(file.path, &st), 0);
	assert_int_equal(st.st_size, sizeof(struct utmpx));
	(void) unlink(file.path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_file_is_neither_read_nor_made),
		cmocka_unit_test(test_empty_file_has_no_level),
		cmocka_unit_test(test_utmp_keeps_one_record_of_each_type),
		cmocka_unit_test(test_wtmp_keeps_all_and_the_newest_counts),
		cmocka_unit_test(test_wtmp_is_searched_backwards_over_many_records),
		cmocka_unit_test(test_half_a_record_is_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
