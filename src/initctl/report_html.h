/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a machine or a session is, as one page: HTML that needs nothing else, light or dark as its reader likes it.
 */

#include <stdio.h>
#include <sys/utsname.h>

#include "initctl/relations.h"
#include "initctl/standing.h"
#include "initctl/timeline.h"

/* The last start of an instance that has failed. */
struct failure {
	const struct run *run;	 /* borrowed, as the next */
	const struct run *later; /* of the same instance, which has not failed; NULL: none */
	size_t times;		 /* how often it failed */
	char *path;		 /* owned: of its log; NULL: not known */
	struct strbuf log;	 /* the end of it, any bytes */
	char *why_none;		 /* owned: why there is no log here; NULL: there is one */
};

struct report {
	bool user; /* of a session */
	struct timeline timeline;
	struct definitions definitions;
	struct relations relations;
	bool *wanted;		     /* owned: of each thing in relations: all */
	enum svg_standing *standing; /* owned: of each thing */
	struct instances *instances; /* owned: of each definition */
	struct failure *failures;    /* owned */
	size_t n_failures;
	size_t n_up, n_quarantined; /* jobs; instances */
	char *version;		    /* owned: of init */
	char *degraded;		    /* owned: why; "": it is not, or it is too old to know */
	struct utsname machine;
};

/* Is nothing done about it until it is reset? */
static inline bool
is_quarantined(const struct upstart_instance *one)
{
	return one->quarantine && *one->quarantine != '\0';
}

/* Errors of writing stay in `out`. */
void report_html_write(FILE *out, const struct report *r);
