/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The broods of instances: all processes that come from one, whoever daemonised on the way. Where init may, the
 * processes of an instance are born in a cgroup v2 of their own, which nobody leaves unasked: then the brood is who is
 * in it. Where it may not, the brood is who is in a session that a process of the instance began, and whose parents
 * are; that is only kept for jobs with `kill mode tree`, who alone need it.
 *
 * A group is named JOB[-INSTANCE], with `/` as `_`, in the directory of this init (system/cgroup.h), and removed a
 * moment after the last of the brood has ended.
 */

#include "init/init.h"

struct note;
struct proc;
struct job_class;

int must_check strays_init(struct init *init);
/* Groups with nobody in them are removed. */
void strays_deinit(struct init *init);

/*
 * A process of an instance is to be made. *group: the directory of the group for it, owned; NULL: none is to be had, or
 * needed. 0 or -ENOMEM.
 */
int must_check strays_group(struct proc *p, const struct effect_spawn *e, const struct job_class *cls, char **group);
/* It is there; `outside`: not in that group. */
void strays_made(struct proc *p, bool outside);
/* A child has ended, and is not reaped: its number is its own for the last time. 0, or a negative errno: ask again. */
int must_check strays_before_end(struct init *init, pid_t pid);
/* It is over: tell of what it leaves, if no other process of the instance is left. */
void strays_ended(struct proc *p);
/* It is forgotten. */
void strays_forget(struct proc *p);

/* Carry out EFFECT_STRAYS. 0, or a negative errno: to be tried again. */
int must_check strays_effect(struct init *init, const struct effect_strays *e);
/* Before anything else in a turn: what processes there were in the last one is forgotten. */
void strays_begin_turn(struct init *init);
/* Once a turn: tell the core of those of whom nobody is left. */
void strays_turn(struct init *init);

/* -- over a re-exec -- */

void strays_save(struct init *init);
/* From a note of the journal. 0 or -ENOMEM. */
int must_check strays_load(struct init *init, const struct note *note);
/* That process belongs to the brood of that number (strays_number()); 0: to none. */
void strays_attach(struct proc *p, uint64_t brood);
uint64_t strays_number(const struct proc *p);
/* Loading is over: look after those that are waited for. */
void strays_start(struct init *init);
void strays_each(const struct init *init, void (*fn)(int fd, void *data), void *data);
