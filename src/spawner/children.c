/* SPDX-License-Identifier: MIT */
#include "spawner/children.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/procfile.h"
#include "system/spawn.h"
#include "system/started_with.h"

#define CAP_FIRST 64
#define STAT_SIZE 1024	   /* bytes; a stat line is shorter */
#define EXEC_TRIES 20
#define ADOPT_LIMIT (1 * USEC_PER_SEC) /* so long it may take to find out about all of them */
#define ADOPT_PAUSE_MS 2
#define END_LIMIT (10 * USEC_PER_SEC) /* the same at the end, when nobody waits for us */
#define AT_ONCE 16 /* children that look */

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
	int parent, group, session, threads;
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
	    sscanf(p + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu", &f->state,
		   &f->parent, &f->group, &f->session, &f->threads, &started) != 6)
		return -ESRCH;
	f->started = started;
	(void) snprintf(f->name, sizeof(f->name), "%.*s", (int) (p - name - 1), name + 1);
	/* With its first thread it has not ended as long as it has others. */
	return (f->state == 'Z' || f->state == 'X') && f->threads <= 1 ? -ESRCH : 0;
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

/* -- what an earlier spawner made ------------------------------------------------------------- */

/* May that be a job, or of one, and what is known of it. */
struct candidate {
	pid_t pid;
	uint64_t started;
	pid_t child; /* that looks; 0: none does */
	enum started_with answer;
	unsigned tries;
};

struct candidates {
	struct candidate *list; /* owned */
	size_t n;
	const struct started_variable *asked; /* borrowed: who was started with these is one */
	size_t n_asked;
};

static int
add_candidate(struct candidates *all, pid_t pid, uint64_t started)
{
	struct candidate *list = all->list;

	/* The sizes that a doubling array goes through. */
	if ((all->n & (all->n - 1)) == 0)
		list = realloc(list, (all->n > 0 ? 2 * all->n : 1) * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	all->list = list;
	list[all->n++] = (struct candidate){ .pid = pid, .started = started, .answer = STARTED_UNKNOWN };
	return 0;
}

/* Children of `parent` that lead a session, as jobs do. 0 or a negative errno. */
static int
list_candidates(struct candidates *all, pid_t parent)
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
		    f.group == pid && !is_servant(&f))
			r = add_candidate(all, pid, f.started);
	}
	(void) closedir(dir);
	return r;
}

/* Take answers. How many are still looked at. */
static size_t
collect(struct candidates *all)
{
	size_t out = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct candidate *c = &all->list[i];

		if (c->child == 0)
			continue;
		c->answer = started_with_answer(c->child);
		if (c->answer == STARTED_NOT_TOLD)
			out++;
		else
			c->child = 0;
	}
	return out;
}

/* Ask about those of whom nothing is known: in the middle of an exec a process has no environment. How many are left. */
static size_t
ask_more(struct candidates *all, size_t out)
{
	size_t left = out;

	for (size_t i = 0; i < all->n; i++) {
		struct candidate *c = &all->list[i];

		if (c->answer != STARTED_UNKNOWN || c->tries == EXEC_TRIES)
			continue;
		left++;
		if (out == AT_ONCE)
			continue;
		c->child = started_with_ask(c->pid, all->asked, all->n_asked);
		c->tries++;
		if (c->child > 0) {
			c->answer = STARTED_NOT_TOLD;
			out++;
		} else {
			c->child = 0;
		}
	}
	return left;
}

/* Find out who was started as a job, as far as that can be told in time. */
static void
ask_all(struct candidates *all, usec_t limit)
{
	usec_t end = clock_now() + limit;

	while (ask_more(all, collect(all)) > 0 && clock_now() < end)
		(void) poll(NULL, 0, ADOPT_PAUSE_MS);
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].child != 0)
			started_with_drop(all->list[i].child); /* its remains lie here as long as we live */
}

int
children_adopt(struct children *c, pid_t parent)
{
	static const struct started_variable variable = { "UPSTART_JOB", NULL };
	struct candidates all = { .asked = &variable, .n_asked = 1 };
	int r = list_candidates(&all, parent);

	if (r == 0)
		ask_all(&all, ADOPT_LIMIT);
	/* Who leads a session, and can't be told from a job, is rather ended with the session than left behind. */
	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (all.list[i].answer != STARTED_WITHOUT)
			r = note(c, all.list[i].pid, all.list[i].started);
	free(all.list);
	return r;
}

/*
 * It, or its process group, through a descriptor where the kernel can: between the look at the start time
 * and the signal the pid can't be another's then, since the descriptor was there before the look.
 */
static bool
signal_child(const struct child *child, int sig, bool group)
{
	auto_close int pidfd = spawn_pidfd_open(child->pid);
	unsigned flags = group ? PIDFD_SIGNAL_PROCESS_GROUP : 0;

	if (!is_alive(child))
		return false;
	if (pidfd >= 0) {
		if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, flags) == 0)
			return true;
		if (errno == ESRCH)
			return false;
	}
	return kill(group ? -child->pid : child->pid, sig) == 0;
}

size_t
children_signal(const struct children *c, int sig)
{
	size_t sent = 0;

	for (size_t i = 0; i < c->n; i++)
		if (signal_child(&c->list[i], sig, true))
			sent++;
	return sent;
}

/* -- the end ------------------------------------------------------------------------------------------ */

static bool
has_group(const struct children *c, pid_t group)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].pid == group && is_alive(&c->list[i]))
			return true;
	return false;
}

uint64_t
children_start_time(pid_t pid)
{
	struct facts f;

	return find_facts(pid, &f) == 0 ? f.started : 0;
}

/* Processes of our user that are in none of the groups and no older than `since`: as many as there is memory for. */
static void
list_others(const struct children *c, uint64_t since, struct candidates *all)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int r = 0;

	while (dir != NULL && r == 0 && (entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(entry->d_name, NULL, 10);
		struct facts f;
		struct stat st;

		if (pid > 0 && pid != getpid() && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
		    st.st_uid == geteuid() && find_facts(pid, &f) == 0 && f.started >= since && !is_servant(&f) &&
		    !has_group(c, f.group))
			r = add_candidate(all, pid, f.started);
	}
	if (dir != NULL)
		(void) closedir(dir);
}

void
children_end(const struct children *c, const char *session, uint64_t since, size_t *groups, size_t *others)
{
	const struct started_variable variables[] = { { "UPSTART_JOB", NULL }, { "UPSTART_SESSION", session } };
	struct candidates all = { .asked = variables, .n_asked = ARRAY_SIZE(variables) };

	*others = 0;
	/* Before the leaders end: who is in a group can't be told from who is left of one then. */
	if (session != NULL)
		list_others(c, since, &all);
	*groups = children_signal(c, SIGTERM);
	ask_all(&all, END_LIMIT);
	for (size_t i = 0; i < all.n; i++) {
		const struct child one = { all.list[i].pid, all.list[i].started };

		if (all.list[i].answer == STARTED_WITH && signal_child(&one, SIGTERM, false))
			(*others)++;
	}
	free(all.list);
}
