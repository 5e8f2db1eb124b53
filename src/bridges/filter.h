/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What may pass from the outside world into an event (bridges.md 1.9, 1.11).
 *
 * The variables of an event become the environment of the jobs that it starts: whoever may choose their names could set
 * PATH or LD_PRELOAD of a root job. And init takes nothing but UTF-8. So every name is checked, every value repaired,
 * and sizes are bounded. What is dropped or changed is said once for each source.
 */

#include "common/map.h"
#include "common/str.h"

#define FILTER_VALUE_MAX ((size_t) 64 * 1024)  /* bytes of one value */
#define FILTER_EVENT_MAX ((size_t) 256 * 1024) /* bytes of the variables of one event */
#define FILTER_VARIABLES_MAX 1024              /* of one event */

enum filter_flags {
	FILTER_DOTS = 1 << 0,  /* names may have '.' and '-' inside */
	FILTER_JOBS = 1 << 1,  /* the source is an init: JOB, INSTANCE, RESULT … are its own words */
	FILTER_STRIP = 1 << 2, /* what is not UTF-8 becomes '_' instead of U+FFFD */
};

struct filter {
	unsigned flags;
	char **deny;        /* borrowed: globs; a name that matches one is dropped without a word */
	char **allow;       /* borrowed: globs; a name that matches one passes, though it be reserved or odd */
	struct map told;    /* what was warned about */
	unsigned remembered; /* how many that are; bounded */
};

enum filter_verdict {
	FILTER_PASS,
	FILTER_DENIED,   /* by a `deny` glob */
	FILTER_ODD,      /* not the name of a variable */
	FILTER_RESERVED, /* has a meaning for shells, linkers or init */
};

enum filter_change {
	FILTER_REPAIRED = 1 << 0, /* NULs left out, bad UTF-8 replaced */
	FILTER_CUT = 1 << 1,      /* longer than FILTER_VALUE_MAX */
};

void filter_deinit(struct filter *filter); /* idempotent */

enum filter_verdict filter_name(const struct filter *filter, struct span name);

/* Append `value` as clean text to `out`; returns what had to be changed, bits of enum filter_change. */
unsigned filter_value(const struct filter *filter, struct span value, struct strbuf *out);

/*
 * The variables of `env` that may pass, repaired, in the same order, into *clean (the caller's; NULL for none).
 * `source` is for warnings: the name of the event, say. 0 or -ENOMEM.
 */
int must_check filter_env(struct filter *filter, const char *source, char *const *env, char ***clean);

/* `text` for a log line: at most 64 characters, nothing but printable ASCII. `buffer` is returned. */
#define FILTER_SHOWN_SIZE 68
const char *filter_shown(char buffer[FILTER_SHOWN_SIZE], const char *text);
