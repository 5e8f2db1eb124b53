/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Signals as something to read: no handler of ours ever runs in the middle of anything.
 */

#include <stddef.h>

#include "common/macros.h"

/*
 * From now on the n signals of the list are not delivered but can be read from the returned descriptor
 * (owned by the caller, non-blocking, close-on-exec). Those that were pending, over an exec
 * too, are not lost. A negative errno on failure. One at a time in a process.
 */
int must_check signals_open(const int *list, size_t n);

/* The next signal, or 0 when there is none. */
int signals_read(int fd);

/* Ignore a signal in init itself. */
void signals_ignore(int signal);

/* In a forked child: default dispositions, nothing blocked. Async-signal-safe. */
void signals_reset(void);
