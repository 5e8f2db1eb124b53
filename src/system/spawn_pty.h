/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The terminal behind `console log`: the job writes to the slave, the logger reads the master.
 */

#include "common/macros.h"
#include "common/msg.h"

/* A new master, close-on-exec, owned by the caller; or a negative errno. */
int must_check spawn_pty_open(void);

/*
 * Open the slave of `master`, close-on-exec, not as controlling terminal, with line ends left alone (a log
 * has LF, not CR LF). The descriptor; or -1 with *step and errno saying what went wrong.
 */
int must_check spawn_pty_open_slave(int master, enum spawn_step *step);
