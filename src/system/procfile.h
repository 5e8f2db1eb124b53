/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the kernel's files say of a process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Read up to size - 1 bytes of /proc/PID/FILE; the result ends with NUL. The number of bytes, or a negative errno. Of
 * "environ" the kernel never reads a page from a disk, but it takes locks of that process's memory, and waits for who
 * holds them.
 */
ssize_t procfile_read(pid_t pid, const char *file, char *buf, size_t size);

/* Is that variable in what was read of "environ", with that value (NULL: any)? */
bool procfile_has_variable(const char *text, size_t n, const char *name, const char *value);
