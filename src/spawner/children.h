/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The processes a session's spawner has made, so that they can be ended when a session init is gone.
 *
 * They are init's children: nobody tells the spawner of their death. A process is therefore
 * known by pid and start time, which no recycled pid shares, and the dead are swept out when
 * the table is full, before it grows: memory follows the number of living ones.
 */

#include <stdint.h>
#include <sys/types.h>

#include "common/macros.h"

struct child {
	pid_t pid;
	uint64_t started; /* clock ticks since boot (proc(5), stat field 22) */
};

struct children {
	struct child *list; /* owned */
	size_t n;
	size_t cap;
};

#define CHILDREN_INIT                                                                                                  \
	{                                                                                                              \
		0                                                                                                      \
	}

void children_deinit(struct children *c); /* idempotent */

/* Note a living process. 0; -ESRCH: there is none; -ENOMEM. */
int must_check children_add(struct children *c, pid_t pid);

/*
 * Note what an earlier spawner made: children of `parent` that lead a session of their own and were started
 * as a job (UPSTART_JOB in their environment), other servants left out; of whom that can't be told within a second counts
 * as one. 0 or a negative errno.
 */
int must_check children_adopt(struct children *c, pid_t parent);

/* Send a signal to the process group of each that lives. The number of groups that got it. */
size_t children_signal(const struct children *c, int sig);

/*
 * Send SIGTERM to those groups, and to everybody else who runs as our user and was started by a job of that session
 * (UPSTART_SESSION and UPSTART_JOB in the environment; NULL: to nobody else) and not before `since`, as far as that can
 * be told within ten seconds: daemons have other groups, and so has who outlives a leader. Nobody gets it twice. How
 * many groups, and others.
 */
void children_end(const struct children *c, const char *session, uint64_t since, size_t *groups, size_t *others);
/* When it was started, as `started`; 0: it is gone. */
uint64_t children_start_time(pid_t pid);
