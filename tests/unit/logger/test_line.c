/* SPDX-License-Identifier: MIT */
/*
 * Lines with a time, and as JSON: whatever is said, in whatever pieces, by however many at once, each line of the log
 * is whole. A file's age.
 */
#include "logger/line.h"

#include <errno.h>
#include <jansson.h>
#include <time.h>

#include "files.h"
#include "logger/sink.h"

#define SEC USEC_PER_SEC
#define NOW (UINT64_C(1795426200) * SEC + 250 * USEC_PER_MSEC) /* 2026-11-23 09:30:00.250 UTC */
#define STAMP "2026-11-23T09:30:00.250Z"

static usec_t wall; /* what the sinks take for the time of day */

static usec_t
wall_now(void)
{
	return wall;
}

static struct line
line_of(uint32_t format)
{
	char job[] = "net/\"web\"", instance[] = "a\n\xff", process[] = "main";
	const struct msg_log_open open = {
		.format = format, .job = job, .instance = instance, .process = process, .pid = 812
	};
	struct line line;

	assert_int_equal(line_init(&line, &open), 0);
	return line;
}

/* All of the text in pieces of `piece` bytes through a buffer of the least size; the caller frees. */
static char *
lines_of(uint32_t format, const char *text, size_t n, size_t piece, bool end)
{
	struct line line = line_of(format);
	struct strbuf out = STRBUF_INIT;
	char *buf auto_free = malloc(LINE_SIZE_MIN);

	assert_non_null(buf);
	for (size_t at = 0; at < n; at += piece) {
		struct span in = { text + at, n - at < piece ? n - at : piece };

		while (in.n > 0) {
			size_t used = line_put(&line, &in, NOW, buf, LINE_SIZE_MIN);

			assert_in_range(used, in.n > 0 ? 1 : 0, LINE_SIZE_MIN);
			strbuf_addn(&out, buf, used);
		}
	}
	if (end)
		strbuf_addn(&out, buf, line_end(&line, true, buf));
	line_deinit(&line);
	line_deinit(&line);
	return strbuf_steal(&out);
}

static void
assert_lines(uint32_t format, const char *text, size_t n, const char *expected)
{
	for (size_t piece = 1; piece <= n; piece++) {
		char *got auto_free = lines_of(format, text, n, piece, true);

		assert_string_equal(got, expected);
	}
}

static void
test_stamp_is_utc_with_milliseconds(void **state)
{
	char stamp[LINE_STAMP_SIZE];

	line_stamp(NOW, stamp);
	assert_string_equal(stamp, STAMP);
	line_stamp(0, stamp);
	assert_string_equal(stamp, "1970-01-01T00:00:00.000Z");
	line_stamp(UINT64_MAX, stamp);
	assert_int_equal(strlen(stamp), LINE_STAMP_SIZE - 1);
}

static void
test_time_stands_before_each_line(void **state)
{
	assert_lines(MSG_LOG_TIME, "one\n\ntwo\xff\t\nno end", 17,
		     STAMP " one\n" STAMP " \n" STAMP " two\xff\t\n" STAMP " no end\n");
	assert_lines(MSG_LOG_TIME, "\n", 1, STAMP " \n");
}

#define J(text)                                                                                                        \
	"{\"time\":\"" STAMP "\",\"job\":\"net/"                                                                       \
	"\\\"web\\\"\",\"instance\":\"a\\u000a\\ufffd\",\"process\":\"main\",\"pid\":812,\"line\":\"" text "\"}\n"

