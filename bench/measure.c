/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
seconds(clockid_t clock)
{
	struct timespec t;

	need(clock_gettime(clock, &t) == 0);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

double
now(void)
{
	return seconds(CLOCK_MONOTONIC);
}

double
processor_time(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

void
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void) fprintf(stderr, "bench: ");
	(void) vfprintf(stderr, fmt, args);
	(void) fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}
