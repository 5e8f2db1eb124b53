/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `init --check --fix`: job files that say with events what a `while` says better are rewritten.
 */

#include "job/parse.h"

/*
 * Rewrite the file of the job NAME, which has no faults, in one step, and tell what was done or why not. `has_override`:
 * there is another file that says something of that job. 0, or a negative errno, which has been told.
 */
int check_fix(const char *name, const struct parse_source *conf, bool has_override);
