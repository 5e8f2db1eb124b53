/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Unnamed files in memory: script texts, snapshots, whatever must survive exec or be read
 * through a descriptor. Linux: memfd. Elsewhere: a temporary file, unlinked at once.
 */

#include <stddef.h>

#include "common/macros.h"

/*
 * A new empty file, open for reading and writing, close-on-exec. `name` is for people who
 * look at /proc. A descriptor the caller owns, or a negative errno.
 */
int must_check memfile_new(const char *name);

/*
 * A file that holds exactly `len` bytes of `data`, its offset at the start, mode 0400, and
 * where the platform can (sealing) unchangeable for everybody from now on.
 * A descriptor the caller owns, close-on-exec, or a negative errno.
 */
int must_check memfile_from(const char *name, const void *data, size_t len);

/* Platform part of memfile_from(): nobody may change the contents any more. Best effort. */
void memfile_seal(int fd);
