/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Following the processes that come from one, by ptrace.
 *
 * A process is seized before its gate opens; from then on what it forks is followed as well, and each of them stops
 * when it forks, executes a program, or is about to get a signal. A stop is looked at (children_peek()), journaled, and
 * ended by trace_resume() or trace_detach(). It is never taken by waiting: so whoever comes after a crash finds it
 * again.
 *
 * Signals reach a traced process as if it were not traced; one that stops it does so until SIGCONT comes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/macros.h"

/* Can processes be followed here at all? */
bool trace_is_possible(void);

/* Follow a process of ours, now and over its forks; one that is followed already is no error. 0 or a negative errno. */
int must_check trace_seize(pid_t pid);

enum trace_reason {
	TRACE_SIGNAL,	 /* it is about to get `signal` */
	TRACE_HALTED,	 /* a signal has stopped it and its threads */
	TRACE_FORKED,	 /* it has made `child`: a process or a thread */
	TRACE_EXECUTED,	 /* it has executed a program */
	TRACE_ATTENTION, /* it is new, or was interrupted */
};

struct trace_stop {
	pid_t pid;
	enum trace_reason reason;
	int signal;  /* SIGNAL */
	pid_t child; /* FORKED; 0: not known any more */
};

/* What a stop that children_peek() has shown means. */
void trace_understand(pid_t pid, int status, struct trace_stop *stop);

/* Let it go on, and follow it further. One that has died meanwhile is no error: its end comes next. */
void trace_resume(const struct trace_stop *stop);
/* Let it go on, and follow it no more. */
void trace_detach(const struct trace_stop *stop);
/* Make each thread of a process stop soon, whatever it does (TRACE_ATTENTION). */
void trace_interrupt(pid_t pid);

struct trace_task {
	pid_t process;	      /* whose thread it is; its own pid if it is a process */
	pid_t parent;	      /* the process that made it, or the one that has adopted it */
	pid_t tracer;	      /* 0: nobody follows it */
	pid_t session, group; /* 0: not known */
	bool dead;	      /* it has ended with all its threads, and is not reaped */
};

/* Look at a process or thread that has not been reaped. 0, -ESRCH, or another negative errno. */
int must_check trace_look(pid_t pid, struct trace_task *task);

/* What a look at many can afford to ask of each: one file. */
struct trace_brief {
	pid_t parent, session;
	uint64_t began; /* in the kernel's ticks since boot: with the number that is who it is */
	bool dead;	/* it has ended with all its threads, and is not reaped */
};

/*
 * Look at a process that has not been reaped. 0, -ESRCH, or another negative errno (error_is_want(): it may be there).
 */
int must_check trace_look_briefly(pid_t pid, struct trace_brief *brief);
/* Only session and group: 0 or a negative errno. */
int must_check trace_look_groups(pid_t pid, pid_t *session, pid_t *group);
