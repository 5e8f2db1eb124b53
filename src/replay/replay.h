/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Applying a recording (init/record.h) to a core, and comparing what comes of it with what was recorded.
 */

#include <stdbool.h>
#include <stdint.h>

struct replay_options {
	const char *path;
	uint64_t until; /* stop after the input of that number, and show what there is then; 0: to the end */
	bool print;	/* inputs, events that have their turn, and effects */
	bool check;	/* check after each input that everything is as it must be */
	bool quiet;	/* nothing but faults */
};

/* The exit status: 0, or 1 (told): no recording, or not the same came of it. */
int replay(const struct replay_options *options);
