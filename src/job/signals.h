/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Signals and their names, as job files and events write them: without "SIG".
 */

#include "common/str.h"

/* "TERM"; NULL for a number that has no name (real-time signals among them). */
const char *signal_name(int number);

/*
 * The number for "TERM" or "SIGTERM", also in lower case, or "RTMIN", "RTMIN+3"; a decimal
 * number is none of these. 0: no such signal. (job-language.md 3.8, D2, D40)
 */
int signal_from_name(const char *name);

/* The names there are, but for real-time signals: *n of them. */
const char *const *signal_names(size_t *n);

/* 1 to SIGRTMAX. */
bool signal_is_valid(long number);
