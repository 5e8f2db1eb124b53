/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What can be wrong in a job file, and how it gets into a parse_report.
 * Private to job/.
 */

#include "job/parse.h"

/* Identifier, is it only a warning, the text users know (job-language.md 1.6; D23 for the ranges of oom). */
#define PARSE_FAULTS(X)                                                                                                \
	X(EXPECTED_TOKEN, false, "Expected token")                                                                     \
	X(UNEXPECTED_TOKEN, false, "Unexpected token")                                                                 \
	X(TRAILING_SLASH, false, "Trailing slash in file")                                                             \
	X(UNTERMINATED_QUOTE, false, "Unterminated quoted string")                                                     \
	X(UNTERMINATED_BLOCK, false, "Unterminated block")                                                             \
	X(UNKNOWN_STANZA, false, "Unknown stanza")                                                                     \
	X(ILLEGAL_INTERVAL, false, "Illegal interval, expected number of seconds")                                     \
	X(ILLEGAL_EXIT, false, "Illegal exit status, expected integer")                                                \
	X(ILLEGAL_SIGNAL, false, "Illegal signal status, expected integer")                                            \
	X(ILLEGAL_UMASK, false, "Illegal file creation mask, expected octal integer")                                  \
	X(ILLEGAL_NICE, false, "Illegal nice value, expected -20 to 19")                                               \
	X(ILLEGAL_OOM, false, "Illegal oom adjustment, expected -17 to 15 or 'never'")                                 \
	X(ILLEGAL_LIMIT, false, "Illegal limit, expected 'unlimited' or integer")                                      \
	X(EXPECTED_EVENT, false, "Expected event")                                                                     \
	X(EXPECTED_OPERATOR, false, "Expected operator")                                                               \
	X(EXPECTED_VARIABLE, false, "Expected variable name before value")                                             \
	X(MISMATCHED_PARENS, false, "Mismatched parentheses")                                                          \
	X(MISMATCHED_BRACES, false, "Mismatched braces")                                                               \
	X(EVENT_IN_WHILE, false, "An event's words, but 'while' takes states: write the job's name alone")             \
	X(TOO_MANY_ERRORS, false, "Too many errors, the rest of the file was not read")                                \
	X(COMMENT_IN_WORD, true, "'#' directly after a word starts a comment, quote it if it belongs to the word")     \
	X(ESCAPE_AFTER_BLANK, true, "Taken as written; before 2.0 a backslash after a blank was garbled")               \
	X(TEXT_AFTER_KEYWORD, true, "Text after this keyword is read as another stanza")                               \
	X(MIXED_OPERATORS, true, "'and' and 'or' have equal precedence, use parentheses")                              \
	X(ENV_WITHOUT_NAME, true, "Variable without a name has no effect")                                             \
	X(EXPORT_WITH_VALUE, true, "Only names can be exported, so this has no effect")                                \
	X(EXPORT_UNSET, true, "Exported, but nothing here sets it")                                                    \
	X(UNBOUND_VARIABLE, true, "Nothing here binds this variable")                                                  \
	X(EXIT_OUT_OF_RANGE, true, "Exit status above 255 cannot occur")                                               \
	X(LIMIT_NEGATIVE, true, "Negative limit, write 'unlimited' instead of -1")                                     \
	X(LIMIT_SOFT_ABOVE_HARD, true, "Soft limit is above the hard limit")                                           \
	X(NOT_YET, true, "Understood, but this version does nothing with it yet")                                      \
	X(RESPAWN_LIMIT_INERT, true, "Respawn limit has no effect without respawn")                                    \
	X(RESPAWN_DELAY_INERT, true, "Respawn delay has no effect without respawn")                                    \
	X(WATCHDOG_INERT, true, "Watchdog has no effect without 'expect notify'")                                      \
	X(EXPECT_TIMEOUT_INERT, true, "Expect timeout has no effect without another 'expect'")                         \
	X(LOG_KEEP_INERT, true, "Log keep has no effect without 'log max-size' or 'log max-age'")                      \
	X(LOG_COMPRESS_INERT, true, "Log compress has no effect without 'log max-size' or 'log max-age'")              \
	X(COMMAND_REPLACED, true, "Takes the place of the exec or script above, only the last one counts")             \
	X(OPERATOR_AS_WORD, true, "Read as a name or an argument, not as an operator; quote it if that is meant")      \
	X(BAD_SCHEDULE, true, "No schedule, so this time never comes")

enum parse_fault_kind {
#define X(id, warning, message) FAULT_##id,
	PARSE_FAULTS(X)
#undef X
};

/* A place in a file, both counted from 1; columns are bytes. */
struct place {
	unsigned line;
	unsigned column;
};

struct parse_fault {
	enum parse_fault_kind kind;
	unsigned line;	     /* as logged; 0: that of `at` */
	struct place at;     /* exactly where */
	struct span word;    /* borrowed; n = 0: none */
	const char *message; /* NULL: the text of the kind */
	const char *hint;    /* borrowed; what could stand there; NULL: nothing is known */
};

/*
 * Add a fault to the report, the word cut to PARSE_WORD_MAX and cleaned of control
 * characters. -EINVAL when it was an error, 0 for a warning, -ENOMEM.
 */
int must_check report_add(struct parse_report *report, const char *path, const struct parse_fault *fault);

#define PARSE_WORD_MAX 120
/* A file's errors are read up to here; warnings beyond are dropped. */
#define PARSE_ERRORS_MAX 200
#define PARSE_WARNINGS_MAX 200
