/* SPDX-License-Identifier: MIT */
/*
 * The list of cases of the job language (tests/data/language-cases.tsv): every row has the
 * result it names, but for those that tests/data/language-quirks.md lists with another. Then the list of
 * our own (tests/data/language-more.tsv), which also says how what is right is written.
 * Every row that is right is written and read back; every row survives every failing allocation.
 */
#include "jobtest.h"

#define ROWS_MAX 2000

struct row {
	char *raw;  /* first column as it stands in the file */
	char *text; /* without escapes */
	size_t n;
	char *want; /* "ok" or "IDENTIFIER:LINE" */
	bool quirk;
	const char *ours; /* borrowed from quirks */
	bool is_new;
	char *printed; /* how it is written; NULL: the list does not say */
};

struct quirk {
	char *raw;
	char *theirs;
	char *ours;
	bool is_new; /* a stanza the original did not know */
	bool seen;
};

static const char *data_dir;
static struct row rows[ROWS_MAX];
static size_t n_rows;
static struct quirk quirks[ROWS_MAX];
static size_t n_quirks;

static FILE *
open_data(const char *name)
{
	auto_free char *path = str_printf("%s/%s", data_dir, name);
	FILE *file = fopen(path, "r");

	if (file == NULL)
		fail_msg("cannot open %s", path);
	return file;
}

/* Cut the line at tabs; at most n pieces, missing ones NULL. */
static void
split(char *line, char **pieces, size_t n)
{
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < n; i++)
		pieces[i] = strsep(&line, "\t");
}

/* The character behind a backslash; *p is moved to its last one. */
static char
escaped(const char **p)
{
	const char digits[] = { (*p)[1], **p == 'x' ? (*p)[2] : '\0', '\0' };

	if (**p == 'x') {
		*p += 2;
		return (char) strtol(digits, NULL, 16);
	}
	return **p == 'n' ? '\n' : **p == 't' ? '\t' : **p == 'r' ? '\r' : **p == '0' ? '\0' : '\\';
}

static char *
unescape(const char *p, size_t *n)
{
	char *text = malloc(strlen(p) + 1);

	for (*n = 0; *p != '\0'; p++) {
		char c = *p;

		if (c == '\\') {
			p++;
			c = escaped(&p);
		}
		text[(*n)++] = c;
	}
	text[*n] = '\0';
	return text;
}

static void
read_quirks(void)
{
	FILE *file = open_data("language-quirks.md");
	char line[4096];
	char *pieces[4];

	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "    ", 4) != 0)
			continue;
		split(line + 4, pieces, 4);
		assert_non_null(pieces[3]); /* the reason */
		assert_true(n_quirks < ROWS_MAX);
		quirks[n_quirks++] = (struct quirk) { strdup(pieces[0]), strdup(pieces[1]), strdup(pieces[2]),
						strncmp(pieces[3], "new stanza:", 11) == 0, false };
	}
	(void) fclose(file);
}

static void
find_quirk(struct row *row)
{
	for (size_t i = 0; i < n_quirks; i++) {
		if (strcmp(quirks[i].raw, row->raw) != 0)
			continue;
		assert_string_equal(quirks[i].theirs, row->want);
		quirks[i].seen = true;
		row->ours = quirks[i].ours;
		row->is_new = quirks[i].is_new && strncmp(row->want, "UNKNOWN_STANZA", 14) == 0;
	}
}

/* The list of our own; a line without a tab is no row. */
static void
read_more(void)
{
	FILE *file = open_data("language-more.tsv");
	char line[4096];
	char *pieces[3];
	size_t n;

	while (fgets(line, sizeof(line), file) != NULL) {
		struct row *row = &rows[n_rows];

		split(line, pieces, 3);
		if (pieces[1] == NULL)
			continue;
		assert_true(++n_rows < ROWS_MAX);
		row->raw = strdup(pieces[0]);
		row->want = strdup(pieces[1]);
		row->text = unescape(row->raw, &row->n);
		row->printed = pieces[2] != NULL ? unescape(pieces[2], &n) : NULL;
	}
	(void) fclose(file);
}

static int
read_data(void **state)
{
	FILE *file;
	char line[4096];
	char *pieces[3];

	read_quirks();
	file = open_data("language-cases.tsv");
	while (fgets(line, sizeof(line), file) != NULL) {
		struct row *row = &rows[n_rows++];

		split(line, pieces, 3);
		assert_true(n_rows < ROWS_MAX && pieces[1] != NULL);
		row->raw = strdup(pieces[0]);
		row->want = strdup(pieces[1]);
		row->quirk = pieces[2] != NULL && strcmp(pieces[2], "quirk") == 0;
		row->text = unescape(row->raw, &row->n);
		find_quirk(row);
	}
	(void) fclose(file);
	read_more();
	return 0;
}

static int
free_data(void **state)
{
	for (size_t i = 0; i < n_rows; i++) {
		free(rows[i].raw);
		free(rows[i].text);
		free(rows[i].want);
		free(rows[i].printed);
	}
	for (size_t i = 0; i < n_quirks; i++) {
		free(quirks[i].raw);
		free(quirks[i].theirs);
		free(quirks[i].ours);
	}
	return 0;
}

