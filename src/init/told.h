/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Per name, which definition counts, and what the core was told. Only sources.c calls.
 */

#include "init/source.h"

/* The definition that counts for a name; 0: none. */
uint64_t told_best(const struct sources *s, const char *name);
/* The record of a name, made when there is none. NULL: out of memory. */
struct told *told_get(struct sources *s, const char *name);
/* Tell the core which definition counts for a name, if that has changed or `again`. What can't be told now is told later. */
void told_settle(struct init *init, const char *name, bool again);
/* What a core of before the re-exec was told. */
void told_inherit(struct init *init);
/* Settle the names that the core knows and no source has any more. */
void told_settle_rest(struct init *init);
void told_deinit(struct sources *s);
