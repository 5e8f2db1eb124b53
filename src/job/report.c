/* SPDX-License-Identifier: MIT */
/*
 * Faults of job files: the catalogue, the report they are gathered in, and their text.
 */
#include "job/report.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *id;
	bool warning;
	const char *message;
} faults[] = {
#define X(id, warning, message) [FAULT_##id] = { #id, warning, message },
	PARSE_FAULTS(X)
#undef X
};

static void
issue_deinit(struct parse_issue *issue)
{
	free(issue->path);
	free(issue->message);
	free(issue->word);
	*issue = (struct parse_issue){ 0 };
}

void
parse_report_deinit(struct parse_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		issue_deinit(&report->issues[i]);
	free(report->issues);
	*report = (struct parse_report){ 0 };
}

/* A copy for a log line: bounded, not cut inside a UTF-8 character, without control characters. */
static char *
word_dup(struct span word)
{
	bool cut = word.n > PARSE_WORD_MAX;
	size_t n = cut ? PARSE_WORD_MAX : word.n;
	char *copy;

	while (cut && n > 0 && ((unsigned char) word.p[n] & 0xc0) == 0x80)
		n--;
	copy = str_printf("%.*s%s", (int) n, word.p, cut ? "..." : "");
	for (char *p = copy; p != NULL && *p != '\0'; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = '?';
	return copy;
}

/* Room for one more; the array grows at powers of two. */
static int
report_reserve(struct parse_report *report)
{
	struct parse_issue *grown;

	if ((report->n & (report->n + 1)) != 0 && report->n != 0)
		return 0;
	grown = realloc(report->issues, 2 * (report->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	report->issues = grown;
	return 0;
}

int
report_add(struct parse_report *report, const char *path, const struct parse_fault *fault)
{
	bool warning = faults[fault->kind].warning;
	struct parse_issue issue = {
		.id = faults[fault->kind].id,
		.warning = warning,
		.line = fault->line != 0 ? fault->line : fault->at.line,
		.at_line = fault->at.line,
		.column = fault->at.column,
	};

	if (warning && report->n - report->errors >= PARSE_WARNINGS_MAX)
		return 0;
	if (report_reserve(report) < 0)
		return -ENOMEM;
	issue.path = strdup(path);
	issue.message = strdup(fault->message != NULL ? fault->message : faults[fault->kind].message);
	if (fault->word.n > 0)
		issue.word = word_dup(fault->word);
	if (issue.path == NULL || issue.message == NULL || (fault->word.n > 0 && issue.word == NULL)) {
		issue_deinit(&issue);
		return -ENOMEM;
	}
	report->issues[report->n++] = issue;
	if (warning)
		return 0;
	report->errors++;
	return -EINVAL;
}

char *
parse_issue_text(const struct parse_issue *issue)
{
	return str_printf("%s:%u: %s", issue->path, issue->line, issue->message);
}

char *
parse_issue_text_long(const struct parse_issue *issue)
{
	return str_printf("%s:%u:%u: %s%s%s", issue->path, issue->at_line, issue->column, issue->message,
			  issue->word != NULL ? ": " : "", issue->word != NULL ? issue->word : "");
}
