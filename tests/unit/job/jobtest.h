/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of the job language share: a text in, a class or the first fault out.
 */

#include <errno.h>

#include "job/parse.h"
#include "unit.h"

/* A table of constants as the vector of strings a function takes. */
#define TABLE(v) ((char *const *) (uintptr_t) (v))

/* What came of parsing a text, with an override or without. */
struct parsed {
	int r;
	struct job_class *cls;
	struct parse_report report;
};

static inline struct parsed
parse_span(struct span text)
{
	struct parse_source conf = { "test.conf", text };
	struct parsed p = { 0 };

	p.r = job_parse("test", &conf, NULL, &p.cls, &p.report);
	return p;
}

static inline struct parsed
parse_text(const char *text)
{
	return parse_span(span_of(text));
}

static inline struct parsed
parse_both(const char *text, const char *over)
{
	struct parse_source conf = { "test.conf", span_of(text) };
	struct parse_source override = { "test.override", span_of(over) };
	struct parsed p = { 0 };

	p.r = job_parse("test", &conf, &override, &p.cls, &p.report);
	return p;
}

static inline void
parsed_free(struct parsed *p)
{
	p->cls = job_class_unref(p->cls);
	parse_report_deinit(&p->report);
}

#define auto_parsed __attribute__((cleanup(parsed_free)))

/* A text that must be right. */
static inline struct parsed
parse_good(const char *text)
{
	struct parsed p = parse_text(text);

	if (p.r != 0)
		fail_msg("\"%s\" is refused: %s", text, p.report.n > 0 ? p.report.issues[0].message : "?");
	assert_int_equal(p.report.errors, 0);
	return p;
}

/* The first error, or NULL. */
static inline const struct parse_issue *
first_error(const struct parse_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		if (!report->issues[i].warning)
			return &report->issues[i];
	return NULL;
}

/* Is there a warning called `id`? */
static inline bool
has_warning(const struct parse_report *report, const char *id)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->issues[i].warning && strcmp(report->issues[i].id, id) == 0)
			return true;
	return false;
}

/* All errors in the long form, one a line. */
static inline char *
all_errors(const struct parse_report *report)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < report->n; i++) {
		auto_free char *text = parse_issue_text_long(&report->issues[i]);

		if (!report->issues[i].warning)
			strbuf_addf(&b, "%s\n", text);
	}
	return strbuf_steal(&b);
}

static inline void
assert_errors(const char *text, const char *want)
{
	auto_parsed struct parsed p = parse_text(text);
	auto_free char *got = all_errors(&p.report);

	assert_int_equal(p.r, -EINVAL);
	assert_null(p.cls);
	assert_string_equal(got, want);
}
