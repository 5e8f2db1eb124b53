/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text of a job file to struct job_class. No input can make this crash, leak or
 * loop; every fault is reported, each with its place.
 */

#include "job/class.h"

/* One fault of one file. */
struct parse_issue {
	const char *id; /* static: "UNKNOWN_STANZA" … (job-language.md 1.6), or a warning's name */
	bool warning;
	char *path;       /* owned: the file it is in */
	unsigned line;    /* the line users know from the log: how far the reader had got (1.6); counted from 1 */
	unsigned at_line; /* the line of the fault itself: of the opening quote, say, when it is not closed (D22) */
	unsigned column;  /* in at_line; bytes, counted from 1 */
	char *message;    /* owned: the text users know, without place */
	char *word;       /* owned: the offending word; NULL when there is none */
	char *hint;       /* owned: what could stand there: "expected a, b or c", "perhaps a"; NULL: nothing is known */
};

struct parse_report {
	struct parse_issue *issues; /* owned */
	size_t n;
	size_t errors; /* how many of them are no warnings */
};

void parse_report_deinit(struct parse_report *report);

/* A file's text, and the path its messages name. */
struct parse_source {
	const char *path;
	struct span text;
};

/*
 * Parse the job NAME from `conf` and, if not NULL, `override` on top of it, into a
 * fresh class (one reference, the caller's).
 *
 *   0         *cls is the job; the report may hold warnings. If only the override
 *             was wrong, it is the conf file's job and the report says why (D4).
 *   -EINVAL   the conf file is wrong: no class.
 *   -ENOMEM   nothing is known.
 */
int must_check job_parse(const char *name, const struct parse_source *conf, const struct parse_source *override,
			 struct job_class **cls, struct parse_report *report);

/* Parse an expression over events, or over states, alone. 0, -EINVAL or -ENOMEM. */
int must_check condition_parse(struct span text, const char *path, bool of_states, struct condition **cond,
			       struct parse_report *report);

/* "PATH:LINE: MESSAGE", what init logs and scripts parse; owned; NULL when out of memory. */
char *parse_issue_text(const struct parse_issue *issue);

/* "PATH:LINE:COLUMN: [warning: ]MESSAGE: WORD (HINT)" with the exact place, for people; owned; NULL when out of memory. */
char *parse_issue_text_long(const struct parse_issue *issue);

/*
 * The line of `text`, the file's, that the fault is in, and below it a caret at its column, each indented and ended
 * by a newline; of a long line the part around the place. Owned; NULL when out of memory.
 */
char *parse_issue_excerpt(const struct parse_issue *issue, struct span text);
