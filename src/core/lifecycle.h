/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The life of a job instance, written down. The code's table (lifecycle.c) has
 * the same rows in the same order; a test compares them with this page.
 *
 * An instance has a goal, which is what is wanted, and a state, which is how far it has come.
 * The goal is changed by requests, by conditions and by failures; the state follows by itself,
 * one row of the table at a time. A state waits for exactly one thing (its column "leaves when") or
 * for nothing, and then the instance goes on at once. Two states also heed a change of the
 * goal itself: waiting (goal start) and running (goal stop); and so does spawned, whose main process may
 * hang before its program or not get ready (`expect`), so that stop works there at once.
 * In all others a changed goal takes effect at the next move.
 *
 * Names that end in -ing, but for waiting, starting, running and stopping, are passed within
 * one input: the process is asked for there. They exist because clients see their signals.
 *
 *   state              goal start          goal stop      goal respawn    leaves when
 *   ------------------------------------------------------------------------------------------
 *   waiting            starting            -              -               the goal becomes start
 *   starting           security-spawning   stopping       -               its `starting` event has finished
 *   security-spawning  security            stopping       -               at once
 *   security           pre-starting        stopping       -               the security process has ended
 *   pre-starting       pre-start           stopping       -               at once
 *   pre-start          spawning            stopping       -               pre-start has ended
 *   spawning           spawned             stopping       -               at once
 *   spawned            post-starting       stopping       stopping        main is ready
 *   post-starting      post-start          stopping       -               at once
 *   post-start         running             stopping       stopping        post-start has ended
 *   running            stopping            pre-stopping   -               main has ended, or the goal becomes stop
 *   pre-stopping       pre-stop            pre-stop       -               at once
 *   pre-stop           running             stopping       stopping        pre-stop has ended
 *   stopping           killed              killed         -               its `stopping` event has finished
 *   killed             post-stopping       post-stopping  -               main has ended
 *   post-stopping      post-stop           post-stop      -               at once
 *   post-stop          starting            waiting        -               post-stop has ended
 *   ------------------------------------------------------------------------------------------
 *
 * Four rows have a second reading:
 *   running, goal stop       stopping when no main process is alive: pre-stop protects a live one.
 *   pre-stop, goal start     stopping when a restart was asked for; else the stop is cancelled.
 *   goal respawn             main died while a hook was running, or before it was ready: at the
 *                            move the goal becomes start again and the instance goes through
 *                            stopping to starting.
 *   waiting                  is left only by the instance that has just been made; one that
 *                            comes to waiting is removed.
 *
 * What entering a state does:
 *   starting      takes the new environment, forgets stop environment and failure, emits `starting`
 *   running       from post-start: emits `started`; a service's waiters are answered.
 *                 From pre-stop: waiters are answered, nothing is emitted
 *   stopping      emits `stopping`
 *   killed        sends the kill signal to main's process group and arms the kill timer, if main lives. Before it
 *                 is known which process is main (core/family.h), to all that may be: then all must end
 *   waiting       emits `stopped`, answers all waiters, removes the instance
 */

#include "job/class.h"

#include <stdbool.h>
#include <stddef.h>

#define JOB_STATES(X)                              \
	X(WAITING, "waiting")                      \
	X(STARTING, "starting")                    \
	X(SECURITY_SPAWNING, "security-spawning")  \
	X(SECURITY, "security")                    \
	X(PRE_STARTING, "pre-starting")            \
	X(PRE_START, "pre-start")                  \
	X(SPAWNING, "spawning")                    \
	X(SPAWNED, "spawned")                      \
	X(POST_STARTING, "post-starting")          \
	X(POST_START, "post-start")                \
	X(RUNNING, "running")                      \
	X(PRE_STOPPING, "pre-stopping")            \
	X(PRE_STOP, "pre-stop")                    \
	X(STOPPING, "stopping")                    \
	X(KILLED, "killed")                        \
	X(POST_STOPPING, "post-stopping")          \
	X(POST_STOP, "post-stop")

enum job_state {
#define X(id, name) JOB_##id,
	JOB_STATES(X)
#undef X
	JOB_STATE_COUNT
};

#define JOB_GOALS(X)       \
	X(START, "start")  \
	X(STOP, "stop")    \
	X(RESPAWN, "respawn")

enum job_goal {
#define X(id, name) GOAL_##id,
	JOB_GOALS(X)
#undef X
	JOB_GOAL_COUNT
};

/* Names as clients see them; an unknown value gives "unknown". */
const char *job_state_name(enum job_state state);
const char *job_goal_name(enum job_goal goal);
bool job_state_from_name(const char *name, enum job_state *state);
bool job_goal_from_name(const char *name, enum job_goal *goal);

/* What the second readings of the table depend on. */
struct lifecycle_facts {
	bool main_alive;
	bool restart; /* a restart was asked for */
};

/*
 * The state that follows, by the table. JOB_STATE_COUNT where the table has a dash: there is no
 * such move, and asking for it is a failed invariant of the caller.
 */
enum job_state lifecycle_next(enum job_state state, enum job_goal goal, struct lifecycle_facts facts);

/* The kind of process whose end, or news, a state waits for; PROCESS_KIND_COUNT: none. */
enum process_kind lifecycle_awaited(enum job_state state);
