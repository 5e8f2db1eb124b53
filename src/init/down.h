/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The last steps of a machine: all processes have ended. A child unmounts, init waits for it so long, then tells the
 * kernel to power off, halt or restart.
 */

#include "init/init.h"
#include "system/boot.h"

/* What the way down leads to. */
enum boot_end down_how(const struct init *init);
/* What the words of --down lead to: "LEVEL" or "LEVEL:HALT". Needs no memory. */
enum boot_end down_how_of(const char *words);
/* Begin; the servants have gone, or are killed now. Does not come back from the machine's end. */
void down_begin(struct init *init);
/* A child ended, with a status as children_peek() has it: was it the one that unmounts? One that failed has a successor. */
bool down_exited(struct init *init, pid_t pid, int status);
/* Is that the child that unmounts? */
bool down_has(const struct init *init, pid_t pid);
/* What the child waits for is left. */
void down_hurry(struct init *init);
void down_deinit(struct init *init);
