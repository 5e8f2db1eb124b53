/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Groups of processes that nobody leaves by daemonising: cgroup v2, without controllers. All are made below one
 * directory of init's own, the base, in the group that init is in itself.
 *
 * Files of the kernel's own are read here, which never wait for anything.
 */

#include "common/wire.h"

/*
 * Make the base, or take over one that another init has left with nobody in it: "PREFIX", else "PREFIX-2" and so on. It
 * is ours for as long as the descriptor is open, over an exec too. The descriptor (owned) and *path (owned), or a
 * negative errno: there is no cgroup v2, or it can't be written.
 */
int must_check cgroup_open_base(const char *prefix, char **path);
/* Remove the base, if nothing is in it. */
void cgroup_remove_base(const char *path);

/* Make a group in the base. 0; -EEXIST: something of that name is there; or another negative errno. */
int must_check cgroup_make(int base, const char *name);
/* Remove one with all below it. 0, also when there is none; -EBUSY: somebody is in it; or another negative errno. */
int must_check cgroup_remove(int base, const char *name);

/*
 * Is anybody in it, or below it? 1 or 0, or a negative errno: that can't be seen now. One that is not there is empty.
 * The dead do not count.
 */
int must_check cgroup_is_populated(int base, const char *name);
/* Append the pids of all in it and below. 0 or a negative errno. */
int must_check cgroup_members(int base, const char *name, struct u64v *pids);
/* Is that process in it, or below it? `path`: of the base. 1, 0, or a negative errno that is a want (error_is_want()). */
int must_check cgroup_has(const char *path, const char *name, pid_t pid);
/* SIGKILL to all in it and below, at one stroke. 0 or a negative errno (older kernels: -ENOENT). */
int must_check cgroup_kill(int base, const char *name);

/* A descriptor (owned) that is readable when the number of those in a watched group became zero or not; or an error. */
int must_check cgroup_watch_new(void);
/*
 * Watch a group for as long as it is there. A number (> 0) that stands for it, the same when it is watched already; or
 * a negative errno.
 */
int must_check cgroup_watch_add(int watch, const char *path, const char *name);
/* A group that something has happened to; 0: it may be any, for there was more than could be remembered. */
typedef void (*cgroup_watch_fn)(int number, void *data);
/* Hand out what has happened, some of it if it is much: then the descriptor stays readable. */
void cgroup_watch_read(int watch, cgroup_watch_fn fn, void *data);
