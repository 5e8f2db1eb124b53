/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Asking the shell whether a script is one, without running it: `sh -n`.
 */

#include "job/class.h"

/*
 * 0 the shell finds nothing wrong, or the slot is empty or wants no shell; 1 and *says, owned, what it finds; or a
 * negative errno. For programs, not for PID 1 at work: it waits for the shell.
 */
int must_check check_shell(const struct job_process *process, char **says);
