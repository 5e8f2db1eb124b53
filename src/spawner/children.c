/* SPDX-License-Identifier: MIT */
#include "spawner/children.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "system/procfile.h"
#include "system/spawn.h"
#include "system/started_with.h"

#define CAP_FIRST 64
#define STAT_SIZE 1024	   /* bytes; a stat line is shorter */
#define EXEC_TRIES 20
#define EXEC_WAIT_MS 1
#define ANSWER_TRIES 100
#define ANSWER_WAIT_MS 1

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2) /* Linux 6.9 */
#endif

/* What /proc/PID/stat says about a process. */
struct facts {
	char name[17]; /* as the kernel has it: cut */
	char state;
	int parent, group, session;
	uint64_t started;
};

void
children_deinit(struct children *c)
{
	free(c->list);
	*c = (struct children) CHILDREN_INIT;
}

/* 0, -ESRCH when there is no such process (a dead one that is not reaped counts as gone). */
static int
find_facts(pid_t pid, struct facts *f)
{
	char text[STAT_SIZE];
	const char *name, *p;
	unsigned long long started;

	if (procfile_read(pid, "stat", text, sizeof(text)) < 0)
		return -ESRCH;
	/* The name, in parentheses, may hold anything but ends at the last one. */
	name = strchr(text, '(');
	p = strrchr(text, ')');
	if (name == NULL || p == NULL ||
	    sscanf(p + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &f->state,
		   &f->parent, &f->group, &f->session, &started) != 5)
		return -ESRCH;
	f->started = started;
	(void) snprintf(f->name, sizeof(f->name), "%.*s", (int) (p - name - 1), name + 1);
	return f->state == 'Z' || f->state == 'X' ? -ESRCH : 0;
}

static bool
is_alive(const struct child *child)
{
	struct facts f;

	return find_facts(child->pid, &f) == 0 && f.started == child->started;
}

static void
sweep(struct children *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (is_alive(&c->list[i]))
			c->list[kept++] = c->list[i];
	c->n = kept;
}

/* Room for one more. Sweeping only when full, and growing when that didn't halve it, keeps the cost per child constant.
 */
static int
reserve(struct children *c)
{
	struct child *list;
	size_t cap;

	if (c->n < c->cap)
		return 0;
	sweep(c);
	if (c->cap > 0 && c->n <= c->cap / 2)
		return 0;
	cap = c->cap > 0 ? c->cap * 2 : CAP_FIRST;
	list = realloc(c->list, cap * sizeof(*list));
	if (list == NULL)
		return c->n < c->cap ? 0 : -ENOMEM;
	c->list = list;
	c->cap = cap;
	return 0;
}

static int
note(struct children *c, pid_t pid, uint64_t started)
{
	int r = reserve(c);

	if (r == 0)
		c->list[c->n++] = (struct child){ pid, started };
	return r;
}

int
children_add(struct children *c, pid_t pid)
{
	struct facts f;
	int r = find_facts(pid, &f);

	return r < 0 ? r : note(c, pid, f.started);
}

/* Our brothers are no jobs, even if init is a job itself and they have its environment. */
static bool
is_servant(const struct facts *f)
{
	static const char *const names[] = { "upstart-control", "upstart-logger", "upstart-spawner" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	return false;
}

/* How that process began, or STARTED_NOT_TOLD: nobody could say in time. */
static enum started_with
ask(pid_t pid)
{
	static const struct started_variable variable = { "UPSTART_JOB", NULL };
	enum started_with answer = STARTED_NOT_TOLD;
	pid_t child = started_with_ask(pid, &variable, 1);

	if (child < 0)
		return STARTED_UNKNOWN;
	for (int i = 0; answer == STARTED_NOT_TOLD && i < ANSWER_TRIES; i++) {
		if (i > 0)
			(void) poll(NULL, 0, ANSWER_WAIT_MS);
		answer = started_with_answer(child);
	}
	if (answer == STARTED_NOT_TOLD)
		started_with_drop(child); /* its remains lie here as long as we live */
	return answer;
}

/* In the middle of an exec a process has no environment: look again, for a while. */
static bool
was_started_as_job(pid_t pid)
{
	enum started_with answer = STARTED_UNKNOWN;

	for (int i = 0; answer == STARTED_UNKNOWN && i < EXEC_TRIES; i++) {
		if (i > 0)
			(void) poll(NULL, 0, EXEC_WAIT_MS);
		answer = ask(pid);
	}
	return answer == STARTED_WITH;
}

int
children_adopt(struct children *c, pid_t parent)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int r = 0;

	if (dir == NULL)
		return -errno;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(entry->d_name, NULL, 10);
		struct facts f;

		if (pid > 0 && pid != getpid() && find_facts(pid, &f) == 0 && f.parent == parent && f.session == pid &&
		    f.group == pid && !is_servant(&f) && was_started_as_job(pid))
			r = note(c, pid, f.started);
	}
	(void) closedir(dir);
	return r;
}

/*
 * Its process group, through a descriptor where the kernel can: between the look at the start time
 * and the signal the pid can't be another's then, since the descriptor was there before the look.
 */
static bool
signal_group(const struct child *child, int sig)
{
	auto_close int pidfd = spawn_pidfd_open(child->pid);

	if (!is_alive(child))
		return false;
	if (pidfd >= 0) {
		if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, PIDFD_SIGNAL_PROCESS_GROUP) == 0)
			return true;
		if (errno == ESRCH)
			return false;
	}
	return kill(-child->pid, sig) == 0;
}

size_t
children_signal(const struct children *c, int sig)
{
	size_t sent = 0;

	for (size_t i = 0; i < c->n; i++)
		if (signal_group(&c->list[i], sig))
			sent++;
	return sent;
}
