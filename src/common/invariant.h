/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * invariant(cond, action): what must hold. A test build (UPSTART_STRICT)
 * ends with a trap, so that simulation and fuzzing find it; the release build
 * tells the failed-invariant hook once per site and runs `action`.
 * PID 1 never ends because of one.
 */

#include <stdbool.h>

#include "common/macros.h"

typedef void (*invariant_hook_fn)(const char *file, int line, const char *what, void *data);

/* Who hears of a failed invariant; NULL for nobody (the default). */
void invariant_set_hook(invariant_hook_fn hook, void *data);
/* Failed invariants so far, in this process. */
unsigned invariant_count(void);
void invariant_failed(const char *file, int line, const char *what, bool *told);

#define invariant(cond, action)                                              \
	do {                                                                 \
		if (!(cond)) {                                               \
			static bool told_;                                   \
			invariant_failed(__FILE__, __LINE__, #cond, &told_); \
			action;                                              \
		}                                                            \
	} while (0)
