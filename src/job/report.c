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
	free(issue->hint);
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
	if (fault->hint != NULL)
		issue.hint = strdup(fault->hint);
	if (issue.path == NULL || issue.message == NULL || (fault->word.n > 0 && issue.word == NULL) ||
	    (fault->hint != NULL && issue.hint == NULL)) {
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
	return str_printf("%s:%u:%u: %s%s%s%s%s%s%s", issue->path, issue->at_line, issue->column,
			  issue->warning ? "warning: " : "", issue->message, issue->word != NULL ? ": " : "",
			  issue->word != NULL ? issue->word : "", issue->hint != NULL ? " (" : "",
			  issue->hint != NULL ? issue->hint : "", issue->hint != NULL ? ")" : "");
}

#define EXCERPT_MAX 160u /* bytes of a line */
#define EXCERPT_INDENT "    "

/* Line number `line` of the text, without its newline; empty beyond the end. */
static struct span
line_of(struct span text, unsigned line)
{
	const char *p = text.p, *end = text.p + text.n, *nl = NULL;

	for (; text.n > 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t) (end - p));
		if (--line == 0)
			return (struct span){ p, (size_t) ((nl != NULL ? nl : end) - p) };
		if (nl == NULL)
			break;
	}
	return (struct span){ "", 0 };
}

/* The part of a line around a column, which becomes that of the part; it begins and ends with whole characters. */
static struct span
part_of(struct span line, unsigned *column)
{
	size_t skip = *column > EXCERPT_MAX ? *column - EXCERPT_MAX / 2 : 0;

	if (skip > line.n)
		skip = line.n;
	while (skip > 0 && skip < line.n && ((unsigned char) line.p[skip] & 0xc0) == 0x80)
		skip--;
	line.p += skip;
	line.n -= skip;
	*column -= (unsigned) skip;
	if (line.n <= EXCERPT_MAX)
		return line;
	line.n = EXCERPT_MAX;
	while (line.n > 0 && ((unsigned char) line.p[line.n] & 0xc0) == 0x80)
		line.n--;
	return line;
}

char *
parse_issue_excerpt(const struct parse_issue *issue, struct span text)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	unsigned column = issue->column;
	struct span line = part_of(line_of(text, issue->at_line), &column);

	strbuf_add(&b, EXCERPT_INDENT);
	for (size_t i = 0; i < line.n; i++)
		strbuf_addc(
		    &b, ((unsigned char) line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f ? ' ' : line.p[i]);
	strbuf_add(&b, "\n" EXCERPT_INDENT);
	for (unsigned i = 0; i + 1 < column; i++)
		if (i >= line.n || ((unsigned char) line.p[i] & 0xc0) != 0x80)
			strbuf_addc(&b, i < line.n && line.p[i] == '\t' ? '\t' : ' ');
	strbuf_add(&b, "^\n");
	return strbuf_steal(&b);
}
