/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a command line to an init that runs.
 */

#include "init/init.h"

/* What happens to a start that can't become an init: the status to exit with, or SETUP_GO_ON. */
#define SETUP_GO_ON (-1)

/* Options, mode, and whether this process may be that kind of init at all (control.md 1.1). */
int setup_options(struct init *init, int argc, char **argv);
/*
 * Surroundings: descriptors, devices, environment, limits. 0 or a negative errno: called again, with the same
 * arguments, this goes on where it failed, as does the next.
 */
int must_check setup_surroundings(struct init *init, int argc, char **argv);
/* Loop, signals, and all that hangs from struct init; what the last image left. 0 or a negative errno. */
int must_check setup_machine(struct init *init);
/* The first servants, definitions, event. */
void setup_work(struct init *init);
/* Give everything back (tests, and the end of a session). */
void setup_deinit(struct init *init);
