/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What was answered to the last requests, by process id: a request that init repeats after a
 * crash gets the old answer instead of a second process. Fixed memory: the oldest is forgotten.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ANSWERS_MAX 4096 /* a power of two below UINT16_MAX */

struct answer {
	uint64_t process; /* process id of the request */
	int32_t pid;	  /* as in struct msg_spawned */
	uint32_t step;
	int32_t error;
	bool outside; /* it is not in the group it was to be born in */
};

struct answers;

struct answers *answers_new(void);		 /* NULL: out of memory */
struct answers *answers_free(struct answers *a); /* takes NULL, returns NULL */

/* The answer given for that process, borrowed until the next add; NULL: unknown, or forgotten. */
const struct answer *answers_find(const struct answers *a, uint64_t process);

/* Remember an answer to a process that is not known. Never fails. */
void answers_add(struct answers *a, const struct answer *answer);
