/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Room for what libevent keeps for each descriptor.
 *
 * The first time that a descriptor of some number is watched libevent makes a record of a few bytes for it, and keeps that for
 * good. Made one by one between the connections of a crowd, each of them would hold a page that the crowd had filled: the
 * program would be as large as its largest crowd for ever. So small blocks of libevent lie together, apart from all else.
 */

#include <stdbool.h>
#include <stddef.h>

#define SLOT_SIZE 16 /* bytes: as much as a record has on machines of 64 bits */

/* Before anything else is asked of libevent. */
void slots_prepare(void);

/* What libevent uses then; as the C library's. Blocks of at most SLOT_SIZE bytes lie in the table while there is room. */
void *slots_malloc(size_t n);
void *slots_realloc(void *p, size_t n);
void slots_free(void *p);
/* Does it lie in the table? */
bool slots_hold(const void *p);
