/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Families that can't be traced (system/trace.h): when one that is known ends, those that it leaves behind are init's
 * children, and init looks who they are. They are told to the core as forked by nobody.
 */

#include "init/init.h"

/* One of such a family has ended, and is not reaped. 0, or a negative errno: look again later. */
int must_check adoption_before_end(struct init *init, pid_t pid);
