/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names of the jobs of chroot sessions (job-language.md 8.11). Inside init such a job is called "ROOT//NAME", so that
 * it is another than the machine's NAME wherever jobs are told apart by name. ROOT begins with a slash and has no
 * double one, and a NAME, the path of a file below a folder, has neither: no two jobs are called the same.
 */

#include <stdbool.h>
#include <string.h>

#include "common/str.h"

/* What the job calls itself: NAME; borrowed from `name`. */
const char *scope_plain(const char *name);
/* The root of its session, n = 0: none; borrowed from `name`. */
struct span scope_root(const char *name);
/* The name inside init of NAME in the session of `root` (n = 0: none); owned; NULL when out of memory. */
char *scope_join(struct span root, const char *name);

/* Are two roots the same? */
static inline bool
scope_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The root a string holds; NULL: none. */
static inline struct span
scope_of(const char *root)
{
	return root != NULL ? span_of(root) : (struct span){ NULL, 0 };
}