static void
test_each_line_is_an_object(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "plain\n\nlast", J("plain") J("") J("last") },
		{ "quote \" and \\ and \t and \x01\x1f\x7f\r\n",
		  J("quote \\\" and \\\\ and \\t and \\u0001\\u001f\x7f\\u000d") },
		{ "2 \xc3\xa9 3 \xe2\x82\xac 4 \xf0\x9f\x98\x80\n", J("2 \xc3\xa9 3 \xe2\x82\xac 4 \xf0\x9f\x98\x80") },
		/* Bytes that are no text, each by itself: alone, cut by the end of the line or of all, overlong,
		   surrogates. */
		{ "\xff\n", J("\\ufffd") },
		{ "\x80\xbf\n", J("\\ufffd\\ufffd") },
		{ "\xe2\x82\n\xe2\x82\xac\n", J("\\ufffd\\ufffd") J("\xe2\x82\xac") },
		{ "\xe2\x82x\xc3(\n", J("\\ufffd\\ufffdx\\ufffd(") },
		{ "\xc0\xaf\xed\xa0\x80\n", J("\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd") },
		{ "\xf0\x9f\xf0\x9f\x98\x80\n", J("\\ufffd\\ufffd\xf0\x9f\x98\x80") },
		{ "\xf4\x90\x80\x80\n", J("\\ufffd\\ufffd\\ufffd\\ufffd") },
		{ "end \xc3", J("end \\ufffd") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_lines(MSG_LOG_JSON, rows[i].text, strlen(rows[i].text), rows[i].expected);
	assert_lines(MSG_LOG_JSON, "a\0b\n", 4, J("a\\u0000b"));
}

/* Random bytes: a reader of JSON finds as many objects as there are lines, each with the text. */
static void
test_any_bytes_make_sound_json(void **state)
{
	unsigned seed = 1;

	for (int round = 0; round < 300; round++) {
		char text[64];
		size_t n = 1 + (size_t) rand_r(&seed) % (sizeof(text) - 1), lines = 0, found = 0;
		char *got auto_free = NULL;

		for (size_t i = 0; i < n; i++) {
			static const unsigned char favourites[] = { '\n', '"',	'\\', 0xe2, 0x82, 0xac,
								    0xf0, 0x9f, 0xc3, 0xed, 0 };
			unsigned dice = (unsigned) rand_r(&seed);

			text[i] =
			    (char) (dice % 2 ? favourites[dice / 2 % sizeof(favourites)] : (unsigned char) (dice >> 8));
		}
		text[n] = '\n';
		for (size_t i = 0; i <= n; i++)
			lines += text[i] == '\n';
		got = lines_of(MSG_LOG_JSON, text, n + 1, 1 + (size_t) rand_r(&seed) % 9, true);
		for (char *line = strtok(got, "\n"); line != NULL; line = strtok(NULL, "\n"), found++) {
			json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);

			assert_non_null(object);
			assert_true(json_is_string(json_object_get(object, "line")));
			json_decref(object);
		}
		assert_int_equal(found, lines);
	}
}

static void
test_long_line_and_long_names_fit_in_pieces(void **state)
{
	size_t n = 100000;
	char *text auto_free = malloc(n + 1), *name auto_free = malloc(n + 1), *got auto_free = NULL;
	const struct msg_log_open open = { .format = MSG_LOG_JSON, .job = name, .instance = name, .process = name };
	char *buf auto_free = malloc(LINE_SIZE_MIN);
	struct line line;
	struct span in = { "x\n", 2 };

	assert_true(text != NULL && name != NULL && buf != NULL);
	memset(text, 'x', n);
	text[n] = '\0';
	got = lines_of(MSG_LOG_TIME, text, n, n, false);
	assert_memory_equal(got, STAMP " ", LINE_STAMP_SIZE);
	assert_string_equal(got + LINE_STAMP_SIZE, text);
	memset(name, '\x01', n);
	name[n] = '\0';
	assert_int_equal(line_init(&line, &open), 0);
	assert_in_range(line_put(&line, &in, NOW, buf, LINE_SIZE_MIN), 1, LINE_SIZE_MIN);
	assert_int_equal(in.n, 0);
	line_deinit(&line);
}

/* -- in a file ---------------------------------------------------------------- */

