/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which events the jobs of init ask for: the terms of their `start on` and `stop on` (bridges.md 1.4), and for bridges
 * that provide states those of `while`.
 *
 * Operators are not looked at: every place where an event is named counts. A job's terms are replaced whole.
 */

#include "common/error.h"
#include "common/map.h"
#include "common/str.h"

/* Which condition it stands in. */
enum term_place { TERM_START, TERM_STOP, TERM_WHILE };

/* EVENT ARGUMENT… of a condition, quotes removed. */
struct term {
	enum term_place place;
	char *event; /* owned */
	char **args; /* owned, as written */
};

struct term_list {
	struct term *terms; /* owned */
	size_t count;
};

void term_list_deinit(struct term_list *list); /* idempotent */
/* One element of a condition in reverse Polish order; operators and empty ones are passed over. 0 or -ENOMEM. */
int must_check term_list_add(struct term_list *list, enum term_place place, char *const *words);

struct terms_job {
	struct terms_job *next, *prev;
	char *path; /* owned: its object */
	struct term_list list;
	/* Unless the bridge asked for details all NULL; owned: */
	char *name;
	char *file;     /* it comes from; NULL: unknown */
	char *instance; /* template of the names of its instances; "": there is only one */
	uint64_t request; /* for those who fill it: which answer is awaited */
	uint64_t round;   /* in which round it was last seen */
};

struct terms {
	struct terms_job *jobs; /* owned; in the order in which they were added */
	struct map by_path;
};

#define TERMS_INIT { NULL, MAP_INIT }

void terms_deinit(struct terms *terms); /* idempotent */

/* The job at `path`, NULL if there is none; terms_add() makes it, without terms; NULL when out of memory. */
struct terms_job *terms_get(const struct terms *terms, const char *path);
struct terms_job *terms_add(struct terms *terms, const char *path);
/* Takes over what is known of the job but its terms. */
void terms_describe(struct terms_job *job, char **name, char **file, char **instance);
/* Takes over `list` and leaves it empty; true if it says anything else than before. */
bool terms_set(struct terms_job *job, struct term_list *list);
/* True if anything was asked for by it. */
bool terms_remove(struct terms *terms, struct terms_job *job);

/* ---- what one argument says about the values that can match ---- */

enum term_argument_kind {
	TERM_POSITIONAL, /* a value without a name */
	TERM_LITERAL,    /* NAME=VALUE: just this value */
	TERM_ANY,        /* NAME=GLOB, NAME!=GLOB: no limit for who watches, init does the matching */
	TERM_INSTANCE,   /* needs variables of an instance: nothing can be said */
};

struct term_argument {
	enum term_argument_kind kind;
	char *name;  /* owned; NULL: positional */
	char *value; /* owned; as written unless TERM_LITERAL, then expanded */
};

/* Read one argument; $VAR is looked up in `env`, the environment of the job's class. 0 or -ENOMEM. */
int must_check term_argument_read(struct term_argument *argument, const char *word, char *const *env);
void term_argument_deinit(struct term_argument *argument); /* idempotent */
