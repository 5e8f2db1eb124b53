/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Time spans as in systemd.time(7): "1h 30min", "90", "2.5d".
 */

#include "schedule/calendar.h"

/*
 * Read a time span: numbers, each with a unit from "us" to "years" behind it or, without one, seconds. *span gets
 * microseconds, at most 1000 years. 0 or -EINVAL.
 */
int must_check span_read(usec_t *span, struct span text, struct schedule_fault *fault);

/* The same as text, "1h 30min", in at most three units; `buffer` is returned. */
#define SPAN_TEXT_MAX 64
const char *span_print(char buffer[SPAN_TEXT_MAX], usec_t span);
