/* SPDX-License-Identifier: MIT */
#include "schedule/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/str.h"
#include "failalloc.h"
#include "unit.h"

struct world {
	char folder[32];
	char *path;
	struct ledger ledger;
};

static void
open_ledger(struct world *w, const char *boot)
{
	assert_int_equal(ledger_open(&w->ledger, w->path, boot, false), 0);
}

static void
reopen(struct world *w, const char *boot)
{
	ledger_close(&w->ledger);
	open_ledger(w, boot);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void) strcpy(w->folder, "/tmp/upstart-ledger-XXXXXX");
	if (!mkdtemp(w->folder))
		return -1;
	w->path = str_printf("%s/a/b/timers", w->folder);
	open_ledger(w, "one");
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	static const char *const names[] = { "a/b/timers", "a/b/timers.new", "a/b", "a", "" };

	ledger_close(&w->ledger);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = str_printf("%s/%s", w->folder, names[i]);

		if (unlink(path) < 0)
			(void) rmdir(path);
		free(path);
	}
	free(w->path);
	free(w);
	return 0;
}

static void
put(struct world *w, uint64_t id, int64_t last, int64_t next, usec_t due, uint64_t runs)
{
	struct ledger_record record = { .id = id, .last = last, .next = next, .due = due, .runs = runs };

	assert_int_equal(ledger_put(&w->ledger, &record, NULL), 0);
}

static void
expect(const struct world *w, uint64_t id, int64_t last, int64_t next, usec_t due, uint64_t runs)
{
	const struct ledger_record *r = ledger_get(&w->ledger, id);

	assert_non_null(r);
	assert_true(r->id == id && r->last == last && r->next == next && r->due == due && r->runs == runs);
}

/* The whole file; the caller's. */
static char *
content(const struct world *w)
{
	char *text = calloc(1, 100000);
	FILE *file = fopen(w->path, "r");

	assert_non_null(file);
	(void) fread(text, 1, 99999, file);
	(void) fclose(file);
	return text;
}

static void
write_content(const struct world *w, const char *text)
{
	FILE *file = fopen(w->path, "w");

	assert_non_null(file);
	(void) fputs(text, file);
	(void) fclose(file);
}

static size_t
lines(const struct world *w)
{
	char *text = content(w);
	size_t n = 0;

	for (const char *p = text; *p; p++)
		n += *p == '\n';
	free(text);
	return n;
}

static void
test_a_file_that_is_not_there_is_an_empty_ledger(void **state)
{
	struct world *w = *state;

	assert_true(w->ledger.changed == 0 && !w->ledger.same_boot && w->ledger.count == 0);
	assert_null(ledger_get(&w->ledger, 1));
	assert_int_equal(access(w->path, F_OK), -1); /* nothing is written before there is something */
	assert_int_equal(ledger_drop(&w->ledger, 1), 0);
	assert_int_equal(access(w->path, F_OK), -1);
}

static void
test_records_are_there_again(void **state)
{
	struct world *w = *state;

	put(w, 1, 100, 200, 0, 3);
	put(w, UINT64_MAX, -5, 0, UINT64_C(99999999999), 1);
	put(w, 1, 200, 300, 0, 4);
	reopen(w, "one");
	assert_true(w->ledger.same_boot && w->ledger.count == 2 && w->ledger.changed > 0);
	expect(w, 1, 200, 300, 0, 4);
	expect(w, UINT64_MAX, -5, 0, UINT64_C(99999999999), 1);
}

static void
test_another_boot_knows_times_but_no_counts(void **state)
{
	struct world *w = *state;

	put(w, 1, 100, 200, 777, 3);
	reopen(w, "two");
	assert_false(w->ledger.same_boot);
	expect(w, 1, 100, 200, 0, 0);
	put(w, 2, 1, 1, 1, 1);
	reopen(w, "two");
	assert_true(w->ledger.same_boot);
	expect(w, 1, 100, 200, 0, 0);
	expect(w, 2, 1, 1, 1, 1);
}

static void
test_what_is_dropped_stays_away(void **state)
{
	struct world *w = *state;

	put(w, 1, 100, 200, 0, 3);
	put(w, 2, 100, 200, 0, 3);
	assert_int_equal(ledger_drop(&w->ledger, 1), 0);
	assert_null(ledger_get(&w->ledger, 1));
	reopen(w, "one");
	assert_null(ledger_get(&w->ledger, 1));
	expect(w, 2, 100, 200, 0, 3);
}

static void
test_instances_keep_any_name(void **state)
{
	static const char *const names[] = { "", "db\n", "db\na b", "100%\n\t\x7f\xff", "%41", "=x" };
	struct world *w = *state;
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct ledger_record record = { .id = i + 10, .due = i + 1, .timer = 5 };

		assert_int_equal(ledger_put(&w->ledger, &record, names[i]), 0);
	}
	reopen(w, "one");
	assert_int_equal(w->ledger.instances, ARRAY_SIZE(names));
	for (const struct ledger_entry *e = w->ledger.entries; e; e = e->next) {
		assert_true(e->record.timer == 5 && e->record.id >= 10);
		assert_string_equal(e->instance, names[e->record.id - 10]);
		found++;
	}
	assert_int_equal(found, ARRAY_SIZE(names));
	assert_int_equal(ledger_drop(&w->ledger, 10), 0);
	assert_int_equal(w->ledger.instances, ARRAY_SIZE(names) - 1);
}

