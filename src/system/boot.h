/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What PID 1 does to a machine, or to the container it is in, before there can be jobs (runtime.md 14.1). Whatever
 * fails is told and left: a container has good reasons to refuse.
 */

#include <stdbool.h>

#include "common/macros.h"

/* Of an init that is given none. */
#define BOOT_PATH "/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin"

/*
 * Own session, umask 0, devices and their file system, the console as descriptors 0-2, PATH, working directory /,
 * /proc and /sys, the latter with control groups if there are to be `groups`, on a machine /run in memory with the file of
 * logins, and the keyboard's signals. After a re-exec (`again`) the terminal is not reset, and neither control groups nor
 * /run are mounted: if there are none, somebody wants none.
 */
void boot_prepare(bool again, bool groups);

/* Descriptors 0-2 become /dev/null: what is said from now on goes to the kernel's log. */
void boot_leave_console(void);

/*
 * Is this process 1 of the machine itself, not of a PID namespace? Only then are swap, file systems and all that is
 * mounted ours to end: a namespace shares them.
 */
bool boot_owns_machine(void);

enum boot_end { BOOT_END_POWER_OFF, BOOT_END_HALT, BOOT_END_RESTART };

/*
 * The end of the machine, or of the PID namespace, at once; a restart may have an `argument` for the firmware (or NULL).
 * Returns only if the kernel refuses: a negative errno.
 */
int boot_end(enum boot_end how, const char *argument);

/* The path of the kernel's log for our own messages, or NULL where there is none. */
const char *boot_log_path(void);
