/* SPDX-License-Identifier: MIT */
/*
 * ptrace, with PTRACE_SEIZE: a stop by a signal stays what it is, and a tracee can be interrupted. What ptrace does not
 * tell (who made a process that is seen before its maker's news) is read in /proc.
 */
#include "system/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define OPTIONS                                                                                                        \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)
#define STATUS_SIZE 4096 /* what counts stands at the beginning */
#define STATE_FIELD 3	 /* of stat, as proc(5) numbers them */
#define PARENT_FIELD 4
#define SESSION_FIELD 6
#define THREADS_FIELD 20
#define BEGAN_FIELD 22

static int
request(int what, pid_t pid, unsigned long data)
{
	/* glibc has an enum there, others an int. */
	return ptrace((__typeof__(PTRACE_CONT)) what, pid, NULL, (void *) data) < 0 ? -errno : 0;
}

/* -- looking -------------------------------------------------------------------------------- */

/* Read a short file of the kernel's; the result ends with NUL. 0 or a negative errno. */
static int
read_file(const char *path, char *buf, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* The first number after "\nKEY:"; 0 when there is none. */
static pid_t
number_of(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p != NULL ? (pid_t) strtol(p + strlen(key), NULL, 10) : 0;
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

static bool
looks_dead(const char *state)
{
	return *state == 'Z' || *state == 'X';
}

/* A process whose first thread has ended looks dead, but is not as long as it has others. */
static bool
is_dead(const char *state, long threads)
{
	return looks_dead(state) && threads <= 1;
}

/* The n-th word from `p` on, the first being 0; NULL: there are not so many. */
static const char *
word_at(const char *p, int n)
{
	for (; p != NULL && n > 0; n--) {
		p = strchr(p, ' ');
		p = p != NULL ? p + 1 : NULL;
	}
	return p;
}

int
trace_look_briefly(pid_t pid, struct trace_brief *brief)
{
	char path[64], stat[STATUS_SIZE];
	const char *state, *parent, *session, *threads, *began;
	int r;

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	r = read_file(path, stat, sizeof(stat));
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name in parentheses may have some in it; nothing behind it has. */
	state = word_at(strrchr(stat, ')'), 1);
	parent = word_at(state, PARENT_FIELD - STATE_FIELD);
	session = word_at(state, SESSION_FIELD - STATE_FIELD);
	threads = word_at(state, THREADS_FIELD - STATE_FIELD);
	began = word_at(state, BEGAN_FIELD - STATE_FIELD);
	if (began == NULL)
		return -EIO;
	*brief = (struct trace_brief){
		.parent = (pid_t) strtol(parent, NULL, 10),
		.session = (pid_t) strtol(session, NULL, 10),
		.began = strtoull(began, NULL, 10),
		.dead = is_dead(state, strtol(threads, NULL, 10)),
	};
	return 0;
}

int
trace_look(pid_t pid, struct trace_task *task)
{
	char path[64], status[STATUS_SIZE];
	struct trace_brief brief;
	const char *state;
	int r;

	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	r = read_file(path, status, sizeof(status));
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	*task = (struct trace_task){
		.process = number_of(status, "\nTgid:"),
		.parent = number_of(status, "\nPPid:"),
		.tracer = number_of(status, "\nTracerPid:"),
	};
	if (trace_look_groups(pid, &task->session, &task->group) < 0)
		task->session = task->group = 0;
	state = strstr(status, "\nState:\t");
	if (task->process <= 0)
		return -EIO;
	if (state == NULL || !looks_dead(state + strlen("\nState:\t")))
		return 0;
	/* How many threads it has stands behind its groups, which may be too many to be read here. */
	r = trace_look_briefly(pid, &brief);
	task->dead = r == 0 && brief.dead;
	return r;
}

/* Is /proc there, and does it show the processes as we see them? */
bool
trace_is_possible(void)
{
	char text[32];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strtol(text, NULL, 10) == getpid();
}

/* -- following ---------------------------------------------------------------------------------- */

int
trace_seize(pid_t pid)
{
	struct trace_task task;
	int r;

	if (!trace_is_possible())
		return -ENOSYS;
	r = request(PTRACE_SEIZE, pid, OPTIONS);
	/* The image before this one may have done it. */
	if (r == -EPERM && trace_look(pid, &task) == 0 && task.tracer == getpid())
		return 0;
	return r;
}

void
trace_understand(pid_t pid, int status, struct trace_stop *stop)
{
	unsigned long child = 0;
	int event = status >> 8;

	*stop = (struct trace_stop){ .pid = pid, .reason = TRACE_ATTENTION };
	switch (event) {
	case 0:
		stop->reason = TRACE_SIGNAL;
		stop->signal = status & 0x7f;
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		stop->reason = TRACE_FORKED;
		if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0)
			stop->child = (pid_t) child;
		break;
	case PTRACE_EVENT_EXEC:
		stop->reason = TRACE_EXECUTED;
		break;
	case PTRACE_EVENT_STOP:
		/* A stop by SIGSTOP and its kind says which; all others SIGTRAP. */
		if ((status & 0x7f) != SIGTRAP)
			stop->reason = TRACE_HALTED;
		break;
	default:
		break;
	}
}

void
trace_resume(const struct trace_stop *stop)
{
	if (stop->reason == TRACE_HALTED)
		(void) request(PTRACE_LISTEN, stop->pid, 0);
	else
		(void) request(PTRACE_CONT, stop->pid, (unsigned long) stop->signal);
}

void
trace_detach(const struct trace_stop *stop)
{
	(void) request(PTRACE_DETACH, stop->pid, (unsigned long) stop->signal);
}

void
trace_interrupt(pid_t pid)
{
	char path[64];
	DIR *dir;

	(void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
	dir = opendir(path);
	for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir))
		if (e->d_name[0] != '.')
			(void) request(PTRACE_INTERRUPT, (pid_t) strtol(e->d_name, NULL, 10), 0);
	if (dir != NULL)
		(void) closedir(dir);
	else
		(void) request(PTRACE_INTERRUPT, pid, 0);
}
