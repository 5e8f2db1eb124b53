/* SPDX-License-Identifier: MIT */
/*
 * `initctl log`: times as users and logs write them, which lines are shown, and finding the last lines in files of
 * every form.
 */
#include "initctl/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "initctl/log_output.h"
#include "initctl/log_time.h"

#define NOW (UINT64_C(1795426200) * USEC_PER_SEC) /* Monday 2026-11-23 09:30:00 UTC */
#define HOUR (3600 * USEC_PER_SEC)
#define DAY (24 * HOUR)

/* -- times -------------------------------------------------------------------- */

static void
zone(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static void
test_times_that_users_write(void **state)
{
	static const struct {
		const char *text;
		usec_t when;
	} rows[] = {
		{ "now", NOW },
		{ "90s", NOW - 90 * USEC_PER_SEC },
		{ "15m", NOW - HOUR / 4 },
		{ "2h", NOW - 2 * HOUR },
		{ "3d", NOW - 3 * DAY },
		{ "1w", NOW - 7 * DAY },
		{ "999999w", 0 },
		{ "@12", 12 * USEC_PER_SEC },
		/* It is 10:30 there. */
		{ "today", NOW - 10 * HOUR - HOUR / 2 },
		{ "yesterday", NOW - DAY - 10 * HOUR - HOUR / 2 },
		{ "09:30", NOW - HOUR },
		{ "09:30:05", NOW - HOUR + 5 * USEC_PER_SEC },
		{ "2026-11-22", NOW - DAY - 10 * HOUR - HOUR / 2 },
		{ "2026-11-22 10:30", NOW - DAY },
		{ "2026-11-22T10:30:01", NOW - DAY + USEC_PER_SEC },
		{ "2026-11-22T09:30:01Z", NOW - DAY + USEC_PER_SEC },
		/* On the other side of a change to summer time. */
		{ "2026-10-24 11:30", NOW - 30 * DAY },
	};

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		usec_t when = 1;

		if (!log_time_parse(rows[i].text, NOW, &when) || when != rows[i].when)
			fail_msg("%s: %llu, not %llu", rows[i].text, (unsigned long long) when,
				 (unsigned long long) rows[i].when);
	}
}

static void
test_times_that_are_none(void **state)
{
	static const char *const texts[] = { "",
					     "soon",
					     "12",
					     "-3h",
					     "3x",
					     "3hh",
					     "@",
					     "@1x",
					     "@-1",
					     "9:30",
					     "24:00",
					     "09:60",
					     "09:3",
					     "09:30x",
					     "2026-11",
					     "2026-02-30",
					     "2026-13-01",
					     "2026-11-2x",
					     "26-11-02",
					     "2026-11-22 ",
					     "2026-11-22 9",
					     "2026-11-22x",
					     "2026-11-22 10:30ZZ",
					     "99999999999999999999s" };

	zone("UTC");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		usec_t when;

		if (log_time_parse(texts[i], NOW, &when))
			fail_msg("\"%s\" is taken for a time", texts[i]);
	}
}

