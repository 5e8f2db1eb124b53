/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tells that devices have come: by watching the folders of /dev in which udev and the kernel name disks.
 */

/* A descriptor to poll, or a negative errno. It stays the caller's, to be closed. */
int devices_open(void);
/* Watch folders that have come meanwhile; before anything is looked for, so that nothing falls in between. */
void devices_watch(int fd);
/* Take in what has happened. */
void devices_read(int fd);
