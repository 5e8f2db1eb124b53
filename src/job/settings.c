/* SPDX-License-Identifier: MIT */
#include "job/settings.h"

#include <errno.h>
#include <string.h>

#include "job/argument.h"
#include "job/recover.h"

static bool
set_import_policy(struct settings *settings, const char *value)
{
	settings->import_listed = strcmp(value, "listed") == 0;
	return settings->import_listed || strcmp(value, "all") == 0;
}

static bool
set_oom_score(struct settings *settings, const char *value)
{
	long score;

	if (strcmp(value, "never") == 0)
		score = -1000;
	else if (!argument_to_long(value, 10, &score) || score < -1000 || score > 1000)
		return false;
	settings->oom_score = (int) score;
	return true;
}

static const struct row {
	const char *name;
	size_t flag;						   /* offset of a bool, where there is no argument */
	bool (*set)(struct settings *settings, const char *value); /* takes one argument */
	const char *wrong;
} rows[] = {
	{ "import-policy", 0, set_import_policy, "Illegal policy, expected all or listed" },
	{ "default-oom-score", 0, set_oom_score, "Illegal oom score adjustment, expected -1000 to 1000 or 'never'" },
	{ "zero-exit-fails", offsetof(struct settings, zero_exit_fails), NULL, NULL },
	{ "absent-is-unequal", offsetof(struct settings, absent_is_unequal), NULL, NULL },
	{ "apparmor-must-load", offsetof(struct settings, apparmor_must_load), NULL, NULL },
	{ "forks-across-exec", offsetof(struct settings, forks_across_exec), NULL, NULL },
};

static const struct row *
find_row(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static bool
apply(struct settings *settings, const struct row *row, const char *value)
{
	if (row->set != NULL)
		return value != NULL && row->set(settings, value);
	if (value == NULL)
		*(bool *) ((char *) settings + row->flag) = true;
	return value == NULL;
}

bool
settings_set(struct settings *settings, const char *name, const char *value)
{
	const struct row *row = find_row(span_of(name));

	return row != NULL && apply(settings, row, value);
}

/* One stanza. 0, -EINVAL (reported) or -ENOMEM. */
static int
read_stanza(struct lexer *lex, struct settings *settings)
{
	const struct row *row;
	struct word w;
	int r = lexer_keyword(lex, &w);

	if (r < 0)
		return r;
	row = find_row(w.raw);
	if (row == NULL)
		return lexer_fault_line(lex, FAULT_UNKNOWN_STANZA, lex->line, w.at, w.raw);
	if (row->set != NULL) {
		r = lexer_argument(lex, false, &w);
		if (r < 0)
			return r;
		if (!apply(settings, row, w.text))
			r = lexer_fault_message(lex, FAULT_UNKNOWN_STANZA, w.at, w.raw, row->wrong);
		word_deinit(&w);
	} else {
		(void) apply(settings, row, NULL);
	}
	return r < 0 ? r : lexer_line_end(lex);
}

int
settings_parse(const struct parse_source *source, struct settings *settings, struct parse_report *report)
{
	size_t before = report->errors;
	struct lexer lex;
	int r = 0;

	lexer_init(&lex, source->text, source->path, report);
	if (source->text.n > 0 && memchr(source->text.p, '\0', source->text.n) != NULL) {
		while (lexer_peek(&lex) != '\0')
			lexer_step(&lex);
		return lexer_fault_message(&lex, FAULT_UNEXPECTED_TOKEN, lexer_place(&lex), (struct span){ 0 },
					   "Unexpected NUL byte");
	}
	if (lexer_begin(&lex) == -ENOMEM)
		return -ENOMEM;
	while (r == 0 && !lexer_at_end(&lex) && report->errors - before < PARSE_ERRORS_MAX) {
		struct lexer_mark start;

		lexer_skip_blanks(&lex);
		start = lexer_mark(&lex);
		r = lexer_at_line_end(&lex) ? lexer_line_end(&lex) : read_stanza(&lex, settings);
		if (r == -EINVAL) {
			lexer_recover(&lex, &start, false);
			r = 0;
		}
	}
	if (r < 0)
		return r;
	return report->errors > before ? -EINVAL : 0;
}
