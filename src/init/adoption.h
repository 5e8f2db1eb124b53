/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Families that can't be traced (system/trace.h): when one that is known ends, those that it leaves behind are init's
 * children, and init looks who they are. They are told to the core as forked by nobody.
 */

#include "init/init.h"

/* One of such a family has ended, and is not reaped. 0, or a negative errno: look again later. */
int must_check adoption_before_end(struct init *init, pid_t pid);
/* The same of several of one family: one look does for all. Those of other families than the first are not counted. */
int must_check adoption_before_ends(struct init *init, const struct u64v *pids);
/* Is the end of one held back, until it is clear whom it leaves? */
bool adoption_holds(const struct init *init);
/* A child has ended, with that exit code, or signal << 8: was it one that looked for us? */
bool adoption_exited(struct init *init, pid_t pid, int status);
/* Is that a child that init has for itself: a servant, or one that looks, or writes? */
bool adoption_is_helper(const struct init *init, pid_t pid);
void adoption_deinit(struct init *init);
