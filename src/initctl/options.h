/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Options of our tools, table-driven (control.md section 10). Not getopt_long's rules:
 *
 * - short options may be grouped, but only the first of a group may have its argument glued on (-iX);
 * - another argument is the next word anywhere later on the line that is not an option;
 * - long options are never abbreviated; --name=value or --name and such a later word;
 * - a lone - is an operand; after -- all words are operands; options and operands mix freely.
 */

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_END, /* ends a table */
	OPTION_FLAG,   /* sets a bool */
	OPTION_VALUE,  /* sets a const char *, borrowed from the command line; the last wins */
	OPTION_LIST,   /* appends to a char **, an owned string vector */
	OPTION_LETTERS, /* appends its letter to a char[OPTION_LETTERS_MAX], for options whose order counts */
	OPTION_IGNORE, /* understood, without effect; with an argument if `arg` says so */
	/* without a target: the scan itself says what was asked */
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_DEBUG,
	OPTION_HELP,
	OPTION_VERSION,
};

/* Room for letters with their NUL; when it is full the oldest goes. */
#define OPTION_LETTERS_MAX 16

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* NULL: none */
	const char *arg;  /* what the argument is called in the help text; NULL: takes none */
	const char *help; /* NULL: not shown */
	enum option_kind kind;
	unsigned int offset; /* of the target in the data handed to options_next() */
};

#define OPTIONS_END { .kind = OPTION_END }

/* -q, -v, --debug, --help, --version: every tool takes them. */
extern const struct option_spec options_common[];

enum options_result {
	OPTIONS_DONE,    /* no more words */
	OPTIONS_OPERAND, /* *operand is one */
	OPTIONS_HELP,    /* --help */
	OPTIONS_VERSION, /* --version */
	OPTIONS_INVALID, /* scan->problem and scan->culprit say what */
};

enum tool_level { TOOL_QUIET, TOOL_NORMAL, TOOL_VERBOSE, TOOL_DEBUG };

struct options_scan {
	int argc;
	char **argv;
	bool *taken; /* owned: words that were the argument of an option */
	int next;    /* the word to look at */
	int seek;    /* where the search for arguments has come to */
	bool ended;  /* -- was passed */
	bool seek_ended;
	enum tool_level level;
	const char *problem; /* "invalid option", "unexpected argument", "missing argument" */
	const char *culprit; /* the option as typed, borrowed from the command line or from `letter` */
	char letter[3];
};

/* argv[0] is passed over. False when out of memory. */
bool options_init(struct options_scan *scan, int argc, char **argv);
void options_deinit(struct options_scan *scan); /* idempotent */

/*
 * Take in words up to the next that is not an option. `tables` ends with NULL, an option is looked for in each in
 * turn; `data` is the structure their offsets mean. Tables may change from call to call.
 */
enum options_result options_next(struct options_scan *scan, const struct option_spec *const *tables, void *data,
				 const char **operand);
