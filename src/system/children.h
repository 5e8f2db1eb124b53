/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * News of child processes: looked at first, taken (an ended one is gone then) when they are recorded.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/macros.h"
#include "common/wire.h"

enum child_news { CHILD_ENDED, CHILD_STOPPED, CHILD_CONTINUED, CHILD_TRAPPED };

struct child_event {
	pid_t pid;
	enum child_news news;
	int status; /* ENDED: exit code, or signal number << 8; STOPPED: the signal; CONTINUED: SIGCONT;
		     * TRAPPED: what trace_understand() reads */
};

/*
 * The next news of any child, which stays where it is. 1, 0 when there is none, or a negative errno. `continued`: of
 * those too that go on after a stop. Who follows a process should not ask: the kernel can't take such news of it without
 * taking the next trap instead, if that came meanwhile (children_take()).
 */
int must_check children_peek(struct child_event *event, bool continued);

/* The end of that child, which stays where it is. 1, 0 when it has not ended or is none, or a negative errno. */
int must_check children_peek_end(pid_t pid, struct child_event *event);

/* The next stop or trap of any child, which stays where it is: ends do not stand before it. As children_peek(). */
int must_check children_peek_stop(struct child_event *event);

/*
 * Take exactly that news: an ended child is reaped. Nothing happens if it has changed meanwhile. Not for TRAPPED, which
 * is over when the process goes on. True: the process is followed and trapped in between, and what was taken, now in
 * *event, is that trap; nobody will tell of it again.
 */
bool must_check children_take(struct child_event *event);

/*
 * Append the pids of all that may be children of ours: exactly those, the dead among them, where the kernel lists them;
 * else of all processes but the first. 0 or a negative errno. For a process that has one thread.
 */
int must_check children_list(struct u64v *pids);

/* Is that process a child of ours, or followed by us: does children_peek() tell of it? */
bool children_have(pid_t pid);
