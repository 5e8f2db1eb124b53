/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * News of child processes: looked at first, taken (an ended one is gone then) when they are recorded.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/macros.h"

enum child_news { CHILD_ENDED, CHILD_STOPPED, CHILD_CONTINUED, CHILD_TRAPPED };

struct child_event {
	pid_t pid;
	enum child_news news;
	int status; /* ENDED: exit code, or signal number << 8; STOPPED: the signal; CONTINUED: SIGCONT;
		     * TRAPPED: what trace_understand() reads */
};

/* The next news of any child, which stays where it is. 1, 0 when there is none, or a negative errno. */
int must_check children_peek(struct child_event *event);

/*
 * Take exactly that news: an ended child is reaped. Nothing happens if it has changed meanwhile. Not for TRAPPED, which
 * is over when the process goes on.
 */
void children_take(const struct child_event *event);

/* Is that process a child of ours, or followed by us: does children_peek() tell of it? */
bool children_have(pid_t pid);
