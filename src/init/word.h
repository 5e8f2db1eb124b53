/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What main processes say of themselves: on a descriptor of theirs (`expect fd`), which is read here, or to their
 * notification socket (`expect notify`), which control reads. Both are kept with the process (init/proc.h).
 */

#include "init/init.h"

struct msg_said;
struct msg_spawn;
struct proc;

/*
 * Make what a main process of that class needs, unless it has it, and add it to the request: a descriptor behind
 * the *n_fds that are in `fds`, variables of its environment. 0 or a negative errno; -EEXIST: an event gives it a
 * descriptor of that number already.
 */
int must_check word_prepare(struct proc *p, const struct job_class *cls, struct msg_spawn *msg, int *fds, size_t *n_fds);
/* Its program may run from now on: hear it. */
void word_listen(struct proc *p);
/* Try again what failed for want of memory. */
void word_listen_again(struct init *init);
/* A control has come that knows of none. */
void words_control_came(struct init *init);
/* The process is over. */
void word_end(struct proc *p);
/* A child has ended: what it said comes first. 0, or a negative errno: call again. */
int must_check word_before_end(struct init *init, pid_t pid);
/* Is the end of that one held back by what it said? Whoever writes there can do that: no other end may wait for it. */
bool word_holds(const struct init *init, pid_t pid);
/* control has read something. 0 or a negative errno: call again. `number`: of the message. */
int must_check word_said(struct init *init, const struct msg_said *m, uint64_t number);
