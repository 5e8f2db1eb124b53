/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all our command-line tools do alike: messages, --version, --help, usage errors (control.md section 10).
 * Tools end when there is no memory left.
 */

#include <libintl.h>
#include <stdio.h>

#include "common/str.h"
#include "initctl/options.h"

#define _(text) gettext(text)
#define N_(text) text

struct tool {
	const char *name; /* the program as called: basename of argv[0] without a leading dash; borrowed */
	enum tool_level level;
};

/* Set the locale; never fails. */
void tool_init(struct tool *tool, const char *argv0);

/* On stdout, unless quiet; with -v only. The text has its own newline. */
void tool_print(const struct tool *tool, const char *fmt, ...) printf_like(2, 3);
void tool_verbose(const struct tool *tool, const char *fmt, ...) printf_like(2, 3);
/*
 * On stderr as "PROG: TEXT", or "PROG:TEXT" when the first blank or colon of TEXT is a colon. Warnings not when quiet.
 */
void tool_warn(const struct tool *tool, const char *fmt, ...) printf_like(2, 3);
void tool_error(const struct tool *tool, const char *fmt, ...) printf_like(2, 3);

/*
 * Does somebody read this as it comes? Their terminal is standard error. That of a job, whose output goes to a log, is nobody's: it
 * controls no session.
 */
bool tool_is_watched(void);

/* tool_error() and the line that names --help; returns EXIT_FAILURE. */
int tool_misuse(const struct tool *tool, const char *fmt, ...) printf_like(2, 3);
/* The same for what options_next() found wrong. */
int tool_invalid_option(const struct tool *tool, const struct options_scan *scan);

/* Each returns EXIT_SUCCESS. */
int tool_version(const struct tool *tool);
struct tool_help {
	const char *command;  /* after the program name, "" for none: "start" */
	const char *operands; /* "JOB [KEY=VALUE]..." */
	const char *summary;
	const char *text; /* paragraphs parted by a newline; NULL: none */
	const struct option_spec *const *tables;
};
int tool_help(const struct tool *tool, const struct tool_help *help);

/* Text from column `indent` on, broken between words to the width of the terminal; `column` is where the cursor is. */
void tool_wrap(const char *text, int column, int indent, int hang);

/* Columns of the terminal, or of $COLUMNS; 80 when nobody says. */
int tool_width(void);

/* Append text that others made: its control characters as \n or \xhh, so that it does not speak to the terminal. */
void tool_add_visible(struct strbuf *b, const char *text);

/* Close stdout; turns `status` into a failure, with a message, if something could not be written. */
int tool_finish(const struct tool *tool, int status);

/* Say so, and end the program. */
_Noreturn void tool_nomem(void);
/* What tool_nomem() does first, so that a terminal is left in order; NULL: nothing. */
void tool_undo_at_nomem(void (*undo)(void));
/* `text` itself, which an allocation gave; does not return when that failed. */
char *tool_must(char *text);
/* n members of nothing, and one for the end; owned. Does not return when there is no memory. */
void *tool_array(size_t n, size_t size);
/* A stream that writes to *text, which is owned and whole when it is closed. Does not return when there is no memory. */
FILE *tool_open_text(char **text, size_t *size);
