/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading job files: blanks, words, commands (job-language.md section 1).
 * Knows places and what a broken word is; knows no stanza. Private to job/.
 *
 * All functions that can meet a fault return 0 (or what they say), -EINVAL when it
 * was put into the report, or -ENOMEM.
 */

#include "job/report.h"

struct lexer {
	const char *text; /* borrowed */
	size_t n;
	size_t pos;
	unsigned line;     /* of pos */
	size_t line_start; /* where that line starts */
	size_t recovery;   /* bytes that were looked at in order to go on after faults */
	bool cut;          /* the text goes on after n, but can't be read: its end says nothing */
	const char *path;  /* borrowed */
	struct parse_report *report;
};

/* A point to come back to. */
struct lexer_mark {
	size_t pos;
	unsigned line;
	size_t line_start;
};

/* A word, and the blanks after it skipped. */
struct word {
	char *text;      /* owned: quotes and escapes done; NULL for keywords */
	struct span raw; /* borrowed: as written */
	struct place at;
	bool plain; /* neither quotes nor escapes in it */
};

enum word_kind {
	WORD_ARGUMENT, /* ends at blanks, newline and comment */
	WORD_EVENT,    /* and at parentheses */
};

static inline bool
lexer_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static inline bool
lexer_is_quote(char c)
{
	return c == '"' || c == '\'';
}

void lexer_init(struct lexer *lex, struct span text, const char *path, struct parse_report *report);
void word_deinit(struct word *w); /* idempotent */
/* Go behind a byte order mark at the beginning of the text, which is a fault. */
int must_check lexer_begin(struct lexer *lex);

struct lexer_mark lexer_mark(const struct lexer *lex);
void lexer_return(struct lexer *lex, const struct lexer_mark *mark);
struct place lexer_place(const struct lexer *lex);
bool lexer_at_end(const struct lexer *lex);
/* The next byte; 0 at the end. */
char lexer_peek(const struct lexer *lex);
/* One byte forward, or n. */
void lexer_step(struct lexer *lex);
void lexer_step_over(struct lexer *lex, size_t n);
/* To the next newline or the end. */
void lexer_skip_to_newline(struct lexer *lex);

/* Blanks and backslash-newlines. */
void lexer_skip_blanks(struct lexer *lex);
/* At a newline, a comment or the end: no more words on this logical line. */
bool lexer_at_line_end(const struct lexer *lex);
/* Go to the newline or the end; the text between is a comment. Warns when it follows a word directly (D18). */
int must_check lexer_skip_comment(struct lexer *lex);

/* Put a fault into the report: what is wrong, where, with which word. */
int must_check lexer_fault(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word);
/* The same with the line for the log, when it is another than that of `at`. */
int must_check lexer_fault_line(struct lexer *lex, enum parse_fault_kind kind, unsigned line, struct place at,
				struct span word);
int must_check lexer_fault_message(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word,
				   const char *message);
/* A fault that is known as a whole, with what could stand there. */
int must_check lexer_fault_hint(struct lexer *lex, const struct parse_fault *fault);
/* The same, of a word for which only one of `names` could stand; n of them, of which empty ones don't count. */
int must_check lexer_fault_names(struct lexer *lex, const struct parse_fault *fault, const char *const *names, size_t n);
/* The text ended inside something that began at `opened`: the log's line is where it ended. `message` may be NULL. */
int must_check lexer_fault_unterminated(struct lexer *lex, enum parse_fault_kind kind, struct place opened,
					struct span word, const char *message);
/* A warning: 0 or -ENOMEM. */
int must_check lexer_warn(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word);

/*
 * Read a keyword: as written, quotes and escapes left alone. There must be one
 * (lexer_at_line_end() is false).
 */
int must_check lexer_keyword(struct lexer *lex, struct word *w);

/* Read a word: 1 and *w is the caller's; 0: the line has no more words. */
int must_check lexer_word(struct lexer *lex, enum word_kind kind, struct word *w);

/* Read a word that must be there; an empty one only where `may_be_empty` (D20). */
int must_check lexer_argument(struct lexer *lex, bool may_be_empty, struct word *w);

/* The logical line must end here; goes to the next one. */
int must_check lexer_line_end(struct lexer *lex);

/* Read the rest of the logical line as a command (1.4). */
int must_check lexer_command(struct lexer *lex, char **command);
