/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Worlds of a few jobs for exhaustive.c.
 */

#define SMALL_JOBS 3
#define SMALL_WORLDS 27

/* What may happen in a world beside processes and users. */
enum {
	SMALL_CALLS = 1,   /* processes ask, and wait for the answer */
	SMALL_FILES = 2,   /* the file of a changes, that of b goes and comes */
	SMALL_SESSION = 4, /* the session ends */
	SMALL_EARLY = 8,   /* processes end before they are known */
	SMALL_STATES = 16, /* the state `lan` is set and cleared */
	SMALL_READY = 32,  /* starts wait until states hold */
};

struct small_world {
	const char *name;
	unsigned what;
	const char *jobs[SMALL_JOBS]; /* a, b and c; NULL: there is none */
	const char *other;	      /* with SMALL_FILES: what the file of a becomes */
};

extern const struct small_world small_worlds[SMALL_WORLDS];
