/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The name that was meant by a word that is none.
 */

#include <stddef.h>

/*
 * Of `names` (NULL-terminated) the one that is most like `word`: at most `most` letters are added, taken away, changed
 * or swapped with their neighbour. NULL when none is like it. Borrowed.
 */
const char *closest_word(const char *word, const char *const *names, size_t most);
