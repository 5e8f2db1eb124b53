/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file of global settings, /etc/init.conf: the lexical rules of job files, other stanzas (job-language.md 8.10).
 * They say where a system differs from the usual rules (chromeos.md 2); by default it does nowhere.
 */

#include "job/parse.h"

struct settings {
	bool import_listed;	 /* only variables that a job imports enter it */
	bool zero_exit_fails;	 /* a service that ends by itself with 0 has failed */
	bool absent_is_unequal;	 /* KEY!=VALUE matches an event without KEY */
	bool apparmor_must_load; /* a profile that can't be loaded fails the start */
	bool forks_across_exec;	 /* with `expect fork` and `daemon` forks are counted on after an exec */
	int oom_score;		 /* of jobs that set none; JOB_OOM_UNSET: left alone */
};

/* Read a file into *settings, whose members it changes one by one. 0, -EINVAL: it had errors, or -ENOMEM. */
int must_check settings_parse(const struct parse_source *source, struct settings *settings,
			      struct parse_report *report);

/* Set the member that a stanza of that name stands for; `value` is NULL if it has none. False: no such thing. */
bool settings_set(struct settings *settings, const char *name, const char *value);
