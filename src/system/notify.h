/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The means by which a process says that it is ready: a socket for sd_notify(3), or a pipe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/macros.h"

/*
 * A socket for datagrams that come with the process, user and group of who sends them, as the kernel knows them. A
 * descriptor, or a negative errno (-ENOSYS where there is no such thing).
 */
int must_check notify_socket(void);
/* What NOTIFY_SOCKET is to say for it; owned; NULL when out of memory. */
char *notify_address(int fd);
/* Is there anything in it that nobody has read? */
bool notify_is_unread(int fd);

/*
 * Read what is in a pipe, and leave it there where the platform can. As read(): the number of bytes, 0 at its end, or a
 * negative errno.
 */
ssize_t notify_peek(int fd, void *buf, size_t size);
