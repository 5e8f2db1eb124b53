/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A simulated world behind the core: processes, timers, clients, descriptors, a clock.
 *
 * The world applies inputs to the core and takes its effects. With each input it does the same to a
 * twin, through the packed form, and wants the same effects; now and then one of the two is replaced by
 * what a snapshot of it gives. What the world knows of processes, requests, descriptors and instances
 * is checked against what the core does. The first fault ends the world (world->fault).
 */

#include "core/core.h"
#include "init/definitions.h"
#include "init/journal.h"
#include "jobs.h"
#include "rng.h"
#include "snap.h"

/* Lines of the core that tell of what must have happened in some world. */
#define TOLD(X)                                       \
	X(CIRCLE, "does not wait for")                \
	X(SPIN, "starts itself over and over")        \
	X(CONTRADICTION, "contradicts itself")        \
	X(TOO_FAST, "respawning too fast")            \
	X(RESPAWN, "ended, respawning")               \
	X(NO_INSTANCE, "Failed to obtain")            \
	X(HOOK, "-start process (")                   \
	X(FAILED_TO_STOP, "failed to stop")           \
	X(NOT_AGAIN, "failed, not started again")

enum told {
#define X(id, text) TOLD_##id,
	TOLD(X)
#undef X
	TOLD_COUNT
};
extern const char *const told_texts[TOLD_COUNT];

struct totals {
	uint64_t steps, worlds, effects, snapshots, replays, rests, emptied;
	uint64_t inputs[INPUT_TYPE_COUNT], made[EFFECT_TYPE_COUNT];
	uint64_t states[JOB_STATE_COUNT];
	uint64_t told[TOLD_COUNT];
	uint64_t adopted; /* main processes that were, where nobody may be traced */
	uint64_t largest; /* jobs in one world */
	uint64_t moves[JOB_STATE_COUNT][JOB_GOAL_COUNT][JOB_STATE_COUNT];
};

#define KIN_MAX 6

/* One that comes from a main process. */
struct kin {
	int32_t pid;
	unsigned depth; /* at least */
	int32_t status;
	bool dead, reaped;
	/* where nobody may be traced: */
	int32_t parent; /* who made it */
	bool told;	/* init has adopted it, and the core knows */
};

/* One process, from the moment it is asked for until the core and the world are both done with it. */
struct proc {
	uint64_t id, class_id;
	char *job, *instance; /* owned */
	enum process_kind kind;
	int32_t pid; /* 0: none yet */
	int32_t status;
	bool made;		     /* SPAWNED was told */
	bool failed;		     /* SPAWN_FAILED was told */
	bool executed;		     /* EXEC_DONE was told */
	bool dead;		     /* it has ended, */
	bool reaped;		     /* and EXITED was told */
	bool ended;		     /* the core says that it is over */
	bool stubborn;		     /* ignores everything but KILL */
	bool calmed;		     /* has said that no watchdog is needed */
	bool stopped;		     /* raised SIGSTOP (expect stop) */
	int32_t head;		     /* pid of the main one, as the core says */
	struct kin kin[KIN_MAX + 4]; /* some only when all is calm */
	size_t n_kin;
	bool adopted; /* the core was told that init adopts its family */
};

struct timer {
	uint64_t id;
	usec_t due;
};

/* An effect that the core has not been told to be carried out. */
struct pending {
	uint64_t id, process; /* process: of a SPAWN, else 0 */
	enum effect_target target;
};

enum request_state { REQUEST_NONE, REQUEST_PENDING, REQUEST_ANSWERED, REQUEST_LOST };
enum fd_state { FD_NONE, FD_OPEN, FD_CLOSED };

/* An instance as clients see it, from NOTIFY alone. */
struct shadow {
	char *job, *instance; /* owned */
	enum job_goal goal;
	enum job_state state;
	bool respawning; /* the goal was respawn until just now */
};

struct world_options {
	uint64_t seed;
	unsigned max_jobs; /* at most this many jobs */
	bool print;	   /* every input and effect, to stdout */
	bool checks;	   /* all checks; off: only what ends by itself */
	const char *record;   /* write a recording there, for upstart-replay; NULL: none */
	uint64_t fault_at; /* a fault after so many inputs; 0: none (to see what comes of one) */
};

struct world {
	struct world_options options;
	struct rng rng;
	struct totals *totals;
	struct job_plan plan;
	struct store store;
	bool session;
	struct core_config config;

