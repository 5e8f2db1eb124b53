/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `reboot ARGUMENT` is to tell the firmware waits in a file for whoever restarts the machine at the end of the way
 * down: the forced reboot of a script, or init.
 */

#include "common/macros.h"

#define ARGUMENT_FILE "/run/upstart/reboot-argument"
#define ARGUMENT_MAX 256 /* bytes with the NUL: what the kernel takes */

/* Leave it there; NULL: only remove what another has left. 0 or a negative errno. */
int must_check argument_leave(const char *argument);
/* What was left there, in `buffer`; NULL when nothing was. */
const char *argument_left(char buffer[ARGUMENT_MAX]);
/* A way down that brings no argument must not find one that was left for another. */
void argument_forget(void);
