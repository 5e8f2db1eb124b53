/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What environment a process was started with. The kernel reads that in the memory of the process, and waits for whoever
 * holds its locks, which may be for ever. So a child of ours does it, and nobody waits for that.
 */

#include <sys/types.h>

#include "common/macros.h"

enum started_with {
	STARTED_WITHOUT,  /* also: it is gone, or nobody may know, or the child saw nothing in all its time */
	STARTED_WITH,
	STARTED_UNKNOWN,  /* it is about to execute a program, and has no environment now; or the child was short of
			   * something, or was killed */
	STARTED_NOT_TOLD, /* the child is at it */
};

struct started_variable {
	const char *name;
	const char *value; /* NULL: any */
};

/*
 * Ask whether all of these n variables are among those that a process was started with. The pid of the child that looks,
 * which ends by itself after two seconds at the latest; or a negative errno.
 */
pid_t must_check started_with_ask(pid_t pid, const struct started_variable *variables, size_t n);
/* The answer; the child is reaped with any but NOT_TOLD. */
enum started_with started_with_answer(pid_t child);
/* What the status of such a child means that another has reaped: exit code, or signal << 8. */
enum started_with started_with_status(int status);
/* The child is not needed any more: it ends soon, and is to be reaped. */
void started_with_drop(pid_t child);
