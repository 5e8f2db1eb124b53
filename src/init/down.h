/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The last steps of a machine: all processes have ended. A child unmounts, init waits for it so long, then tells the
 * kernel to power off, halt or restart.
 */

#include "init/init.h"

/* Begin; the servants have gone, or are killed now. Does not come back from the machine's end. */
void down_begin(struct init *init);
/* A child ended: was it the one that unmounts? */
bool down_exited(struct init *init, pid_t pid);
/* What the child waits for is left. */
void down_hurry(struct init *init);
void down_deinit(struct init *init);
