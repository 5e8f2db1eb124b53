/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whom nobody shall kill on the way down: numbers in the files of /run/sendsigs.omit.d, as System V scripts have it. Our
 * servants stand there, and whoever serves the root file system may.
 */

#include "common/wire.h"
#include "init/init.h"

/* Write down who our servants are. Process 1 of a machine; else nothing. */
void omit_write(const struct init *init);
/*
 * Add all numbers in there. Only files of root's count that nobody else may write, and links of root's to such files below
 * /run, on its own file system: what hangs is not touched. Such a link may lead to a file of another user, too, that nobody else may
 * write: its first number counts if that is a process of that user. 0, or the negative errno of a want (error_is_want()): then some
 * may be missing.
 */
int must_check omit_read(struct u64v *pids);
