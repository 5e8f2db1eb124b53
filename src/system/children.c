/* SPDX-License-Identifier: MIT */
#include "system/children.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#ifdef __WALL
#define ANY_CHILD __WALL /* tracees, and clones whose exit signal is another one */
#else
#define ANY_CHILD 0
#endif

int
children_peek(struct child_event *event)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | ANY_CHILD);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == ECHILD ? 0 : -errno;
	if (info.si_pid == 0)
		return 0;
	event->pid = info.si_pid;
	event->status = info.si_status;
	switch (info.si_code) {
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
		event->status = info.si_status << 8;
		break;
	}
	return 1;
}

void
children_take(const struct child_event *event)
{
	static const int options[] = {
		[CHILD_ENDED] = WEXITED,
		[CHILD_STOPPED] = WSTOPPED,
		[CHILD_CONTINUED] = WCONTINUED,
	};
	siginfo_t info;
	int r;

	if (event->news == CHILD_TRAPPED)
		return;

	do
		r = waitid(P_PID, (id_t) event->pid, &info, options[event->news] | WNOHANG | ANY_CHILD);
	while (r < 0 && errno == EINTR);
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
