/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `reboot ARGUMENT` is to tell the firmware waits in a file for whoever restarts the machine at the end of the way
 * down: the forced reboot of a script, or init. sysv/argument.h writes it.
 */

#define REBOOT_ARGUMENT_FILE "/run/upstart/reboot-argument"
#define REBOOT_ARGUMENT_MAX 256 /* bytes with the NUL: what the kernel takes */

/* What was left there, in `buffer`; NULL when nothing was. */
const char *reboot_argument_left(char buffer[REBOOT_ARGUMENT_MAX]);
