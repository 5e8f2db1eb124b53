/* SPDX-License-Identifier: MIT */
/*
 * POSIX knows no way to follow processes.
 */
#include "system/trace.h"

#include <errno.h>
#include <unistd.h>

bool
trace_is_possible(void)
{
	return false;
}

int
trace_seize(pid_t pid)
{
	(void) pid;
	return -ENOSYS;
}

void
trace_understand(pid_t pid, int status, struct trace_stop *stop)
{
	(void) status;
	*stop = (struct trace_stop){ .pid = pid, .reason = TRACE_ATTENTION };
}

void
trace_resume(const struct trace_stop *stop)
{
	(void) stop;
}

void
trace_detach(const struct trace_stop *stop)
{
	(void) stop;
}

void
trace_interrupt(pid_t pid)
{
	(void) pid;
}

int
trace_look(pid_t pid, struct trace_task *task)
{
	(void) pid;
	(void) task;
	return -ENOSYS;
}

int
trace_look_briefly(pid_t pid, struct trace_brief *brief)
{
	(void) pid;
	(void) brief;
	return -ENOSYS;
}

int
trace_look_groups(pid_t pid, pid_t *session, pid_t *group)
{
	*session = getsid(pid);
	if (*session < 0)
		return -errno;
	*group = getpgid(pid);
	return *group < 0 ? -errno : 0;
}