/* "ok", or the first error in the form of the list. */
static char *
result_of(const struct parsed *p)
{
	const struct parse_issue *issue = first_error(&p->report);

	assert_int_equal(p->r, issue == NULL ? 0 : -EINVAL);
	assert_int_equal(p->cls != NULL, issue == NULL);
	return issue == NULL ? strdup("ok") : str_printf("%s:%u", issue->id, issue->line);
}

static void
test_rows(void **state)
{
	size_t wrong = 0;

	assert_true(n_rows > 300);
	for (size_t i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];
		auto_parsed struct parsed p = parse_span((struct span) { row->text, row->n });
		auto_free char *got = result_of(&p);
		const char *want = row->ours != NULL ? row->ours : row->want;

		if (strcmp(got, want) == 0)
			continue;
		wrong++;
		print_error("row %zu: %s: want %s, got %s%s\n", i + 1, row->raw, want, got,
			    row->quirk ? " (quirk)" : "");
	}
	assert_int_equal(wrong, 0);
}

/* Only rows marked so may differ, and stanzas that are new; the list of differences has no row too many. */
static void
test_quirks(void **state)
{
	for (size_t i = 0; i < n_quirks; i++) {
		if (!quirks[i].seen)
			fail_msg("no such row: %s", quirks[i].raw);
		assert_string_not_equal(quirks[i].theirs, quirks[i].ours);
	}
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].ours != NULL && !rows[i].quirk && !rows[i].is_new)
			fail_msg("row %zu is no quirk: %s", i + 1, rows[i].raw);
}

/* What is written reads back as the same, and is written the same again. */
static void
test_rows_print(void **state)
{
	size_t n = 0;

	for (size_t i = 0; i < n_rows; i++) {
		auto_parsed struct parsed p = parse_span((struct span) { rows[i].text, rows[i].n });
		auto_free char *text = p.r == 0 ? job_class_print(p.cls) : NULL;

		if (p.r != 0)
			continue;
		auto_parsed struct parsed again = parse_good(text);
		auto_free char *text_again = job_class_print(again.cls);

		if (!job_class_equal(p.cls, again.cls))
			fail_msg("%s is written as %s", rows[i].raw, text);
		assert_string_equal(text_again, text);
		n++;
	}
	assert_true(n > 150);
}

/* What the list of our own says of how it is written. */
static void
test_rows_printed(void **state)
{
	size_t wrong = 0, n = 0;

	for (size_t i = 0; i < n_rows; i++) {
		auto_parsed struct parsed p = parse_span((struct span) { rows[i].text, rows[i].n });
		auto_free char *text = p.r == 0 ? job_class_print(p.cls) : NULL;

		if (rows[i].printed == NULL)
			continue;
		n++;
		if (text != NULL && strcmp(text, rows[i].printed) == 0)
			continue;
		wrong++;
		print_error("%s: is written as %s", rows[i].raw, text != NULL ? text : "nothing\n");
	}
	assert_int_equal(wrong, 0);
	assert_true(n > 200);
}

/* Every row as an override: the job of the conf file stays, whatever is wrong. */
static void
test_rows_as_override(void **state)
{
	static const char base[] = "start on base\nenv A=1\nexec /bin/base\n";
	auto_parsed struct parsed alone = parse_good(base);

	for (size_t i = 0; i < n_rows; i++) {
		struct parse_source conf = { "test.conf", SPAN(base) };
		struct parse_source over = { "test.override", { rows[i].text, rows[i].n } };
		auto_parsed struct parsed p = { 0 };

		p.r = job_parse("test", &conf, &over, &p.cls, &p.report);
		assert_int_equal(p.r, 0);
		assert_non_null(p.cls);
		if (p.report.errors == 0)
			continue;
		assert_true(job_class_equal(p.cls, alone.cls));
		assert_string_equal(first_error(&p.report)->path, "test.override");
	}
}

static int
parse_row(void *data)
{
	const struct row *row = data;
	auto_parsed struct parsed p = { 0 };
	struct parse_source source = { "test.conf", { row->text, row->n } };
	auto_free char *text = NULL;

	p.r = job_parse("test", &source, &source, &p.cls, &p.report);
	if (p.r != 0) {
		assert_null(p.cls);
		return p.r == -EINVAL ? 0 : p.r;
	}
	text = job_class_print(p.cls);
	return text != NULL ? 0 : -ENOMEM;
}

static void
test_rows_without_memory(void **state)
{
	for (size_t i = 0; i < n_rows; i++)
		(void) failalloc_each(parse_row, &rows[i]);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_quirks),
		cmocka_unit_test(test_rows_print),
		cmocka_unit_test(test_rows_printed),
		cmocka_unit_test(test_rows_as_override),
		cmocka_unit_test(test_rows_without_memory),
	};

	if (argc != 2) {
		(void) fprintf(stderr, "usage: %s DATA_DIRECTORY\n", argv[0]);
		return 2;
	}
	data_dir = argv[1];
	return cmocka_run_group_tests(tests, read_data, free_data);
}