struct fixture {
	struct folder folder;
	struct store *store;
	struct sinks sinks;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	f->store = store_new(-1);
	assert_non_null(f->store);
	assert_int_equal(sinks_init(&f->sinks, f->store, 0), 0);
	wall = NOW;
	f->sinks.wall = wall_now;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sinks_deinit(&f->sinks);
	store_free(f->store);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static struct sink *
sink_of(struct fixture *f, const struct file_limits *limits)
{
	struct sink *s = sinks_get(&f->sinks, folder_path(&f->folder, "job.log"));

	assert_non_null(s);
	sink_limit(s, limits);
	return s;
}

static void
say(struct sink *s, struct line *line, const char *text)
{
	sink_write_lines(s, line, text, strlen(text), 0);
}

static void
assert_log(struct fixture *f, const char *name, const char *expected)
{
	assert_file(folder_path(&f->folder, name), expected);
}

static void
test_two_streams_never_tear_each_others_lines(void **state)
{
	struct fixture *f = *state;
	struct line a = line_of(MSG_LOG_TIME), b = line_of(MSG_LOG_TIME), plain = line_of(MSG_LOG_PLAIN);
	struct sink *s = sink_of(f, &(struct file_limits){ .format = MSG_LOG_TIME });

	say(s, &a, "a1 ");
	say(s, &b, "b1\nb2 ");
	say(s, &a, "goes on\n");
	say(s, &a, "a2 ");
	say(s, &plain, "plain\n");
	say(s, &a, "goes on");
	sink_end_line(s, &b, 0); /* it has none */
	sink_end_line(s, &a, 0);
	assert_log(f, "job.log",
		   STAMP " a1 \n" STAMP " b1\n" STAMP " b2 \n" STAMP " goes on\n" STAMP " a2 \nplain\n" STAMP
			 " goes on\n");
	sink_put(s);
	line_deinit(&a);
	line_deinit(&b);
	line_deinit(&plain);
}

static void
test_json_line_that_is_interrupted_says_so(void **state)
{
	struct fixture *f = *state;
	struct line a = line_of(MSG_LOG_JSON), b = line_of(MSG_LOG_JSON);
	struct sink *s = sink_of(f, &(struct file_limits){ .format = MSG_LOG_JSON });
	char *log, *first;
	json_t *object;

	say(s, &a, "one \xe2\x82");
	say(s, &b, "other\n");
	say(s, &a, "\xac two\n");
	log = file_read(folder_path(&f->folder, "job.log"));
	assert_non_null(log);
	first = strtok(log, "\n");
	object = json_loads(first, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "line")), "one ");
	assert_true(json_is_true(json_object_get(object, "more")));
	json_decref(object);
	object = json_loads(strtok(NULL, "\n"), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "line")), "other");
	assert_null(json_object_get(object, "more"));
	json_decref(object);
	object = json_loads(strtok(NULL, "\n"), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "line")), "\xe2\x82\xac two");
	json_decref(object);
	assert_null(strtok(NULL, "\n"));
	free(log);
	sink_put(s);
	line_deinit(&a);
	line_deinit(&b);
}

/* A logger that was killed in the middle of a line. */
static void
test_line_of_a_predecessor_is_ended(void **state)
{
	struct fixture *f = *state;
	struct line line = line_of(MSG_LOG_TIME);
	struct sink *s;

	file_put(folder_path(&f->folder, "job.log"), STAMP " the begi");
	s = sink_of(f, &(struct file_limits){ .format = MSG_LOG_TIME });
	say(s, &line, "another\n");
	assert_log(f, "job.log", STAMP " the begi\n" STAMP " another\n");
	sink_put(s);
	line_deinit(&line);
}

/* The same, and the disk was not there when there was something to say. */
static void
test_line_of_a_predecessor_is_ended_when_it_can_be(void **state)
{
	struct fixture *f = *state;
	struct line line = line_of(MSG_LOG_TIME);
	const char *path = NULL;
	struct sink *s;
	char aside[80];

	(void) snprintf(aside, sizeof(aside), "%s-aside", f->folder.path);
	file_put(folder_path(&f->folder, "job.log"), STAMP " the begi");
	s = sink_of(f, &(struct file_limits){ .format = MSG_LOG_TIME });
	assert_int_equal(rename(f->folder.path, aside), 0);
	say(s, &line, "another\n");
	say(s, &line, "one\n");
	assert_int_equal(sinks_flush(&f->sinks, 0, &path), -ENOENT);
	assert_int_equal(rename(aside, f->folder.path), 0);
	assert_int_equal(sinks_flush(&f->sinks, 0, &path), 0);
	assert_log(f, "job.log", STAMP " the begi\n" STAMP " another\n" STAMP " one\n");
	sink_put(s);
	line_deinit(&line);
}