	struct core *core, *twin;
	struct journal *record;	      /* owned; NULL: none */
	struct definitions *recorded; /* owned: the texts in it */
	uint64_t seen;		      /* the last effect taken */
	uint64_t acked[TARGET_COUNT]; /* told */
	uint64_t taken[TARGET_COUNT]; /* the last effect of each target that was taken */
	struct strbuf journal;	      /* all inputs, packed */
	uint64_t effects_hash;	      /* over all effects, packed */
	uint64_t steps;

	usec_t now;
	bool control;
	bool assist;   /* jobs end the machine, not the core */
	bool ending;   /* the session, or all, was asked to end */
	bool finished; /* the core says so */
	bool calm;     /* nobody dies or fails unasked */
	bool untraced; /* ptrace is refused here (init/adoption.c) */

	struct pending *pending; /* what the outbox must hold, in order */
	size_t n_pending;
	struct proc *procs;
	size_t n_procs;
	struct timer *timers;
	size_t n_timers;
	uint64_t old_timer; /* one that is over, for asking again */
	int32_t last_pid;
	unsigned char *requests; /* enum request_state by request number */
	size_t n_requests;
	unsigned char *fds; /* enum fd_state by handle */
	size_t n_fds;
	struct shadow *shadows;
	size_t n_shadows;
	uint64_t defined[JOBS_MAX]; /* the definition each job had last, 0 = none */

	char *fault; /* owned: what went wrong; NULL: nothing */
};

/* A fresh world with an empty core. False when out of memory. */
bool world_init(struct world *w, const struct world_options *options, struct totals *totals);
void world_deinit(struct world *w);

void world_fault(struct world *w, const char *fmt, ...) printf_like(2, 3);

/* A definition is new: put it into the recording. */
void world_record_definition(struct world *w, uint64_t id);

/* Apply an input to core and twin, take the effects, check. What core_apply() returned. */
int world_apply(struct world *w, struct input *in);

/* Save, load, save: the same bytes; then one of the two goes on with what was loaded. */
void world_check_snapshot(struct world *w);
/* All inputs from the start in another core: the same effects. */
void world_check_replay(struct world *w);
/* Nothing is under way: no instance may be on its way, unless an event that somebody holds keeps it. */
void world_check_rest(struct world *w);
/* Instances, requests, descriptors, processes: what clients and the world know, and what the core says. */
void world_check_views(struct world *w);
/* Nothing is left of any job. */
void world_check_empty(struct world *w);

/* Learn all instances anew, as a client does who asks. */
void world_look(struct world *w);

/* Effects of a target (of one process, if not 0) up to a number are carried out. */
void world_carried_out(struct world *w, enum effect_target target, uint64_t process, uint64_t upto);

struct proc *world_proc_by_pid(struct world *w, int32_t pid);
void world_forget_procs(struct world *w);
int32_t world_new_pid(struct world *w); /* one that nobody has */

/* kin.c: main processes that fork. Where they can't be traced the core hears only of those that init adopts. */
bool kin_is_expected(const struct world *w, const struct proc *p);
struct kin *kin_by_pid(struct proc *p, int32_t pid); /* NULL: none that lives, or was not reaped */
bool kin_run(struct world *w, struct proc *p);	     /* one step of a family; false: nothing happened */
bool kin_begin(struct world *w, struct proc *p);     /* it is made: can it be followed? true: something was told */
void kin_before_exit(struct world *w, struct proc *p, const struct kin *k); /* k (NULL: the first) has died, and is not reaped */
void kin_says(struct world *w, struct proc *p, bool ready); /* of itself, at random */

/* By chance, in so many of a hundred cases. */
static inline bool
chance(struct world *w, unsigned percent)
{
	return rng_chance(&w->rng, percent);
}

static inline unsigned
below(struct world *w, unsigned n)
{
	return rng_below(&w->rng, n);
}

/* clients.c: they ask for something. */
void clients_emit(struct world *w);
void clients_request(struct world *w);
void clients_state(struct world *w);
void clients_set_env(struct world *w);

/* driver.c: what happens in a world, by chance. */
int world_input(struct world *w, struct input *in); /* applied, or condemned; freed */
void world_run(struct world *w);

/* effects.c: what an effect does to the world. */
void world_take(struct world *w, const struct effect *e);

/* print.c */
void print_packed(const char *head, const char *name, const struct strbuf *packed);
