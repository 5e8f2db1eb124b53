/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pure machine: everything Upstart decides.
 *
 * No system call, no clock, no globals, no randomness: the same inputs give the same
 * effects, which is what simulation, replay and survival stand on. One struct core owns all
 * there is; ids cross its boundary, pointers do not (those that look-ups return are borrowed until
 * the next core_apply()). The life of a job is written down in core/lifecycle.h.
 *
 * Tokens: a request may carry its asker's own name for it. Asked again with the same token,
 * it is the same request: the new asker waits on, or gets the answer that was given
 * (answers are remembered for a minute, the last 256 for longer). That is how a client goes on after the servant it
 * spoke to has died.
 */

#include "common/error.h"
#include "core/effect.h"
#include "core/input.h"
#include "core/lifecycle.h"
#include "job/class.h"

struct core;

/* Finds the definition with that id: a new reference, or NULL. */
typedef struct job_class *(*core_resolve_fn)(uint64_t class_id, void *data);

/* Rules that differ from the usual ones where they are set (core_config.policies). They may not change between inputs. */
enum core_policy {
	CORE_POLICY_IMPORT_LISTED = 1,    /* of events and requests only variables that a job imports enter it */
	CORE_POLICY_ZERO_EXIT_FAILS = 2,  /* a service that ends by itself has failed, unless `normal exit` has it */
	CORE_POLICY_ABSENT_IS_UNEQUAL = 4, /* KEY!=VALUE matches an event without KEY */
	CORE_POLICY_SECURITY_FAILS = 8,	   /* a profile that can't be loaded fails the start (D41) */
	CORE_POLICY_FORKS_ACROSS_EXEC = 16 /* with `expect fork` and `daemon` forks are counted on after an exec */
};

/*
 * What happens within an input, in order, for those who look on: a prediction, say. Pointers are good during the call.
 * Events are spoken of by number (core/explain.h has more).
 */
enum core_step_type {
	CORE_STEP_HANDLED,  /* an event has its turn */
	CORE_STEP_HELD,	    /* it has had it, and waits for somebody */
	CORE_STEP_FINISHED, /* it is over */
	CORE_STEP_GOAL,	    /* an instance has another goal */
	CORE_STEP_STATE,    /* or is in another state */
};

struct core_step {
	enum core_step_type type;
	uint64_t event;	      /* of the first three, else 0 */
	const char *job;      /* of the others, else NULL */
	const char *instance;
	enum job_goal goal;
	enum job_state state;
	char *const *start_env; /* what it starts with next, or did */
	char *const *stop_env;	/* what it stops with */
};

struct core;
typedef void (*core_step_fn)(const struct core *core, const struct core_step *step, void *data);

struct core_config {
	char **own_env;        /* init's own environment, for `env KEY` */
	char **job_env;        /* the initial job environment table */
	char *session_address; /* NULL: not a session init */
	int32_t log_level;     /* enum log_level */
	uint32_t policies;     /* bits of enum core_policy */
	bool awake;	       /* no `startup` event will come: states count from the first */
	core_resolve_fn resolve;
	void *resolve_data;
	core_step_fn step; /* NULL: nobody looks on */
	void *step_data;
};

/* An empty core; the configuration is copied. NULL when out of memory. */
struct core *core_new(const struct core_config *config);
struct core *core_free(struct core *core); /* takes NULL, returns NULL */

/*
 * Apply one input: gives it its number (in->seq), appends effects to the outbox.
 *
 *   0                  done; what a user did wrong is answered by a REPLY effect
 *   -EINVAL            refused, nothing changed: no such definition, malformed
 *   -ENOMEM            memory ran out on the way: what could be done was done, the core is
 *                      sound but may lack an effect; the caller should restore from its journal
 *   -ENOTRECOVERABLE   an invariant failed
 */
int must_check core_apply(struct core *core, struct input *in);

/* The number of the last input applied, and of the last effect made. */
uint64_t core_seq(const struct core *core);
uint64_t core_last_effect(const struct core *core);
/* The time of the latest input. */
usec_t core_now(const struct core *core);

/* The first effect in the outbox with a number above `id`, or NULL; borrowed. Follow e->next for more. */
const struct effect *core_outbox(const struct core *core, uint64_t id);

/* Write all the core holds, or make a core from it. Loading: 0, -EBADMSG, -ENOMEM. */
void core_save(const struct core *core, struct strbuf *b);
int must_check core_load(const void *p, size_t n, const struct core_config *config, struct core **core);

/*
 * Check everything that must hold at rest between two inputs; 0, or -EPROTO and what does not in `why`.
 * Slow: for tests.
 */
int core_check(const struct core *core, char *why, size_t size);

/* -- looking in --------------------------------------------------------------- */

/* Is the machine or container on its way down? */
bool shutdown_has_begun(const struct core *core);

/* How the way down goes; all borrowed. */
struct shutdown_view {
	bool finished;	   /* all jobs are down: the shell ends the rest */
	int status;	   /* as effect_finished has it, as all here */
	const char *level, *halt;
	char *const *killed, *const *slow;
	usec_t since;
};
/* False, and nothing in it: there is none. */
bool shutdown_look_at(const struct core *core, struct shutdown_view *view);

