/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is mounted, news of it, and how to stay away from it.
 */

#include <stdbool.h>

#include "common/macros.h"

/* Is another file system mounted there? One that shows a part of the same file system is not seen. */
bool mounts_has(const char *path);
/* A descriptor (owned, close-on-exec) that is readable when something was mounted or unmounted. A negative errno. */
int must_check mounts_watch(void);
/* Take the news. */
void mounts_heard(int fd);
/*
 * Open a file below the folder `dir` for reading, on the same file system: no other is asked, which might never answer, and
 * no link is followed. Devices, pipes and the like are not even opened: -EINVAL. A descriptor (owned, close-on-exec,
 * non-blocking) or a negative errno; -ELOOP: there is a link on the way; -EXDEV: it leads elsewhere; -ENOSYS: this system
 * can't tell.
 */
int must_check mounts_open_file(int dir, const char *path);
