/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Waiting until there may be more in a log: by being told of changes where the system does that, else by looking again
 * and again.
 */

#include <stdbool.h>

struct log_wait;

/* NULL: out of memory. */
struct log_wait *log_wait_new(const char *path);
struct log_wait *log_wait_free(struct log_wait *wait); /* takes NULL, returns NULL */

/* Another file has the name now: watch that one. */
void log_wait_for_file(struct log_wait *wait);

/*
 * Return when something may have changed, after a second at the latest. False: nobody reads what we print any more.
 */
bool log_wait_once(struct log_wait *wait);
