/* SPDX-License-Identifier: MIT */
/*
 * Journals that images of other releases may leave to this one (golden/, see golden/make): all in them is understood,
 * what is not known yet does no harm, and what is damaged is lost and nothing else.
 *
 *     test_init_golden --print STEM    what the loader makes of a pair of files
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/wire.h"
#include "init/brain.h"
#include "init/definitions.h"
#include "init/state.h"
#include "loader.h"
#include "unit.h"

#define STEMS_MAX 32

static char stems[STEMS_MAX][512];
static size_t n_stems;

static void
find_stems(void)
{
	DIR *dir = opendir(GOLDEN_DIR);
	const struct dirent *d;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		const char *end = strstr(d->d_name, ".journal");

		if (end == NULL || end[strlen(".journal")] != '\0')
			continue;
		assert_true(n_stems < STEMS_MAX);
		(void) snprintf(stems[n_stems++], sizeof(stems[0]), "%s/%.*s", GOLDEN_DIR, (int) (end - d->d_name),
				d->d_name);
	}
	(void) closedir(dir);
}

static void
read_stem(struct heritage *h, const char *stem)
{
	*h = (struct heritage){ 0 };
	assert_int_equal(heritage_read(h, stem), 0);
}

/* What a heritage is loaded to, as text; the caller's. */
static char *
printed(const struct heritage *h)
{
	struct strbuf b = STRBUF_INIT;
	struct rig rig;
	int r;

	loader_load(&rig, h, &r);
	assert_int_equal(r, 0);
	loader_print(&rig, &b);
	loader_free(&rig);
	return strbuf_steal(&b);
}

/* Each line of `wanted` is there, in this order; a note may have grown at its end, and there may be more lines. */
static void
assert_has_lines(const char *text, const char *wanted)
{
	for (const char *line = wanted; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		bool found = false;

		while (*text != '\0' && !found) {
			found = strncmp(text, line, n) == 0 &&
				(text[n] == '\n' || (text[n] == ' ' && strncmp(line, "note ", 5) == 0));
			text += strcspn(text, "\n");
			text += *text == '\n' ? 1 : 0;
		}
		if (!found)
			fail_msg("missing: %.*s", (int) n, line);
		line += n + (line[n] == '\n' ? 1 : 0);
	}
}

static char *
expected(const char *stem)
{
	char path[sizeof(stems[0]) + 16];
	FILE *f;
	char *text = calloc(1, 1024 * 1024);

	(void) snprintf(path, sizeof(path), "%.*s.expected", (int) sizeof(stems[0]), stem);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, 1024 * 1024 - 1, f) > 0);
	(void) fclose(f);
	return text;
}

static void
journals_of_all_releases_are_understood(void **state)
{
	(void) state;
	assert_true(n_stems > 0);
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		auto_free char *wanted = expected(stems[i]);
		auto_free char *text = NULL;

		read_stem(&h, stems[i]);
		text = printed(&h);
		assert_has_lines(text, wanted);
		heritage_deinit(&h);
	}
}

/* The kind of a note; 0: it is none. */
static int
note_kind_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	bool *seen = data;
	uint64_t what = 0;
	struct wire_in in;

	(void) at;
	wire_in_init(&in, p, n);
	for (size_t members = kind == RECORD_NOTE ? wire_get_map(&in) : 0; members > 0 && !in.bad; members--) {
		if (span_is(wire_get_span(&in), "kind"))
			what = wire_get_uint(&in);
		else
			wire_skip(&in);
	}
	if (what < NOTE_KIND_COUNT)
		seen[what] = true;
	return 0;
}

/* Whoever adds a kind of note leaves a journal with one to the releases to come (golden/make). */
static void
every_kind_of_note_is_in_a_golden_journal(void **state)
{
	static const char *const names[] = {
#define X(id) #id,
		NOTES(X)
#undef X
	};
	bool seen[NOTE_KIND_COUNT] = { false };

	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		struct journal *j;

		read_stem(&h, stems[i]);
		j = heritage_journal(&h);
		assert_int_equal(journal_read(j, note_kind_cb, seen), 0);
		(void) journal_free(j);
		heritage_deinit(&h);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!seen[i + 1])
			fail_msg("no golden journal has a note %s", names[i]);
}

static void
what_is_not_known_yet_is_ignored(void **state)
{
	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h, future = { 0 };
		auto_free char *text = NULL, *again = NULL;

		read_stem(&h, stems[i]);
		heritage_of_the_future(&future, &h);
		assert_true(future.journal.len > h.journal.len);
		text = printed(&h);
		again = printed(&future);
		assert_string_equal(text, again);
		heritage_deinit(&future);
		heritage_deinit(&h);
	}
}

/* -- damage ---------------------------------------------------------------------------- */

static uint64_t
seq_after(const struct heritage *h)
{
	struct rig rig;
	uint64_t seq;
	int r;

	loader_load(&rig, h, &r);
	assert_true((r == 0) == (rig.init.core != NULL));
	seq = r == 0 ? core_seq(rig.init.core) : 0;
	loader_free(&rig);
	return seq;
}

