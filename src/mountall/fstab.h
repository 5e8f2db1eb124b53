/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is to be mounted: what every machine has, and what fstab(5) says. And what is mounted already.
 */

#include "common/error.h"
#include "mountall/order.h"

/* Read it into `m`, which is empty. A line with a fault costs that line, and is told. 0 or a negative errno. */
int must_check fstab_read(struct mounts *m, const char *path, struct error *err);

/* Is something mounted just there, or that swap space in use? */
bool fstab_is_mounted(const struct mount_entry *e);

/*
 * Is what it is made of there, as far as names tell? No disk is read, so that a dead one holds nobody up. 1: yes; 0: no; -EAGAIN:
 * it has no name yet, and only the disks themselves know.
 */
int fstab_look(const struct mount_entry *e);

/* The device or path that a source names, owned; NULL: it is not there (yet). A word that is no name is returned as it is. */
char *fstab_find_source(const struct mount_entry *e);