/* A class by name, or NULL. */
const struct job_class *core_class(const struct core *core, const char *name);
/* The definition of that name that the core was told of last: the class's, or of what waits for its end; 0: it is gone. */
uint64_t core_class_told(const struct core *core, const char *name);
/* What becomes of the class when its last instance has gone: it stays, another definition waits, it goes. */
enum core_successor { CORE_SUCCESSOR_NONE, CORE_SUCCESSOR_CHANGED, CORE_SUCCESSOR_DELETED };
enum core_successor core_class_successor(const struct core *core, const char *name);
/* All class names, in the order in which they came; NULL when out of memory. An empty list is not NULL. */
char **core_class_names(const struct core *core);
/* Names of the live instances of a class, in order of creation; NULL as above, or if there is no such class. */
char **core_instance_names(const struct core *core, const char *job);

struct core_process {
	enum process_kind kind;
	int32_t pid; /* 0: asked for, not yet made */
	uint64_t process;
};

/* What a main process says that it is at. */
enum core_doing { CORE_DOING_NOTHING, CORE_DOING_RELOADING, CORE_DOING_STOPPING, CORE_DOING_COUNT };
const char *core_doing_name(enum core_doing doing); /* "reloading" or "stopping", else "" */

enum core_followed {
	CORE_FOLLOWED_NOT,
	CORE_FOLLOWED_TRACED,  /* its main process and who comes from it */
	CORE_FOLLOWED_ADOPTED, /* the same as far as init adopts them */
};

struct core_instance {
	const char *job;  /* borrowed */
	const char *name; /* borrowed */
	enum job_goal goal;
	enum job_state state;
	struct core_process processes[PROCESS_KIND_COUNT]; /* live ones, in the order of kinds */
	size_t n_processes;
	bool settling; /* a process was asked for and its pid is not known yet: an answer about it should wait */
	char *const *env; /* borrowed */
	const char *quarantine; /* borrowed: why nothing is done about it until it is reset; NULL: all is well */
	enum core_doing doing;
	const char *status; /* borrowed: what main says of itself; NULL: nothing */
	enum core_followed followed;
};

/* 0 and *view, or -ENOENT. */
int must_check core_instance(const struct core *core, const char *job, const char *name, struct core_instance *view);

/*
 * The name of the instance that JOB with `env` speaks of (control.md section 5, Instance selection).
 * 0 and *name (the caller's); -ENOENT: no such job; -EINVAL: err says why; -ENOMEM.
 */
int must_check core_instance_name(const struct core *core, const char *job, char *const *env, char **name, struct error *err);

/* The job environment table; borrowed. */
char *const *core_job_env(const struct core *core);

/* Process of a pid, or 0. Who is of the family of a main process counts as that process. */
uint64_t core_process_of_pid(const struct core *core, int32_t pid);

/* A member of a family that is followed. */
struct core_member {
	uint64_t process;
	int32_t pid;
	int32_t session, group; /* as far as the core knows; 0: it does not */
	bool first;		/* the process that was spawned */
};
typedef void (*core_member_fn)(const struct core_member *member, void *data);
/* Is any family followed? Is that process of one? */
bool core_follows(const struct core *core);
bool core_is_followed(const struct core *core, int32_t pid);
/* Is that pid one that comes from that main process? */
bool core_is_member(const struct core *core, uint64_t process, int32_t pid);
/* Call `fn` with each member of each family that is followed. */
void core_each_member(const struct core *core, core_member_fn fn, void *data);
/* An instance that waits for what is left of it, once its processes have ended (effect_strays). */
struct core_sweep {
	const char *job, *instance;
	uint64_t job_id, sweep;
};
/* The sweep that instance waits for; 0: none. */
uint64_t core_sweep_of(const struct core *core, uint64_t job_id);
typedef void (*core_sweep_fn)(const struct core_sweep *sweep, void *data);
/* Call `fn` with each of them. */
void core_each_sweep(const struct core *core, core_sweep_fn fn, void *data);
/* Is this process still wanted by the core: asked for and not ended? (After a restart: which descriptors to keep.) */
bool core_process_is_live(const struct core *core, uint64_t process);
/* Has the core been told that it runs its own program? */
bool core_process_has_executed(const struct core *core, uint64_t process);

/* Whose process it is; all borrowed, for as long as no input is applied. */
struct core_process_job {
	uint64_t class_id;
	const char *job, *instance;
	char *const *env; /* the instance's */
};
/* 0 or -ENOENT. */
int must_check core_process_job_of(const struct core *core, uint64_t process, struct core_process_job *owner);

/* Is it a main process that has not got ready yet? */
bool core_process_is_awaited(const struct core *core, uint64_t process);

/*
 * Is that timer only due if a process keeps silent: if it does not say that it is well, or does not set again a state that it
 * held? In a prediction, whose processes do as they should, nothing comes of it.
 */
bool core_timer_is_for_silence(const struct core *core, uint64_t timer);

/* Counts for status and tests. */
struct core_counts {
	size_t classes, instances, events, requests, outbox;
	/* Jobs, instances, conditions, leaves and states looked at since the core was made: what an input costs. */
	uint64_t visits;
};
void core_counts(const struct core *core, struct core_counts *counts);
