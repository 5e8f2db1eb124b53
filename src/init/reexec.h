/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The next image: a child tries whether it starts at all, what is to be said is handed to the kernel, then a snapshot is
 * taken and init executes its own program, which goes on from the journal.
 */

#include "init/init.h"

int must_check reexec_init(struct init *init);
void reexec_deinit(struct init *init);
/*
 * Re-execute as soon as the image has been tried and nothing waits to be sent. If it is none this one goes on: that is
 * told, those are answered who were promised another (owed.h), and so is shutdown_continue() called.
 */
void reexec_begin(struct init *init);
/* Not now: there is no time to try. */
void reexec_forget(struct init *init);
/* A child has ended with that exit code, or signal << 8. False: it is not ours. */
bool reexec_exited(struct init *init, pid_t pid, int status);
/* At the end of each turn. Returns at all only if it is not time yet or the exec failed. */
void reexec_turn(struct init *init);
