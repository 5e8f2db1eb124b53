/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Descriptors of a fresh child: away with what is not for it, the rest at its place.
 */

#include <stdbool.h>

#include "common/wire.h"

/* Close everything above 2 except the n in `keep`, which is sorted by this. */
void spawn_fds_close_others(int *keep, size_t n);

/*
 * Move *fd out of the way: to a close-on-exec descriptor of at least 10 that is none of
 * `numbers`. 0 or -1 with errno, *fd still valid.
 */
int must_check spawn_fds_clear(int *fd, const struct u64v *numbers);

/* Make fd number `to`, not close-on-exec, and close the old one. 0 or -1 with errno. */
int must_check spawn_fds_place(int fd, int to);
