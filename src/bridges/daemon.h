/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What makes a program a daemon: leaving the terminal, the pid file, the log, and telling that it is ready
 * (bridges.md 1.6).
 */

#include <stdbool.h>

#include "common/error.h"
#include "common/macros.h"

/*
 * Where the pid file of `program` lies: /var/run, or for a bridge of the session at D-Bus address `session` (NULL:
 * none) XDG_RUNTIME_DIR, else HOME. *path is the caller's. 0; -EINVAL: the address does not end with the number of a
 * process, or there is no place; -ENOMEM.
 */
int must_check daemon_pid_path(char **path, const char *program, const char *session, struct error *err);

/*
 * Go on as a grandchild, not the leader of the new session; those before have ended and written the pid file. A file
 * that can't be written is only warned about. Working directory /, umask 0, no terminal, no hang-ups. From then on what
 * is logged goes to syslog; while nobody listens there, to the kernel's log (`system` only) or the stderr there was. 0
 * or a negative errno, in the process that called.
 */
int must_check daemon_detach(const char *program, const char *pid_path, bool system, struct error *err);

enum daemon_ready {
	DAEMON_READY_QUIET, /* nobody waits, but see below */
	DAEMON_READY_STOP,  /* `expect stop` */
	DAEMON_READY_FD,    /* `expect fd N`: a newline */
};

/* Read "stop" or the number of an open descriptor, which is then closed on exec. 0 or -EINVAL. */
int must_check daemon_ready_parse(const char *text, enum daemon_ready *how, int *fd, struct error *err);
/* Tell that we are ready, also to $NOTIFY_SOCKET if it is set (`expect notify`). The descriptor is closed. */
void daemon_ready_tell(enum daemon_ready how, int *fd);
