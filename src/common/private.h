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

/*
 * Is it init that listens at an address to which the socket `fd` is connected? At the addresses that init has by custom
 * root may listen, or the user whose number is in the name, or our own; at others whoever named them knows best, as
 * where the system does not tell, or there is no socket (-1). *foreign: the listener is in no namespace of ours.
 */
bool private_is_init(const char *address, int fd, bool *foreign);

/*
 * The address to try instead of one where nobody or somebody `foreign` listens: the machine's init has two, of which
 * the first may be another's, where the network namespace is another or is shared with other machines. NULL: none.
 */
const char *private_second(const char *address, bool foreign);
