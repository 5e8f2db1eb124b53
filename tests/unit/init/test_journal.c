/* SPDX-License-Identifier: MIT */
/*
 * Records go in and come out; whatever happens to the file, nothing that is not sound comes out.
 */
#include "init/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/wire.h"
#include "scratch.h"
#include "system/memfile.h"

#define MANY 300

struct seen {
	uint64_t values[MANY + 1];
	size_t n;
	int stop_at; /* -1: never */
};

static int
see_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct seen *seen = data;
	struct wire_in in;

	assert_int_equal(kind, RECORD_INPUT);
	assert_true(seen->n < MANY + 1);
	wire_in_init(&in, p, n);
	seen->values[seen->n] = wire_get_uint(&in);
	assert_false(in.bad);
	assert_true(at >= 0);
	seen->n++;
	return seen->stop_at >= 0 && seen->n == (size_t) seen->stop_at ? -ECANCELED : 0;
}

static void
append(struct journal *j, uint64_t value)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	wire_put_uint(&b, value);
	/* Records of different lengths. */
	for (uint64_t i = 0; i < value % 50; i++)
		wire_put_uint(&b, i);
	assert_int_equal(journal_append(j, RECORD_INPUT, &b, false, NULL), 0);
}

static struct journal *
filled(int n)
{
	struct journal *j = journal_new(memfile_new("test"), true);

	assert_non_null(j);
	for (int i = 0; i < n; i++)
		append(j, (uint64_t) i);
	return j;
}

/* Another reader of the same file. */
static struct journal *
reopened(const struct journal *j)
{
	struct journal *other = journal_new(dup(journal_fd(j)), true);

	assert_non_null(other);
	return other;
}

static struct seen
read_all(struct journal *j)
{
	struct seen seen = { .stop_at = -1 };

	assert_int_equal(journal_read(j, see_cb, &seen), 0);
	for (size_t i = 0; i < seen.n; i++)
		assert_int_equal(seen.values[i], i);
	return seen;
}

static void
what_is_written_is_read(void **state)
{
	struct journal *j = filled(MANY);
	struct journal *other = reopened(j);

	assert_int_equal(read_all(other).n, MANY);
	assert_int_equal(journal_size(other), journal_size(j));
	(void) journal_free(other);
	(void) journal_free(j);
}

static void
appending_goes_on_after_reading(void **state)
{
	struct journal *j = filled(10);
	struct journal *other = reopened(j);

	assert_int_equal(read_all(other).n, 10);
	append(other, 10);
	append(other, 11);
	assert_int_equal(read_all(j).n, 12);
	(void) journal_free(other);
	(void) journal_free(j);
}

static void
reader_may_stop(void **state)
{
	struct journal *j = filled(10);
	struct seen seen = { .stop_at = 4 };

	assert_int_equal(journal_read(j, see_cb, &seen), -ECANCELED);
	assert_int_equal(seen.n, 4);
	(void) journal_free(j);
}

static void
one_record_is_found_by_its_place(void **state)
{
	struct journal *j = filled(5);
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;
	uint32_t kind = 0;
	off_t at;

	wire_put_uint(&b, 4711);
	assert_int_equal(journal_append(j, RECORD_DEFINITION, &b, false, &at), 0);
	append(j, 5);
	b.len = 0;
	assert_int_equal(journal_read_at(j, at, &kind, &b), 0);
	assert_int_equal(kind, RECORD_DEFINITION);
	wire_in_init(&in, b.p, b.len);
	assert_int_equal(wire_get_uint(&in), 4711);
	b.len = 0;
	assert_int_equal(journal_read_at(j, at + 1, &kind, &b), -EBADMSG);
	(void) journal_free(j);
}

/* Cut the file at every place: all records that are whole are read, no other. */
static void
truncated_file_loses_its_end_only(void **state)
{
	struct journal *j = filled(12);
	off_t size = journal_size(j);
	size_t before = 12;

	for (off_t cut = size; cut >= 0; cut--) {
		struct journal *other;
		struct seen seen;

		assert_int_equal(ftruncate(journal_fd(j), cut), 0);
		other = reopened(j);
		seen = read_all(other);
		assert_true(seen.n <= before);
		before = seen.n;
		(void) journal_free(other);
	}
	assert_int_equal(before, 0);
	(void) journal_free(j);
}

/* Turn every bit: what is read is a beginning of what was written. */
static void
no_turned_bit_goes_unnoticed(void **state)
{
	struct journal *j = filled(12);
	off_t size = journal_size(j);

	for (off_t at = 0; at < size; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct journal *other;
			unsigned char c, turned;

			assert_int_equal(pread(journal_fd(j), &c, 1, at), 1);
			turned = (unsigned char) (c ^ (1u << bit));
			assert_int_equal(pwrite(journal_fd(j), &turned, 1, at), 1);
			other = reopened(j);
			assert_true(read_all(other).n < 12);
			(void) journal_free(other);
			assert_int_equal(pwrite(journal_fd(j), &c, 1, at), 1);
		}
	(void) journal_free(j);
}

