/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When a shutdown comes, and what is said until then (control.md 12.4). Nothing here looks at a clock.
 */

#include <stdbool.h>
#include <time.h>

#include "common/macros.h"

/*
 * The minutes from `now` on that `text` means: "now", "H:M" (local time, the next one that comes), "+N" or "N". 0, or
 * -EINVAL with *fault saying what is wrong ("illegal time value"), untranslated.
 */
int must_check countdown_parse(const char *text, time_t now, int *minutes, const char **fault);

/* Are users told when so many minutes are left? */
bool countdown_is_told(int minutes);
/* May nobody log in any more when so many minutes are left? */
bool countdown_bars_logins(int minutes);

/* What is told: who goes down, when, and the operator's message ("" for none). Owned by the caller, NULL: no memory. */
char *countdown_warning(const char *what, int minutes, const char *message);
