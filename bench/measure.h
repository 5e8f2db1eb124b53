/* SPDX-License-Identifier: MIT */
#pragma once

/* What every bench needs: clocks, and an end of the program when something fails. */

#include <stdbool.h>

/* Seconds of a clock that only goes forward. */
double now(void);
/* Seconds of processor time of this process. */
double processor_time(void);

/* Ends the program with status 1 and "bench: " with the text. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The same, with the place, unless `what` is true. */
#define need(what) ((what) ? (void) 0 : die("%s:%d: not %s", __FILE__, __LINE__, #what))