/* Damage in one record costs that one only, wherever it is, for a reader who can go on. */
static void
salvage_goes_on_behind_a_turned_bit(void **state)
{
	struct journal *j = filled(12);
	off_t size = journal_size(j);

	for (off_t at = 0; at < size; at++) {
		struct journal *other;
		struct seen seen = { .stop_at = -1 };
		unsigned char c, turned;
		size_t gaps;

		assert_int_equal(pread(journal_fd(j), &c, 1, at), 1);
		turned = (unsigned char) (c ^ (1u << at % 8));
		assert_int_equal(pwrite(journal_fd(j), &turned, 1, at), 1);
		other = reopened(j);
		assert_int_equal(journal_salvage(other, see_cb, &seen, &gaps), 0);
		assert_int_equal(seen.n, 11);
		/* The last one has nothing behind it. */
		assert_int_equal(gaps, seen.values[10] == 11 ? 1 : 0);
		append(other, 12);
		seen.n = 0;
		assert_int_equal(journal_salvage(other, see_cb, &seen, &gaps), 0);
		assert_int_equal(seen.n, 12);
		assert_int_equal(seen.values[11], 12);
		assert_int_equal(ftruncate(journal_fd(j), 0), 0);
		(void) journal_free(other);
		(void) journal_free(j);
		j = filled(12);
	}
	(void) journal_free(j);
}

static void
noise_is_no_record(void **state)
{
	uint64_t random = 42;

	for (int round = 0; round < 200; round++) {
		struct journal *j = journal_new(memfile_new("test"), false);
		struct seen seen = { .stop_at = -1 };
		unsigned char noise[512];

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (unsigned char) unit_random(&random);
		if (round % 2 == 0)
			memset(noise, 0, 4 + (size_t) round % 8);
		assert_int_equal(pwrite(journal_fd(j), noise, sizeof(noise), 0), sizeof(noise));
		assert_int_equal(journal_read(j, see_cb, &seen), 0);
		assert_int_equal(seen.n, 0);
		(void) journal_free(j);
	}
}

/* A file that may not grow: ordinary records are refused in time, vital ones still fit. */
static void
reserve_is_kept_for_what_is_vital(void **state)
{
	struct rlimit before, tight = { 128 * 1024, 128 * 1024 };
	struct journal *j = journal_new(memfile_new("test"), true);
	auto_strbuf struct strbuf b = STRBUF_INIT;
	int refused = 0, vital = 0, n = 0;

	(void) signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (uint64_t i = 0; refused == 0 && i < 100000; i++, n++) {
		b.len = 0;
		wire_put_uint(&b, i);
		refused = journal_append(j, RECORD_INPUT, &b, false, NULL);
	}
	for (int i = 0; i < 100; i++) {
		b.len = 0;
		wire_put_uint(&b, (uint64_t) (n - 1 + i));
		vital += journal_append(j, RECORD_INPUT, &b, true, NULL) == 0 ? 1 : 0;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(refused == -EFBIG || refused == -ENOSPC);
	assert_int_equal(vital, 100);
	(void) journal_free(j);
}

/* Whoever could not have a journal may need the file again. */
static void
file_stays_open_where_there_is_no_journal(void **state)
{
	int fd = memfile_new("test");
	struct journal *j;

	failalloc_arm(1, true);
	j = journal_new(fd, true);
	assert_true(failalloc_disarm());
	assert_null(j);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	j = journal_new(fd, true);
	assert_non_null(j);
	assert_int_equal(journal_release(j), fd);
	assert_int_equal(close(fd), 0);
}

static int
round_trip(void *data)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct seen seen = { .stop_at = -1 };
	auto_close int fd = memfile_new("test");
	struct journal *j = journal_new(fd, true);
	int r = -ENOMEM;

	wire_put_uint(&b, 0);
	if (j != NULL)
		r = journal_append(j, RECORD_INPUT, &b, false, NULL);
	if (r == 0)
		r = journal_read(j, see_cb, &seen);
	if (j != NULL)
		(void) journal_release(j);
	return r;
}

static void
want_of_memory_is_reported(void **state)
{
	assert_true(failalloc_each(round_trip, NULL) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(appending_goes_on_after_reading),
		cmocka_unit_test(reader_may_stop),
		cmocka_unit_test(one_record_is_found_by_its_place),
		cmocka_unit_test(truncated_file_loses_its_end_only),
		cmocka_unit_test(no_turned_bit_goes_unnoticed),
		cmocka_unit_test(salvage_goes_on_behind_a_turned_bit),
		cmocka_unit_test(noise_is_no_record),
		cmocka_unit_test(file_stays_open_where_there_is_no_journal),
		cmocka_unit_test(reserve_is_kept_for_what_is_vital),
		cmocka_unit_test(want_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