static void
test_history_does_not_grow_for_ever(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 1000; i++)
		put(w, 1 + i % 10, i, i, 0, i);
	assert_true(lines(w) <= 2 * 10 + 64 + 2);
	reopen(w, "one");
	assert_int_equal(w->ledger.count, 10);
	expect(w, 10, 999, 999, 0, 999);
}

static void
test_lines_that_make_no_sense_are_passed_over(void **state)
{
	struct world *w = *state;

	put(w, 1, 1, 1, 1, 1);
	write_content(w, "upstart-time 1 one\n"
			 "0000000000000002 1 2 3 4\n"
			 "rubbish\n"
			 "0000000000000000 1 2 3 4\n"
			 "0000000000000003 1 2 3\n"
			 "0000000000000004 1 2 3 4 0000000000000005 x\n"
			 "0000000000000006 1 2 3 4 0000000000000000 =x\n"
			 "0000000000000007 1 2 3 4\n"
			 "0000000000000008 1 2 3"); /* cut in two */
	reopen(w, "one");
	assert_int_equal(w->ledger.count, 2);
	expect(w, 2, 1, 2, 3, 4);
	expect(w, 7, 1, 2, 3, 4);
	/* What is written next makes the file whole again. */
	put(w, 9, 1, 2, 3, 4);
	assert_int_equal(lines(w), 4);
	write_content(w, "something else\n0000000000000002 1 2 3 4\n");
	reopen(w, "one");
	assert_int_equal(w->ledger.count, 0);
}

static void
test_what_could_not_be_written_is_with_the_next(void **state)
{
	struct world *w = *state;
	struct ledger_record record = { .id = 1, .last = 5 };
	char *folder = str_printf("%s/a", w->folder);
	int fd = open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	/* A file stands where its folder should. */
	assert_true(fd >= 0);
	(void) close(fd);
	assert_true(ledger_put(&w->ledger, &record, NULL) < 0);
	expect(w, 1, 5, 0, 0, 0);
	assert_int_equal(unlink(folder), 0);
	free(folder);
	put(w, 2, 6, 0, 0, 0);
	reopen(w, "one");
	expect(w, 1, 5, 0, 0, 0);
	expect(w, 2, 6, 0, 0, 0);
}

static void
test_a_file_that_comes_late_adds_what_is_not_known(void **state)
{
	struct world *w = *state;

	put(w, 1, 1, 1, 0, 0);
	write_content(w, "upstart-time 1 before\n0000000000000001 9 9 0 0\n0000000000000002 9 9 0 0\n");
	assert_int_equal(ledger_reread(&w->ledger), 0);
	expect(w, 1, 1, 1, 0, 0);
	expect(w, 2, 9, 9, 0, 0);
	/* And is written anew, not appended to. */
	put(w, 3, 1, 1, 0, 0);
	reopen(w, "one");
	assert_true(w->ledger.same_boot);
	expect(w, 1, 1, 1, 0, 0);
	expect(w, 2, 9, 9, 0, 0);
}

static void
test_numbers_of_texts_differ(void **state)
{
	assert_true(ledger_id("a") != ledger_id("b"));
	assert_true(ledger_id("job-1") != ledger_id("job-2"));
	assert_true(ledger_id("") != 0);
	/* They stand in files of machines that are updated. */
	assert_true(ledger_id("backup\x1fstart\x1f" "CRON=0 3 * * *") == ledger_id("backup\x1fstart\x1f" "CRON=0 3 * * *"));
}

static int
use(void *data)
{
	struct world *w = data;
	struct ledger_record record = { .id = 77, .due = 1, .timer = 5 };
	struct ledger ledger;
	int r;

	/* Lines that are read are libc's blocks, which are not counted. */
	(void) unlink(w->path);
	r = ledger_open(&ledger, w->path, "one", false);
	if (r == 0)
		r = ledger_put(&ledger, &record, "x\ny");
	if (r == 0)
		r = ledger_drop(&ledger, 77);
	if (r == 0)
		r = ledger_put(&ledger, &record, NULL);
	ledger_close(&ledger);
	return r;
}

static void
test_memory_that_runs_out_leaves_it_usable(void **state)
{
	struct world *w = *state;

	put(w, 1, 1, 1, 0, 0);
	(void) failalloc_each_lenient(use, w);
	reopen(w, "one");
	assert_non_null(ledger_get(&w->ledger, 77));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_file_that_is_not_there_is_an_empty_ledger),
		TEST(test_records_are_there_again),
		TEST(test_another_boot_knows_times_but_no_counts),
		TEST(test_what_is_dropped_stays_away),
		TEST(test_instances_keep_any_name),
		TEST(test_history_does_not_grow_for_ever),
		TEST(test_lines_that_make_no_sense_are_passed_over),
		TEST(test_what_could_not_be_written_is_with_the_next),
		TEST(test_a_file_that_comes_late_adds_what_is_not_known),
		TEST(test_numbers_of_texts_differ),
		TEST(test_memory_that_runs_out_leaves_it_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
