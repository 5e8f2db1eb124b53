/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Families of main processes: what ptrace shows of them is told to the core, which decides (core/family.h). Nothing is
 * kept here: whom the core does not know (any more) is let go at its next stop.
 */

#include "init/init.h"
#include "system/children.h"

struct proc;

/* A process is made and waits at its gate: follow it, if the core wants that. */
void tracer_begin(struct proc *p);
/* After loading: who is followed, and who is not? */
void tracer_start(struct init *init);

/* A stop of somebody who is followed. 0, or a negative errno: look again later. */
int must_check tracer_stopped(struct init *init, const struct child_event *c);
/* The same of one whom nobody follows any more: it goes on, untraced. */
void tracer_let_go(struct init *init, const struct child_event *c);
/* Somebody is about to be reaped: what must be known before. 0 or a negative errno, as above. */
int must_check tracer_before_end(struct init *init, pid_t pid);
/* Tell the core who has gone to a session or group of their own. 0 or a negative errno. */
int must_check tracer_look(struct init *init);

/* Carry out EFFECT_RELEASE. */
void tracer_release(struct init *init, const struct effect_release *e);
/* At the end of each turn: what could not be told at once. */
void tracer_turn(struct init *init);
