/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The child's side of making a process: from the clone to the exec.
 */

#include "system/spawn.h"

#define SPAWN_SCRIPT_FD 9     /* where /bin/sh finds its script (runtime.md 9.1) */
#define SPAWN_EXIT_FAILED 255 /* a child that did not come to its exec */

/*
 * Wait for the gate, do what the request asks, exec (see spawn.h). `pty` is the master for
 * `console log`, or -1. To be called in a fresh copy of a process with one thread, all signals blocked.
 */
_Noreturn void spawn_child_run(const struct spawn_request *request, int pty);
