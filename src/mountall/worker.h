/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Mounts one entry, in a process of its own: whatever hangs, hangs alone.
 */

#include <sys/types.h>

#include "mountall/order.h"

enum worker_end {
	WORKER_DONE,
	WORKER_FAILED,	/* said so */
	WORKER_UNCLEAN, /* the check left faults in the file system */
	WORKER_REBOOT,	/* the check changed the root that we run from */
	WORKER_SICK	/* it could not even begin */
};

struct worker_options {
	bool events;	/* tell init */
	bool check;	/* file systems, as fstab says */
	bool force;	/* also those that look clean */
	bool yes;	/* mend whatever can be mended */
};

/*
 * Ask the disks whether what it is made of is there. The process ends with WORKER_DONE if so, else with WORKER_FAILED. Its id, or a
 * negative errno.
 */
pid_t worker_probe(const struct mount_entry *e);

/* Begin. The process ends with a worker_end as its status. Its id, or a negative errno. */
pid_t worker_start(const struct mount_entry *e, const struct worker_options *options);
