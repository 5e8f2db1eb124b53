/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file systems of a machine that goes down. Any of this may hang: it is for a child that init waits for only so long.
 * What hangs is left after a time of its own, so that it costs no other; what comes when all time is over has a moment.
 */

#include <signal.h>

#include "common/macros.h"
#include "system/clock.h"

struct unmount {
	void (*say)(const char *text);		/* borrowed: a line for who watches the console */
	volatile sig_atomic_t *skip;		/* borrowed: set by a handler: what is waited for is left; cleared by the next */
	unsigned firm;				/* seconds in which that is not heeded */
	usec_t until;				/* of the clock: what is left then has a moment each; 0: no end */
	char **left;				/* owned: "PATH: why" of what could not be unmounted */
	size_t settled;				/* so many of these are final; the others are still to be made read-only */
	char **hung;				/* owned: paths that are not tried again */
	char **cut;				/* owned: paths for which there was no time */
	char **dead;				/* owned: devices and servers of those that hung */
};

/*
 * Switch swap off and unmount all but the root and what the kernel shows below /proc, /sys, /dev and /run, the innermost
 * first, together with loop devices, again until nothing moves any more. Notes what is left.
 */
void unmount_all(struct unmount *u);
/* What is left, but for what hangs, is made read-only: it can at least be written out. Notes what came of it. */
void unmount_rest(struct unmount *u);
/* The root becomes read-only, and all that is in memory is written. Notes a root that could not be. */
void unmount_root(struct unmount *u);
void unmount_deinit(struct unmount *u);

/*
 * Call `fn` in a child for at most `limit` seconds, and 200 ms at least. What it returns (0, negative errno); -ETIMEDOUT: its
 * limit has passed, or it was skipped; -ECANCELED: `until` has passed; after both it may still be at it. -EINTR: it was
 * killed; -EAGAIN: there was no child to be had in all that time.
 */
int unmount_attempt(struct unmount *u, const char *what, unsigned limit, int (*fn)(const void *arg), const void *arg);
