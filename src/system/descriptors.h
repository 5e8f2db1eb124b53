/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * All descriptors this process has. May be called in a handler, and wherever /proc is missing.
 */

typedef void (*descriptors_fn)(int fd, void *data);

/* Call `fn`, which may close it, for each open descriptor from `first` on, in any order. */
void descriptors_each(int first, descriptors_fn fn, void *data);

/*
 * As above, from *next on, where the kernel lists them; *next becomes one above the highest that was found. 0 or a
 * negative errno: there may be more from there on.
 */
int descriptors_listed(int *next, descriptors_fn fn, void *data);

/* As above, by trying every number that a descriptor may have. */
void descriptors_tried(int first, descriptors_fn fn, void *data);
