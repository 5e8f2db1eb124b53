/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Mounts one entry, in a process of its own: whatever hangs, hangs alone.
 */

#include <stdatomic.h>
#include <sys/types.h>

#include "mountall/order.h"

enum worker_end {
	WORKER_DONE,
	WORKER_FAILED,	/* said so */
	WORKER_UNCLEAN, /* the check left faults in the file system */
	WORKER_REBOOT,	/* the check changed the root that we run from */
	WORKER_SICK	/* it could not even begin */
};

/* What it is at. */
enum worker_step {
	WORKER_LOOKS,  /* for its source, and whether it is mounted */
	WORKER_CALLS,  /* waits for what the event mounting does */
	WORKER_CHECKS,
	WORKER_MOUNTS,
	WORKER_TELLS   /* it is mounted: waits for what the event mounted does */
};

/* In memory that the worker shares with who began it, as nobody can ask one that hangs. */
struct worker_report {
	_Atomic enum worker_step step;
	_Atomic usec_t since; /* it is at that; of the clock that does not jump */
};

struct worker_options {
	bool events;	/* tell init */
	bool check;	/* file systems, as fstab says */
	bool force;	/* also those that look clean */
	bool yes;	/* mend whatever can be mended */
};

/*
 * Begin. The process ends with a worker_end as its status, and says in the report meanwhile what it is at. Its id, or a negative
 * errno.
 */
pid_t worker_start(const struct mount_entry *e, const struct worker_options *options, struct worker_report *report);
/* Kill it with all that it runs. It may still be there for long after, as who waits for a disk can't be killed. */
void worker_kill(pid_t pid);