static void
test_what_was_dropped_is_told_in_the_form_of_the_log(void **state)
{
	struct fixture *f = *state;
	const char *folder = f->folder.path, *away = "/tmp/upstart-test-away";

	for (uint32_t format = MSG_LOG_TIME; format <= MSG_LOG_JSON; format++) {
		struct line line = line_of(format);
		struct sink *s = sink_of(f, &(struct file_limits){ .format = format });
		char aside[64], *log;
		bool told = false;
		long numbers = 0;

		(void) snprintf(aside, sizeof(aside), "%s-%d", away, (int) getpid());
		say(s, &line, "before\n");
		assert_int_equal(rename(folder, aside), 0);
		for (int i = 0; i < 20000; i++) {
			char text[32];

			(void) snprintf(text, sizeof(text), "line number %d\n", i);
			say(s, &line, text);
		}
		assert_int_equal(rename(aside, folder), 0);
		assert_int_equal(sinks_flush(&f->sinks, 10 * SEC, &(const char *){ NULL }), 0);
		log = file_read(folder_path(&f->folder, "job.log"));
		assert_non_null(log);
		assert_non_null(strstr(log, "before"));
		for (char *text = strtok(log, "\n"); text != NULL; text = strtok(NULL, "\n")) {
			json_t *object = format == MSG_LOG_JSON ? json_loads(text, 0, NULL) : NULL;
			const char *said = format == MSG_LOG_JSON ? json_string_value(json_object_get(object, "line"))
								  : text + LINE_STAMP_SIZE;

			if (format == MSG_LOG_JSON) {
				assert_non_null(object);
				told = told || json_is_integer(json_object_get(object, "dropped"));
			} else {
				assert_memory_equal(text, STAMP " ", LINE_STAMP_SIZE);
				told = told || strstr(text, " bytes of output were dropped") != NULL;
			}
			if (said != NULL && strncmp(said, "line number ", 12) == 0)
				numbers++; /* whole, or it would not begin so */
			json_decref(object);
		}
		assert_true(told);
		assert_in_range(numbers, 100, 19999);
		free(log);
		sink_put(s);
		line_deinit(&line);
		assert_int_equal(unlink(folder_path(&f->folder, "job.log")), 0);
	}
}

/* -- age ---------------------------------------------------------------------- */

static void
test_old_file_is_followed_by_another_at_the_next_line(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sink_of(f, &(struct file_limits){ .max_age = 60, .keep = 3 });

	say(s, NULL, "one\n");
	wall += 59 * SEC;
	say(s, NULL, "two\n");
	wall += 1 * SEC;
	say(s, NULL, "three, and ");
	assert_log(f, "job.log.1", "one\ntwo\n");
	wall += 100 * SEC;
	say(s, NULL, "its end\nfour\n");
	assert_log(f, "job.log.1", "three, and its end\n");
	assert_log(f, "job.log.2", "one\ntwo\n");
	assert_log(f, "job.log", "four\n");
	/* A silent job's log stays, and so does one whose clock was set back. */
	wall -= 1000 * SEC;
	say(s, NULL, "five\n");
	assert_log(f, "job.log", "four\nfive\n");
	sink_put(s);
}

/* Who opens a log that is there already goes by when it was made. */
static void
test_age_is_known_to_a_successor(void **state)
{
	struct fixture *f = *state;
	struct sink *s;

	file_put(folder_path(&f->folder, "job.log"), "old\n");
	f->sinks.wall = wall_now;
	wall = (usec_t) time(NULL) * SEC + 30 * SEC;
	s = sink_of(f, &(struct file_limits){ .max_age = 3600, .keep = 3 });
	say(s, NULL, "one\n");
	assert_log(f, "job.log", "old\none\n");
	wall += 3600 * SEC;
	say(s, NULL, "two\n");
	assert_log(f, "job.log.1", "old\none\n");
	assert_log(f, "job.log", "two\n");
	sink_put(s);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamp_is_utc_with_milliseconds),
		cmocka_unit_test(test_time_stands_before_each_line),
		cmocka_unit_test(test_each_line_is_an_object),
		cmocka_unit_test(test_any_bytes_make_sound_json),
		cmocka_unit_test(test_long_line_and_long_names_fit_in_pieces),
		T(test_two_streams_never_tear_each_others_lines),
		T(test_json_line_that_is_interrupted_says_so),
		T(test_line_of_a_predecessor_is_ended),
		T(test_line_of_a_predecessor_is_ended_when_it_can_be),
		T(test_what_was_dropped_is_told_in_the_form_of_the_log),
		T(test_old_file_is_followed_by_another_at_the_next_line),
		T(test_age_is_known_to_a_successor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
