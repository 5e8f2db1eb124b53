/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What hooks of a daemon's job leave behind. Where families can't be traced (adoption.h) it looks as if it came from the
 * main process, so it is remembered when the hook ends: who is an orphan then, began since the hook did, and is in no session
 * of main's family. Not kept over a re-exec.
 *
 * When one of them ends, those that it leaves in turn are known as long as they are in a session of such; one in a
 * session of its own may as well be the daemon, and is not remembered.
 */

#include "init/init.h"

/* A child has ended, and is not reaped. 0, or a negative errno: look again later. */
int must_check hook_leavings_before_end(struct init *init, pid_t pid);
/* Has a hook of that main process's job left the process of that pid, which began then (trace_look_briefly())? */
bool must_check hook_leavings_has(const struct init *init, uint64_t process, pid_t pid, uint64_t began);
void hook_leavings_deinit(struct init *init);
