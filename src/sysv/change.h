/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Changing the runlevel: what telinit and shutdown share. init knows nothing of runlevels; this writes login records
 * and emits an event (control.md 12.1).
 */

#include "initctl/tool.h"
#include "libupstart/upstart.h"
#include "sysv/records.h"

/*
 * Become root for good, for a program that may be set-user-ID; no setting of the caller's may count afterwards. False,
 * with the message printed, when the caller is not root.
 */
bool must_check change_become_root(const struct tool *tool);

/* The present level: the first character of $RUNLEVEL if that is set, else what utmp says; LEVEL_NONE if unknown. */
char change_current_level(const struct record_files *files);

/*
 * Ask the init of the machine, and no other, for runlevel `level`; `extra` KEY=VALUE pairs go into the event. Nothing
 * is written unless init can be reached. 0, or a negative errno of the upstart_ functions with `err` filled:
 * -ENOTCONN means that there is no Upstart to be reached.
 */
int must_check change_level(const struct record_files *files, char level, char *const *extra,
			    struct upstart_error *err);