static void
test_stamps_of_lines(void **state)
{
	static const char *const stamped[] = { "2026-11-23T09:30:00.250Z text",
					       "{\"time\":\"2026-11-23T09:30:00.250Z\",\"" };
	static const char *const others[] = { "",
					      "2026-11-23T09:30:00Z text",
					      "2026-11-23 09:30:00.250Z",
					      "2026-11-23T09:30:00.250 text",
					      "2026-11-23T09:30:00.Z",
					      "{\"time\":\"",
					      "{\"at\":\"2026-11-23T09:30:00.250Z\"",
					      "x2026-11-23T09:30:00.250Z" };
	usec_t when;

	zone("America/New_York");
	for (size_t i = 0; i < ARRAY_SIZE(stamped); i++) {
		assert_true(log_time_of_line(stamped[i], strlen(stamped[i]), &when));
		assert_int_equal(when, NOW + 250 * USEC_PER_MSEC);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(log_time_of_line(others[i], strlen(others[i]), &when));
	for (size_t n = 0; n < 24; n++)
		assert_false(log_time_of_line(stamped[0], n, &when));
	assert_true(log_time_of_line(stamped[0], 24, &when));
}

/* -- lines -------------------------------------------------------------------- */

/* `expected` comes out when `text` is given in pieces of a size. */
static void
assert_piece(const struct log_output *from, const char *text, size_t size, const char *expected)
{
	char path[] = "/tmp/upstart-test-output-XXXXXX", *got = calloc(1, strlen(expected) + 100);
	struct log_output out = *from;
	int fd = mkstemp(path), saved = dup(STDOUT_FILENO);

	assert_true(got && fd >= 0 && saved >= 0 && fflush(stdout) == 0 && dup2(fd, STDOUT_FILENO) >= 0);
	for (size_t at = 0; at < strlen(text); at += size)
		log_output_add(&out, text + at, strnlen(text + at, size));
	log_output_flush(&out);
	log_output_deinit(&out);
	assert_true(fflush(stdout) == 0 && dup2(saved, STDOUT_FILENO) >= 0);
	assert_true(pread(fd, got, strlen(expected) + 99, 0) >= 0);
	close(saved);
	close(fd);
	(void) unlink(path);
	assert_string_equal(got, expected);
	free(got);
}

/* The same of each size. */
static void
assert_output(const struct log_output *from, const char *text, const char *expected)
{
	for (size_t size = 1; size <= strlen(text); size++)
		assert_piece(from, text, size, expected);
}

static void
test_all_lines_are_shown_as_they_are(void **state)
{
	const struct log_output all = LOG_OUTPUT_INIT;

	assert_output(&all, "one\n\ntwo\nthree", "one\n\ntwo\nthree");
	assert_output(&all, "\n", "\n");
}

static void
test_lines_before_are_skipped(void **state)
{
	struct log_output out = LOG_OUTPUT_INIT;

	out.skip = 2;
	assert_output(&out, "one\n\ntwo\nthree", "two\nthree");
	assert_output(&out, "one\ntwo\n", "");
}

static void
test_lines_since_a_time(void **state)
{
	struct log_output out = LOG_OUTPUT_INIT;

	out.since = NOW;
	assert_output(&out,
		      "what has no time is shown\n"
		      "2026-11-23T09:29:59.999Z too early\n"
		      "and what belongs to it\n"
		      "2026-11-23T09:30:00.000Z in time, and so long that it has more than one looks at\n"
		      "\n"
		      "and what belongs to it\n"
		      "2026-11-23T09:29:00.000Z the clock was set back\n"
		      "{\"time\":\"2026-11-23T09:30:01.000Z\",\"line\":\"\"}",
		      "what has no time is shown\n"
		      "2026-11-23T09:30:00.000Z in time, and so long that it has more than one looks at\n"
		      "\n"
		      "and what belongs to it\n"
		      "{\"time\":\"2026-11-23T09:30:01.000Z\",\"line\":\"\"}");
}

static void
test_last_lines_since_a_time(void **state)
{
	struct log_output out = LOG_OUTPUT_INIT;

	out.since = NOW;
	out.last = 2;
	assert_output(&out, "a\nb\nc\n2026-11-23T09:29:59.999Z too early\n", "b\nc\n");
	assert_output(&out, "a\nb\nc", "b\nc");
	assert_output(&out, "a\n", "a\n");
	out.last = 3;
	assert_output(&out, "a\nb\nc\nd\ne\n", "c\nd\ne\n");
}

#define LONG_LINE ((size_t) 1024 * 1024) /* what log_output.c tells in one piece */

static void
test_only_whole_objects_are_json_already(void **state)
{
	static const char object[] = "{\"time\":\"2026-11-23T09:30:00.000Z\",\"line\":\"a\\u0000\"}";
	struct log_output out = LOG_OUTPUT_INIT;
	char *text = calloc(1, LONG_LINE + sizeof(object) + 1), *expected = NULL;

	out.json = true;
	assert_output(&out, "{\"time\":\"now\",\"line\":\"a\\u0000\"}\n{\"line\":1}\n",
		      "{\"time\":\"now\",\"line\":\"a\\u0000\"}\n{\"line\":\"{\\\"line\\\":1}\"}\n");
	assert_output(&out, "{\"time\":\"is up\n{\"time\":\"now\"} and more\n{\"time\":\"now\",\"li",
		      "{\"line\":\"{\\\"time\\\":\\\"is up\"}\n"
		      "{\"line\":\"{\\\"time\\\":\\\"now\\\"} and more\"}\n"
		      "{\"line\":\"{\\\"time\\\":\\\"now\\\",\\\"li\"}\n");
	/* The end of a long line is no line of its own. */
	assert_non_null(text);
	memset(text, ' ', LONG_LINE);
	(void) strcpy(text + LONG_LINE, object);
	text[LONG_LINE + strlen(object)] = '\n';
	assert_true(asprintf(&expected, "{\"line\":\"%.*s\"}\n%s", (int) LONG_LINE, text,
			     "{\"line\":\"{\\\"time\\\":\\\"2026-11-23T09:30:00.000Z\\\",\\\"line\\\":"
			     "\\\"a\\\\u0000\\\"}\"}\n") > 0);
	assert_piece(&out, text, strlen(text), expected);
	(void) strcpy(text + LONG_LINE, "\n");
	expected[LONG_LINE + strlen("{\"line\":\"\"}\n")] = '\0';
	assert_piece(&out, text, strlen(text), expected);
	free(expected);
	free(text);
}

/* -- files -------------------------------------------------------------------- */

struct folder {
	char path[64];
	char log[80];
};

static int
setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void) strcpy(f->path, "/tmp/upstart-test-log-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	(void) snprintf(f->log, sizeof(f->log), "%s/job.log", f->path);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct folder *f = *state;
	char command[128];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
put(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* Make an old file with that text in that form. */
static void
put_form(const char *log, unsigned number, enum log_coding coding, const char *text, const struct log_origin *origin)
{
	static const char *const ends[] = { "", LOG_COMPRESSED, ".gz" };
	char *path auto_free = log_old_name(log, number, coding == LOG_GZIP ? "" : ends[coding]);
	char frame[4096];
	char command[256];
	size_t n;

	assert_non_null(path);
	if (coding != LOG_ZSTD) {
		put(path, text, strlen(text));
		(void) snprintf(command, sizeof(command), "gzip '%s'", path);
		if (coding == LOG_GZIP)
			assert_int_equal(system(command), 0);
		return;
	}
	n = ZSTD_compress(frame, sizeof(frame) - LOG_ORIGIN_SIZE, text, strlen(text), 3);
	assert_false(ZSTD_isError(n));
	log_origin_put(frame + n, origin);
	put(path, frame, LOG_ORIGIN_SIZE + n);
}

static void
assert_read(const struct log_file *file, const char *expected)
{
	struct log_reader *reader;
	char text[4096];
	size_t done = 0;
	ssize_t n;

	assert_int_equal(log_reader_new(&reader, file, 0), 0);
	while ((n = log_reader_read(reader, text + done, 3)) > 0)
		done += (size_t) n;
	assert_int_equal(n, 0);
	text[done] = '\0';
	assert_string_equal(text, expected);
	assert_null(log_reader_free(reader));
}

static void
test_files_of_every_form_are_found_and_read(void **state)
{
	struct folder *f = *state;
	struct log_files files = LOG_FILES_INIT;
	const struct log_origin origin = { 7, 12345678901234 };
	struct stat st;

	assert_int_equal(log_files_open(&files, f->log), -ENOENT);
	put(f->log, "now\n", 4);
	put_form(f->log, 1, LOG_PLAIN, "one\n", NULL);
	put_form(f->log, 2, LOG_ZSTD, "two\n", &origin);
	put_form(f->log, 3, LOG_GZIP, "three\n", NULL);
	put_form(f->log, 6, LOG_PLAIN, "behind a gap\n", NULL);
	assert_int_equal(log_files_open(&files, f->log), 0);
	assert_int_equal(files.n, 4);
	assert_read(&files.file[0], "now\n");
	assert_read(&files.file[1], "one\n");
	assert_read(&files.file[2], "two\n");
	assert_read(&files.file[3], "three\n");
	assert_false(files.file[0].is_old);
	assert_true(files.file[1].is_old);
	assert_int_equal(stat(f->log, &st), 0);
	assert_int_equal(log_files_find(&files, &(struct log_origin){ st.st_dev, st.st_ino }), 0);
	assert_int_equal(log_files_find(&files, &origin), 2);
	assert_int_equal(log_files_find(&files, &(struct log_origin){ 7, 1 }), -1);
	assert_int_equal(log_files_find(&files, &(struct log_origin){ 0, 0 }), -1);
	/* While it is moved there is no file of that name. */
	assert_int_equal(unlink(f->log), 0);
	assert_int_equal(log_files_open(&files, f->log), 0);
	assert_int_equal(files.n, 3);
	assert_true(files.file[0].is_old);
	log_files_deinit(&files);
	log_files_deinit(&files);
}

static void
test_damaged_file_is_told(void **state)
{
	struct folder *f = *state;
	struct log_files files = LOG_FILES_INIT;
	char *zst auto_free = log_old_name(f->log, 1, LOG_COMPRESSED);
	char *gz auto_free = log_old_name(f->log, 2, ".gz");
	uint64_t found, skip;
	off_t offset;
	struct stat st;

	put_form(f->log, 1, LOG_ZSTD, "a line that is long enough to be cut off somewhere\n",
		 &(struct log_origin){ 1, 2 });
	put_form(f->log, 2, LOG_GZIP, "a line that is long enough to be cut off somewhere\n", NULL);
	assert_int_equal(stat(zst, &st), 0);
	assert_int_equal(truncate(zst, st.st_size - (off_t) LOG_ORIGIN_SIZE - 5), 0);
	assert_int_equal(stat(gz, &st), 0);
	assert_int_equal(truncate(gz, st.st_size - 5), 0);
	assert_int_equal(log_files_open(&files, f->log), 0);
	assert_int_equal(files.n, 2);
	assert_int_equal(log_file_tail(&files.file[0], 1, &found, &offset, &skip), -EBADMSG);
	assert_int_equal(log_file_tail(&files.file[1], 1, &found, &offset, &skip), -EBADMSG);
	put(zst, "neither", 7);
	assert_int_equal(log_files_open(&files, f->log), 0);
	assert_int_equal(log_file_tail(&files.file[0], 1, &found, &offset, &skip), -EBADMSG);
	log_files_deinit(&files);
}

static void
test_last_lines_are_found_in_every_form(void **state)
{
	static const struct {
		const char *text;
		uint64_t wanted, found, skip;
		off_t offset;
	} rows[] = {
		{ "a\nbb\nccc\n", 0, 0, 3, 9 }, { "a\nbb\nccc\n", 1, 1, 2, 5 },	   { "a\nbb\nccc\n", 2, 2, 1, 2 },
		{ "a\nbb\nccc\n", 3, 3, 0, 0 }, { "a\nbb\nccc\n", 4, 3, 0, 0 },	   { "a\nbb\nccc", 1, 1, 2, 5 },
		{ "a\nbb\nccc", 3, 3, 0, 0 },	{ "\n\n\n", 2, 2, 1, 1 },	   { "\n", 1, 1, 0, 0 },
		{ "no end", 1, 1, 0, 0 },	{ "no end", UINT64_MAX, 1, 0, 0 },
	};
	struct folder *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct log_files files = LOG_FILES_INIT;

		put(f->log, rows[i].text, strlen(rows[i].text));
		put_form(f->log, 1, LOG_ZSTD, rows[i].text, &(struct log_origin){ 1, 2 });
		assert_int_equal(log_files_open(&files, f->log), 0);
		for (size_t form = 0; form < 2; form++) {
			uint64_t found = 99, skip = 99;
			off_t offset = 99;

			assert_int_equal(log_file_tail(&files.file[form], rows[i].wanted, &found, &offset, &skip), 0);
			assert_int_equal(found, rows[i].found);
			assert_int_equal(offset, form == 0 ? rows[i].offset : 0);
			assert_int_equal(skip, form == 0 ? 0 : rows[i].skip);
		}
		log_files_deinit(&files);
	}
}

/* Lines that lie across the blocks in which a file is read from behind. */
static void
test_last_lines_of_a_big_file(void **state)
{
	struct folder *f = *state;
	struct log_files files = LOG_FILES_INIT;
	size_t size = 300000;
	char *text auto_free = malloc(size);

	assert_non_null(text);
	memset(text, 'x', size);
	for (size_t i = 6; i < size; i += 7)
		text[i] = '\n';
	put(f->log, text, size); /* the last line has no end */
	assert_int_equal(log_files_open(&files, f->log), 0);
	for (uint64_t n = 1; n <= 43000; n += 613) {
		uint64_t found, skip;
		off_t offset;

		assert_int_equal(log_file_tail(&files.file[0], n, &found, &offset, &skip), 0);
		assert_int_equal(found, n < size / 7 + 1 ? n : size / 7 + 1);
		assert_int_equal(offset, ((off_t) (size / 7) + 1 - (off_t) found) * 7);
	}
	log_files_deinit(&files);
}

/* Old files move on several times while they are opened: none may be lost or come twice. */
static void
test_rotation_while_files_are_opened(void **state)
{
	struct folder *f = *state;
	char *names[5];
	int begin[2];
	pid_t pid;

	assert_int_equal(pipe(begin), 0);
	names[0] = strdup(f->log);
	for (unsigned i = 1; i < ARRAY_SIZE(names); i++)
		names[i] = log_old_name(f->log, i, "");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char byte;

		close(begin[1]);
		for (unsigned round = 0; round % 3 != 0 || read(begin[0], &byte, 1) == 1; round++) {
			char text[32];

			for (size_t i = ARRAY_SIZE(names) - 1; i > 0; i--)
				(void) rename(names[i - 1], names[i]);
			put(names[0], text, (size_t) snprintf(text, sizeof(text), "%u\n", round));
			(void) usleep(round % 7 * 20);
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		struct log_files files = LOG_FILES_INIT;
		long last = -1;

		assert_int_equal(write(begin[1], "", 1), 1);
		if (log_files_open(&files, f->log) < 0)
			continue;
		for (size_t k = files.n; k-- > 0;) {
			char text[32] = "";

			assert_true(pread(files.file[k].fd, text, sizeof(text) - 1, 0) >= 0);
			if (*text == '\0') /* it has just been made */
				continue;
			if (last >= 0)
				assert_int_equal(atol(text), last + 1);
			last = atol(text);
		}
		log_files_deinit(&files);
	}
	close(begin[0]);
	close(begin[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(names[i]);
}

static void
test_file_that_was_cut_is_read_again(void **state)
{
	struct folder *f = *state;
	struct log_files files = LOG_FILES_INIT;
	struct log_reader *reader;
	char buf[64];

	put(f->log, "some text\n", 10);
	assert_int_equal(log_files_open(&files, f->log), 0);
	assert_int_equal(log_reader_new(&reader, &files.file[0], 5), 0);
	assert_int_equal(log_reader_read(reader, buf, sizeof(buf)), 5);
	assert_int_equal(log_reader_read(reader, buf, sizeof(buf)), 0);
	assert_false(log_reader_rewind(reader));
	put(f->log, "new\n", 4);
	assert_int_equal(log_reader_read(reader, buf, sizeof(buf)), 0);
	assert_true(log_reader_rewind(reader));
	assert_int_equal(log_reader_read(reader, buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "new\n", 4);
	(void) log_reader_free(reader);
	log_files_deinit(&files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_that_users_write),
		cmocka_unit_test(test_times_that_are_none),
		cmocka_unit_test(test_stamps_of_lines),
		cmocka_unit_test(test_all_lines_are_shown_as_they_are),
		cmocka_unit_test(test_lines_before_are_skipped),
		cmocka_unit_test(test_lines_since_a_time),
		cmocka_unit_test(test_last_lines_since_a_time),
		cmocka_unit_test(test_only_whole_objects_are_json_already),
		cmocka_unit_test_setup_teardown(test_files_of_every_form_are_found_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_file_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_lines_are_found_in_every_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_lines_of_a_big_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation_while_files_are_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_that_was_cut_is_read_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