/* The inputs in the records before the n-th, and whether the core is among them. */
static uint64_t
seq_of_records(const struct heritage *h, size_t n)
{
	struct heritage head = { .definitions = h->definitions, .journal = h->journal };

	head.journal.len = (size_t) record_at(&h->journal, n);
	return seq_after(&head);
}

/* Cut anywhere, it says what the records say that are whole. */
static void
truncated_journal_loses_its_end_only(void **state)
{
	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		size_t n = 0, size;
		uint64_t last = 0;

		read_stem(&h, stems[i]);
		size = h.journal.len;
		for (; record_at(&h.journal, n + 1) >= 0; n++) {
			off_t from = record_at(&h.journal, n), to = record_at(&h.journal, n + 1);
			uint64_t seq = seq_of_records(&h, n);
			off_t middles[] = { from + 1, to - 1 };

			assert_true(seq >= last);
			last = seq;
			for (size_t k = 0; k < ARRAY_SIZE(middles); k++) {
				h.journal.len = (size_t) middles[k];
				assert_int_equal(seq_after(&h), seq);
				h.journal.len = size;
			}
		}
		assert_int_equal((size_t) record_at(&h.journal, n), size);
		assert_true(seq_after(&h) >= last && last > 0);
		heritage_deinit(&h);
	}
}

/* A bit that turns anywhere in a record ends the reading there. */
static void
turned_bit_in_the_journal_loses_what_follows(void **state)
{
	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		size_t bit = 0;

		read_stem(&h, stems[i]);
		for (size_t n = 0; record_at(&h.journal, n + 1) >= 0; n++) {
			off_t from = record_at(&h.journal, n), to = record_at(&h.journal, n + 1);
			uint64_t seq = seq_of_records(&h, n);

			/* In its head and at some places behind it. */
			for (off_t at = from; at < to; at += at < from + 16 ? 3 : 1 + (to - from) / 4) {
				h.journal.p[at] ^= (char) (1 << bit % 8);
				assert_int_equal(seq_after(&h), seq);
				h.journal.p[at] ^= (char) (1 << bit++ % 8);
			}
		}
		heritage_deinit(&h);
	}
}

static size_t
count_jobs(const struct heritage *h)
{
	struct core_counts counts;
	struct rig rig;
	int r;

	loader_load(&rig, h, &r);
	assert_int_equal(r, 0);
	core_counts(rig.init.core, &counts);
	loader_free(&rig);
	return counts.classes;
}

/* Definitions do not hang together: one that is damaged costs its own job. */
static void
turned_bit_in_the_definitions_costs_one_job(void **state)
{
	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		size_t bit = 0, jobs;

		read_stem(&h, stems[i]);
		jobs = count_jobs(&h);
		for (size_t n = 0; record_at(&h.definitions, n + 1) >= 0; n++) {
			off_t from = record_at(&h.definitions, n), to = record_at(&h.definitions, n + 1);

			for (off_t at = from; at < to; at += at < from + 16 ? 1 : 5) {
				h.definitions.p[at] ^= (char) (1 << bit % 8);
				assert_true(count_jobs(&h) + 1 >= jobs);
				h.definitions.p[at] ^= (char) (1 << bit++ % 8);
			}
		}
		heritage_deinit(&h);
	}
}

/* Damage that the CRC does not show: anything may come out, but nothing breaks, and what comes out can be kept and
 * read. */
static void
sealed_damage_does_no_harm(void **state)
{
	const int step = getenv("UPSTART_TEST_LONG") != NULL ? 1 : 7;

	(void) state;
	for (size_t i = 0; i < n_stems; i++) {
		struct heritage h;
		size_t bit = 0;

		read_stem(&h, stems[i]);
		for (size_t n = 0; record_at(&h.journal, n + 1) >= 0; n++) {
			off_t from = record_at(&h.journal, n), to = record_at(&h.journal, n + 1);
			auto_free char *before = malloc((size_t) (to - from));

			memcpy(before, h.journal.p + from, (size_t) (to - from));
			for (off_t at = from + 16 + (off_t) n % step; at < to; at += step) {
				h.journal.p[at] ^= (char) (1 << bit++ % 8);
				record_seal(&h.journal, from);
				(void) seq_after(&h);
				memcpy(h.journal.p + from, before, (size_t) (to - from));
			}
		}
		heritage_deinit(&h);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journals_of_all_releases_are_understood),
		cmocka_unit_test(every_kind_of_note_is_in_a_golden_journal),
		cmocka_unit_test(what_is_not_known_yet_is_ignored),
		cmocka_unit_test(truncated_journal_loses_its_end_only),
		cmocka_unit_test(turned_bit_in_the_journal_loses_what_follows),
		cmocka_unit_test(turned_bit_in_the_definitions_costs_one_job),
		cmocka_unit_test(sealed_damage_does_no_harm),
	};

	loader_init();
	if (argc == 3 && strcmp(argv[1], "--print") == 0) {
		struct heritage h;
		auto_free char *text = NULL;

		read_stem(&h, argv[2]);
		text = printed(&h);
		(void) fputs(text, stdout);
		heritage_deinit(&h);
		return 0;
	}
	find_stems();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
