/* SPDX-License-Identifier: MIT */
/*
 * From /proc/PID/stat.
 */
#include "initctl/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

#define STAT_MAX 1024

/* Clock ticks as time. */
static usec_t
ticks(uint64_t n, long per_second)
{
	return n * USEC_PER_SEC / (uint64_t) per_second;
}

/* False: it has ended. */
static bool
read_proc(int proc_fd, const char *name, struct proc *proc)
{
	char path[300], text[STAT_MAX];
	long hertz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
	uint64_t user, system, start;
	int parent, session;
	int64_t pages;
	auto_close int fd = -1;
	const char *rest;
	ssize_t n;

	(void) snprintf(path, sizeof(path), "%s/stat", name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return false;
	text[n] = '\0';
	rest = strrchr(text, ')'); /* the name of the program may hold anything */
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice
	 * threads itrealvalue starttime vsize rss: proc(5) */
	if (!rest || sscanf(rest + 1,
			    " %*c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			    " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
			    &parent, &session, &user, &system, &start, &pages) != 6)
		return false;
	*proc = (struct proc){ .pid = (pid_t) strtol(name, NULL, 10), .parent = parent, .session = session };
	proc->start = ticks(start, hertz);
	proc->cpu = ticks(user + system, hertz);
	proc->memory = pages > 0 ? (uint64_t) pages * (uint64_t) page : 0;
	return true;
}

static int
compare(const void *a, const void *b)
{
	const struct proc *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int
procs_read(struct procs *procs)
{
	DIR *folder = opendir("/proc");
	struct timespec now;
	struct dirent *entry;
	size_t room = 0;
	int r = 0;

	if (!folder)
		return -errno;
	while (r == 0 && (entry = readdir(folder)) != NULL) {
		struct proc *grown = procs->p;

		if (!isdigit((unsigned char) entry->d_name[0]))
			continue;
		if (procs->n == room) {
			room = room ? room * 2 : 256;
			grown = reallocarray(procs->p, room, sizeof(*grown));
		}
		if (grown) {
			procs->p = grown;
			procs->n += read_proc(dirfd(folder), entry->d_name, &grown[procs->n]);
		} else {
			r = -ENOMEM;
		}
	}
	(void) closedir(folder);
	(void) clock_gettime(CLOCK_BOOTTIME, &now);
	procs->now = (usec_t) now.tv_sec * USEC_PER_SEC + (usec_t) now.tv_nsec / 1000;
	if (procs->p && procs->n > 0)
		qsort(procs->p, procs->n, sizeof(*procs->p), compare);
	return r;
}

const struct proc *
procs_find(const struct procs *procs, pid_t pid)
{
	const struct proc key = { .pid = pid };

	return procs->n > 0 ? bsearch(&key, procs->p, procs->n, sizeof(key), compare) : NULL;
}

void
procs_deinit(struct procs *procs)
{
	free(procs->p);
	*procs = (struct procs) PROCS_INIT;
}
