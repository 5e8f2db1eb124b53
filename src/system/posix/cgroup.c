/* SPDX-License-Identifier: MIT */
/*
 * POSIX knows no groups of processes that nobody can leave.
 */
#include "system/cgroup.h"

#include <errno.h>

int
cgroup_open_base(const char *prefix, char **path)
{
	(void) prefix;
	*path = NULL;
	return -ENOSYS;
}

void
cgroup_remove_base(const char *path)
{
	(void) path;
}

int
cgroup_make(int base, const char *name)
{
	(void) base;
	(void) name;
	return -ENOSYS;
}

int
cgroup_remove(int base, const char *name)
{
	(void) base;
	(void) name;
	return -ENOSYS;
}

int
cgroup_is_populated(int base, const char *name)
{
	(void) base;
	(void) name;
	return 0;
}

int
cgroup_members(int base, const char *name, struct u64v *pids)
{
	(void) base;
	(void) name;
	(void) pids;
	return -ENOSYS;
}

int
cgroup_has(const char *path, const char *name, pid_t pid)
{
	(void) path;
	(void) name;
	(void) pid;
	return 0;
}

int
cgroup_kill(int base, const char *name)
{
	(void) base;
	(void) name;
	return -ENOSYS;
}

int
cgroup_watch_new(void)
{
	return -ENOSYS;
}

int
cgroup_watch_add(int watch, const char *path, const char *name)
{
	(void) watch;
	(void) path;
	(void) name;
	return -ENOSYS;
}

void
cgroup_watch_read(int watch, cgroup_watch_fn fn, void *data)
{
	(void) watch;
	(void) fn;
	(void) data;
}
