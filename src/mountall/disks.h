/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which disk has which label or number, as the disks themselves say: where no udev gives them names. Each is asked in a process
 * of its own, so that one that does not answer keeps nobody from what the others say.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/macros.h"

struct disks;

struct disks *disks_new(void);		   /* NULL: out of memory */
struct disks *disks_free(struct disks *d); /* takes NULL, returns NULL; who is still asked is killed, and not waited for */

/*
 * Ask all that were not asked yet since the devices changed for the `change`-th time. A few at a time: to be called again when
 * one has answered, or has been given up.
 */
void disks_ask(struct disks *d, unsigned change, usec_t now);

/* A process has ended: was it one of ours? */
bool disks_ended(struct disks *d, pid_t pid);

/* Has any of them time left to answer? */
bool disks_are_asked(const struct disks *d, usec_t now);
/* When the time of the next that is asked is over; 0: nobody is. */
usec_t disks_due(const struct disks *d, usec_t now);

/* The path of the disk of which "LABEL=X" or the like is true, borrowed until they are asked again; NULL: none that has answered. */
const char *disks_find(const struct disks *d, const char *spec);
