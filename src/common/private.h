/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The private sockets: where init listens, and whether it is init who does.
 *
 * Abstract names are anybody's who comes first, and are those of one network namespace. The second socket of the
 * machine's init lies in a folder that is root's, and is reached from every network namespace that sees the folder.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/macros.h"

#define PRIVATE_RUN_FOLDER "/run/upstart"
#define PRIVATE_RUN_PATH PRIVATE_RUN_FOLDER "/private"
#define PRIVATE_RUN "unix:path=" PRIVATE_RUN_PATH
/* Abstract sockets exist on Linux only. */
#ifdef UPSTART_PLATFORM_POSIX
#define PRIVATE_SYSTEM PRIVATE_RUN
#else
#define PRIVATE_SYSTEM "unix:abstract=/com/ubuntu/upstart"
#endif
#define PRIVATE_SESSION "unix:abstract=/com/ubuntu/upstart-session/" /* then UID/PID */

/* Of the process at the other end of a socket; false where the system does not tell. `pid` 0: in no namespace of ours. */
bool private_listener(int fd, uid_t *uid, pid_t *pid);

/*
 * May that user listen at an address? At those that init has by custom root may, or the user whose number is in the
 * name, or our own; at others whoever named them knows best.
 */
bool private_may_listen(const char *address, uid_t uid);
