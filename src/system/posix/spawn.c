/* SPDX-License-Identifier: MIT */
/*
 * Processes with nothing but POSIX: plain fork(). No siblings, no process descriptors, no OOM scores,
 * no AppArmor.
 */
#include "system/spawn.h"

#include <errno.h>

pid_t
spawn_clone(enum spawn_parent parent, const char *cgroup, int *pidfd, bool *outside)
{
	*pidfd = -1;
	*outside = cgroup != NULL;
	if (parent == SPAWN_SIBLING) {
		errno = ENOSYS;
		return -1;
	}
	return fork();
}

void
spawn_set_name(const char *name)
{
	(void) name;
}

int
spawn_pidfd_open(pid_t pid)
{
	(void) pid;
	return -ENOSYS;
}

int
spawn_close_range(unsigned first, unsigned last)
{
	(void) first;
	(void) last;
	return -ENOSYS;
}

int
spawn_set_oom_score(int score)
{
	(void) score;
	return 0;
}

bool
spawn_apparmor_is_usable(void)
{
	return false;
}

int
spawn_switch_profile(const char *profile)
{
	(void) profile;
	return 0;
}
