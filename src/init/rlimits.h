/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Resource limits that init raises for itself: descriptors, and the size of files, which holds for its journal as well. What it
 * was given is for the jobs, through all images.
 */

#include "init/init.h"
#include "init/state.h"

/* Raise them as far as may be, once per image. What stays so low that init could suffer is said. */
void limits_raise(struct init *init);
/* Undo that: for a child that is to execute what passes its limits on. Safe between fork and exec. */
void limits_give_back(const struct init *init);
/* What jobs get for a limit of this name (job_limit_names); NULL: what init itself has. */
const struct rlimit *limits_given(const struct init *init, const char *name);

/* What the first image was given, as notes (state.h). */
void limits_save(struct init *init);
int must_check limits_load(struct init *init, const struct note *note);
