/* SPDX-License-Identifier: MIT */
#include "system/children.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "system/process.h"

#ifdef __WALL
#define ANY_CHILD __WALL /* tracees, and clones whose exit signal is another one */
#else
#define ANY_CHILD 0
#endif

/* How the kernel's words are ours. */
static void
understand(const siginfo_t *info, struct child_event *event)
{
	event->pid = info->si_pid;
	event->status = info->si_status;
	switch (info->si_code) {
	case CLD_STOPPED:
		event->news = CHILD_STOPPED;
		break;
	case CLD_TRAPPED:
		event->news = CHILD_TRAPPED;
		break;
	case CLD_CONTINUED:
		event->news = CHILD_CONTINUED;
		break;
	case CLD_EXITED:
		event->news = CHILD_ENDED;
		break;
	default: /* CLD_KILLED, CLD_DUMPED */
		event->news = CHILD_ENDED;
		event->status = info->si_status << 8;
		break;
	}
}

static int
peek(idtype_t type, id_t id, int news, struct child_event *event)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid(type, id, &info, news | WNOHANG | WNOWAIT | ANY_CHILD);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == ECHILD ? 0 : -errno;
	if (info.si_pid == 0)
		return 0;
	understand(&info, event);
	return 1;
}

int
children_peek(struct child_event *event, bool continued)
{
	return peek(P_ALL, 0, WEXITED | WSTOPPED | (continued ? WCONTINUED : 0), event);
}

int
children_peek_end(pid_t pid, struct child_event *event)
{
	int r = peek(P_PID, (id_t) pid, WEXITED, event);

	/* Of a tracee a trap is told whatever was asked for. */
	return r == 1 && event->news != CHILD_ENDED ? 0 : r;
}

int
children_peek_stop(struct child_event *event)
{
	return peek(P_ALL, 0, WSTOPPED, event);
}

bool
children_take(struct child_event *event)
{
	static const int options[] = {
		[CHILD_ENDED] = WEXITED,
		[CHILD_STOPPED] = WSTOPPED,
		[CHILD_CONTINUED] = WCONTINUED,
	};
	siginfo_t info = { 0 };
	int r;

	if (event->news == CHILD_TRAPPED)
		return false;

	do
		r = waitid(P_PID, (id_t) event->pid, &info, options[event->news] | WNOHANG | ANY_CHILD);
	while (r < 0 && errno == EINTR);
	/* Of a tracee a trap is told whatever was asked for. */
	if (r < 0 || info.si_pid == 0 || info.si_code != CLD_TRAPPED)
		return false;
	understand(&info, event);
	return true;
}

int
children_list(struct u64v *pids)
{
	const struct dirent *e;
	int r = process_children(pids);
	DIR *dir;

	if (r != -ENOSYS)
		return r;
	dir = opendir("/proc");
	if (dir == NULL)
		return -errno;
	r = 0;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(e->d_name, NULL, 10);

		if (pid > 1)
			r = u64v_add(pids, (uint64_t) pid);
	}
	(void) closedir(dir);
	return r;
}

bool
children_have(pid_t pid)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT | ANY_CHILD);
	while (r < 0 && errno == EINTR);
	return r == 0;
}
