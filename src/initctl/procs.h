/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the processes of the machine use, as the kernel counts it.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/macros.h"

struct proc {
	pid_t pid, parent, session;
	usec_t start;	 /* since the machine was started; with the pid it names the process for good */
	usec_t cpu;	 /* used so far, by itself and by the kernel for it */
	uint64_t memory; /* bytes that are resident, those it shares with others too */
};

struct procs {
	struct proc *p; /* owned; sorted by pid */
	size_t n;
	usec_t now; /* since the machine was started */
};

#define PROCS_INIT                                                                                                     \
	{                                                                                                              \
		NULL, 0, 0                                                                                             \
	}

/* 0; -ENOTSUP where we do not know how to ask; a negative errno. Processes that end meanwhile are left out. */
int must_check procs_read(struct procs *procs);
/* NULL: there is none. */
const struct proc *procs_find(const struct procs *procs, pid_t pid);
void procs_deinit(struct procs *procs); /* idempotent */
#define auto_procs __attribute__((cleanup(procs_deinit)))
