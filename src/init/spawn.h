/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Processes of jobs: asked of the spawner (or made here when there is none), through the handshake, until they are
 * over. What is kept for one: a pidfd, its status pipe until it has executed, and while the spawner has not
 * answered both ends of both pipes, so that the same request can be made again after a re-exec.
 */

#include "init/init.h"

int must_check spawns_init(struct init *init);
void spawns_deinit(struct init *init);

/* Carry out EFFECT_SPAWN: it is asked for in its turn. 0 or -ENOMEM. */
int must_check spawn_effect(struct init *init, const struct effect *e);
/* Ask for those that wait, as far as the spawner (or nobody) allows. */
void spawn_pump(struct init *init);

/* The spawner's answer, message `number`. Takes the descriptors it uses. 0 or a negative errno: call again. */
int must_check spawn_answered(struct init *init, const struct msg_spawned *m, int *fds, size_t n_fds, uint64_t number);
/* At the end of each turn: handle what was made without the spawner. */
void spawn_turn(struct init *init);
/*
 * The spawner is gone: its unanswered requests are made again; one that was twice the death of it is failed, unless
 * they are known to be `innocent` of it.
 */
void spawn_servant_gone(struct init *init, bool innocent);

/* A child of init ended: learn from its status pipe first whether it ever executed. 0 or a negative errno: call again.
 */
int must_check spawn_before_exit(struct init *init, pid_t pid);
/* A descriptor of one can't be watched, or what it says can't be told, for now: both are tried again soon. */
void spawn_watch_later(struct init *init);
/* A process that is followed has executed its program: learn that from its status pipe. */
void spawn_executed(struct init *init, pid_t pid);
/* Whatever its status pipe says is not of interest any more. */
void spawn_settled(struct init *init, uint64_t process);
/* The core is done with a process. */
void spawn_ended(struct init *init, uint64_t process);

/* Is a process asked for whose pid is not known? */
bool spawn_is_open(const struct init *init);

/* Loading is over: watch pipes, ask again. */
void spawns_start(struct init *init);
