/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `expect pidfile`: a process of init's own, made by the spawner with the attributes of the main process, looks at the
 * file (system/spawn_wait.h) and tells through a pipe. It ends when nobody reads that. What it tells is only believed
 * of who comes from the main process. So for `expect listen`: it looks who listens.
 */

#include "init/init.h"

struct proc;

/*
 * Have the file, or address, of a main process watched, and told to `out`, which stays the caller's. 0 or a negative
 * errno; -EINVAL: there is no such file or address, and never will be.
 */
int must_check pidfile_watch(struct proc *p, int out);
/*
 * The process of that main process's family that is meant by what was told, a number a line; 0: none, or what a file
 * names is to be told once more. A number that is none of ours is that of a member in its own PID namespace.
 */
pid_t pidfile_understand(struct proc *p, const char *text);
