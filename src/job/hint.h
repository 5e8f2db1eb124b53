/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What could stand in the place of a word that is wrong, as text. Private to job/.
 */

#include "common/str.h"

/*
 * "expected a, b or c" of `names`, or of many "perhaps a"; *hint is NULL when they are many and none is like the word.
 * Empty names don't count. *hint is the caller's. 0 or -ENOMEM.
 */
int must_check hint_of(struct span word, const char *const *names, size_t n, char **hint);
