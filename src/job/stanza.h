/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The stanzas: one table that says how each is read, how it is written, and what it is
 * for. Private to job/, but for job_stanzas().
 */

#include "common/map.h"
#include "job/class.h"
#include "job/exports.h"
#include "job/inert.h"
#include "job/lexer.h"
#include "job/list.h"
#include "job/variables.h"

/*
 * A class under construction. What accumulates is gathered here, over conf file and
 * override, and moves into the class at the end.
 */
struct parser {
	struct lexer lex;	 /* over the file being read */
	struct place keyword_at; /* of the innermost keyword */
	struct job_class *cls;
	struct strlist emits;
	struct strlist env;
	struct strlist export;
	struct strlist import;
	struct strlist tmpfiles;
	struct strlist readonly;
	struct strlist hidden;
	size_t mounts_cap;
	size_t exits_cap;
	size_t cgroups_cap;
	struct exports export_places; /* of the words in `export` */
	struct variables variables;   /* of the `while`, and the `instance` */
	struct map cgroups;	      /* "CONTROLLER\nNAME\nKEY" -> index in cls->cgroups + 1 */
	struct inert inert;
	bool has_command[PROCESS_KIND_COUNT]; /* the file being read has given it one */
};

struct stanza;

/*
 * Read the arguments and the end of the line. `s` is the innermost keyword's row, `outer` the
 * first one's (`s` itself for a stanza of one word). 0, -EINVAL (reported), -ENOMEM.
 */
typedef int (*stanza_parse_fn)(struct parser *p, const struct stanza *s, const struct stanza *outer);

/* Write whole lines, or nothing when the class has the default. */
typedef void (*stanza_print_fn)(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
				const struct stanza *outer);

struct stanza {
	const char *name;
	stanza_parse_fn parse;	  /* with `sub`: for the keyword alone; NULL: a second word must follow */
	stanza_print_fn print;	  /* NULL: another row writes it, or there is nothing to write */
	const struct stanza *sub; /* second words, ended by a row without a name */
	size_t member;		  /* offset in struct job_class, where the functions want one */
	int value;		  /* what else they want to know */
	unsigned flags;
	const char *usage; /* the arguments, for people */
	const char *doc;   /* one line, for people */
};

#define STANZA_EMPTY_OK 1u /* an argument may be empty (D20) */
#define STANZA_BLOCK 2u	   /* a `script` may follow */
#define STANZA_MORE 4u	   /* text after it is read as another stanza (D21) */
#define STANZA_WORDS 16u   /* with `sub`: words that are none of its are arguments */
#define STANZA_NOT_YET 8u  /* read and kept, but nothing is done with it yet: a warning */

void parser_deinit(struct parser *p); /* lets go of all that was gathered; idempotent */

/* The table, ended by a row without a name. */
const struct stanza *job_stanzas(void);

/* The row called `name`, or NULL. */
const struct stanza *stanza_find(const struct stanza *table, struct span name);

/* Read one stanza, keyword first. 0, -EINVAL (reported), -ENOMEM. */
int must_check stanza_read(struct parser *p, const struct stanza **found);
