/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that runs out on purpose, and a count of what is held.
 *
 * A program that links failalloc_dep has its allocations counted (linker option --wrap, so those of
 * the static libraries too, but none of libc's own). While armed, the n-th one fails.
 */

#include <stdbool.h>

/* Let the n-th allocation from now on fail (1: the next); if `for_good`, all after it as well. */
void failalloc_arm(unsigned long n, bool for_good);
/* Stop failing. True if an allocation failed since it was armed. */
bool failalloc_disarm(void);
/* Blocks allocated less blocks freed. */
long failalloc_held(void);

/* One attempt at something: 0, or -ENOMEM, having released all it made. It may check what it likes by itself. */
typedef int (*failalloc_fn)(void *data);

/*
 * Call fn with its 1st, 2nd … allocation failing, until it does with none failing; then the same with all
 * later ones failing too. Fails the running cmocka test when fn does not report the failure, or leaks.
 * Returns how many allocations fn makes.
 */
unsigned long failalloc_each(failalloc_fn fn, void *data);
/* As failalloc_each(), for functions that may also do without the memory they did not get. */
unsigned long failalloc_each_lenient(failalloc_fn fn, void *data);
