/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Jobs whose pairs of events would better be a `while` (job/rewrite.h). Their files are read here, so init may be on the
 * same machine only.
 */

#include "initctl/definitions.h"

/*
 * The suggestion for a job, as lines of text, each ended by a newline; NULL: there is none. Owned. Ends the program when
 * out of memory.
 */
char *check_suggest(const struct initctl *ctl, const struct definitions *definitions, const struct upstart_job *job);
