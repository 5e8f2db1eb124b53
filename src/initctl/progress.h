/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A line on the terminal while a start, stop or restart takes longer than a second: what the instance is doing, and for
 * how long. Only people see it: nothing happens unless standard error is a terminal, or when quiet.
 */

#include <sys/types.h>

#include "initctl/initctl.h"

/*
 * Show how the instance of `job` that `env` selects gets on, from a process of its own with its own connection. The
 * process, or -1 when nothing is shown.
 */
pid_t progress_begin(const struct initctl *ctl, const char *job, char *const *env);
/* End it and wipe the line; takes -1. */
void progress_end(pid_t progress);
