/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Looking in deeper: why an instance is as it is, and who waits for whom. As with core.h, what is handed out is
 * borrowed until the next core_apply() unless it is said to be owned; nothing is changed. An instance is named by its
 * job and its own name, "" for the unnamed one.
 */

#include "core/core.h"

/* -- events ---------------------------------------------------------------------- */

/* An event in the queue. */
struct core_event {
	uint64_t id;
	const char *name;
	char *const *env;
	bool handled; /* its turn has come; it waits for somebody */
	bool failed;
	const char *job, *instance; /* the instance that waits for it; NULL: none */
	size_t clients;		    /* emitters that wait for it */
};

/* 0, or -ENOENT: there is none of that number (any more). */
int must_check core_event(const struct core *core, uint64_t id, struct core_event *view);
/* All in the queue, in order of arrival; *ids (zeroed before) is the caller's. 0 or -ENOMEM. */
int must_check core_events(const struct core *core, struct u64v *ids);

/* Who keeps an event from being over. */
struct core_holder {
	const char *job;
	const char *instance; /* NULL: the job's `start on` */
	bool condition; /* a start on or stop on that is true in part; else the instance itself: it goes where the event
			   sent it */
};

/* *holders is the caller's to free. 0, -ENOENT or -ENOMEM. */
int must_check core_event_holders(const struct core *core, uint64_t id, struct core_holder **holders, size_t *n);

/* -- instances --------------------------------------------------------------------- */

/* Why init gave up a main process that was to say that it is ready, or to show it. */
enum core_unready { CORE_UNREADY_NOT, CORE_UNREADY_LATE, CORE_UNREADY_SILENT };

/* How a process of a kind ended last. */
struct core_exit {
	bool known;
	bool ending;	  /* it was given up and has not ended yet: there is no `value` */
	uint32_t unready; /* enum core_unready */
	bool spawned;  /* it was made; else `step` and `value`, an errno, say what failed */
	uint32_t step; /* enum spawn_step */
	uint32_t arg;  /* of spawn_step_text() */
	int32_t value; /* exit code, or signal << 8; or errno */
	usec_t at;
};

/* What there is to know of a live instance, or of one that is gone but remembered. */
struct core_past {
	bool live;
	struct core_exit exits[PROCESS_KIND_COUNT];
	bool failed;
	const char *failed_kind; /* a kind of process, or "respawn"; NULL unless failed */
	usec_t since;		 /* it is in its state, or gone */
	uint32_t respawns;	 /* within the window of the respawn limit */
	usec_t window;		 /* when the first of them was */
	usec_t back_off;	 /* the delay before the last of them */
	usec_t rests;		 /* it starts again then; 0: it does not wait for a time */
	uint64_t rest_timer;	 /* that tells */
	usec_t rests_until; /* it may not start before (respawn delay, or it starts itself over and over); 0: it may */
	uint64_t event;	    /* its own event that it waits for; 0: none */
	size_t clients;	    /* who wait for the instance */
};

/* 0, or -ENOENT: nothing is known of it. */
int must_check core_past(const struct core *core, const char *job, const char *instance, struct core_past *view);
/* Those of a job that are gone and remembered, oldest first; owned. NULL: out of memory, or no such job. */
char **core_past_names(const struct core *core, const char *job);
/* Events that wait for the instance; *ids (zeroed before) is the caller's. 0, -ENOENT or -ENOMEM. */
int must_check core_instance_events(const struct core *core, const char *job, const char *instance, struct u64v *ids);

/* -- history ----------------------------------------------------------------------- */

enum core_run_why {
	CORE_RUN_UNKNOWN, /* an older release knew */
	CORE_RUN_EVENT,	  /* its start on came true */
	CORE_RUN_WHILE,	  /* its `while` came to hold */
	CORE_RUN_REQUEST, /* somebody asked for it */
	CORE_RUN_RESPAWN, /* it ended, and comes again */
	CORE_RUN_WHY_COUNT
};

/* A life of an instance, from starting to its end. Times are monotonic; 0: it has not come there. */
struct core_run {
	struct core_run *prev, *next; /* in the order in which they began */
	uint64_t number;	      /* 1, 2, 3 …: none is used again */
	char *job, *instance;	      /* very long ones are cut */
	bool task;
	uint32_t why; /* enum core_run_why */
	uint64_t by;  /* the run that brought it about: whose event it is, whose state, whose process asked; 0: none */
	uint64_t event_id;	 /* the event that made its start on true, the last of several; 0: none */
	usec_t event_at;	 /* queued */
	char *event;		 /* "started JOB=db", cut; NULL: none */
	usec_t asked;		 /* that led to it; from then on it rested, or stopped first, until it was */
	usec_t starting;	 /* and waited for those who hear of that: */
	uint64_t starting_event; /* those that this event started; then it had */
	usec_t begun;		 /* with its hooks, until it came to */
	usec_t main;		 /* its main process, which was */
	usec_t main_ready;	 /* then, and with post-start it was */
	usec_t ready;
	usec_t stopping;
	usec_t gone;
	bool failed;
	uint32_t failed_kind; /* a kind of process; CORE_FAILED_RESPAWN: too often */
};

#define CORE_FAILED_RESPAWN UINT32_MAX

struct core_history {
	usec_t began;	  /* the first input; 0: there was none */
	usec_t startup;	  /* the event `startup` came; 0: it has not */
	uint64_t dropped; /* so many runs are no longer known, between the first ones and the last */
	const struct core_run *runs; /* borrowed; NULL: none */
};
void core_history(const struct core *core, struct core_history *view);

/* The definition for an instance that is made once those that live have gone; borrowed. NULL: none, or no such job. */
const struct job_class *core_next_class(const struct core *core, const char *job);

/* -- conditions ---------------------------------------------------------------------- */

struct core_condition {
	const struct condition *cond; /* NULL: none */
	const uint64_t *held;	      /* per leaf the event it holds, 0: none */
};

/* The start on of a job (instance NULL), or the stop on of an instance. 0 or -ENOENT. */
int must_check core_condition(const struct core *core, const char *job, const char *instance,
			      struct core_condition *view);

/* -- states ---------------------------------------------------------------------------- */

/* An instance; or the administrator, where `job` is NULL. */
struct core_owner {
	const char *job;
	const char *instance;
};

/* Something that holds. */
struct core_state {
	const char *name; /* as those who may see it know it */
	char *const *env;
	const struct core_owner *owners;
	size_t n_owners; /* 0: init itself */
};
typedef void (*core_state_fn)(const struct core_state *state, void *data);

/*
 * Call `fn` with each state a `while` of the session of `root` (n = 0: of the machine) may name: those of jobs, then
 * runlevel, then foreign ones by name, each in the order in which they were set. 0 or -ENOMEM.
 */
int must_check core_each_state(const struct core *core, struct span root, core_state_fn fn, void *data);

/* -- while --------------------------------------------------------------------------- */

/* The record of an instance under a `while`. */
struct core_want {
	bool armed, spent, bound;
	bool wanted;	      /* its goal is start exactly when this is so */
	char *const *arming;  /* what it was armed with */
	char *const *binding; /* the states that hold for it, while bound */
	size_t awaited;	      /* calls that wait until it is started */
};

/* 0, or -ENOENT: there is no record. */
int must_check core_want(const struct core *core, const char *job, const char *instance, struct core_want *view);
/* Names of all records of a job; owned. NULL: out of memory, or no such job. */
char **core_want_names(const struct core *core, const char *job);
/* The expression that counts for a job now; NULL: it has none. */
const struct condition *core_while(const struct core *core, const char *job);

enum core_truth { CORE_FALSE, CORE_UNKNOWN, CORE_TRUE };

/* A term of a `while`, in the environment of an instance. */
struct core_term {
	const struct condition_node *node;
	bool negated;	       /* an odd number of `not` stands over it */
	enum core_truth truth; /* of the term itself */
	char **states;	       /* owned: what matches it, "INSTANCE= PORT=80" */
	char *unset;	       /* owned: why a value of it is none, "Unknown parameter: N"; NULL: all are */
};

/*
 * The terms of a job's `while` from left to right, with what its instance (it need not exist) brings into them. *terms
 * is the caller's to core_terms_free(). 0, -ENOENT: no such job, or no `while`; -ENOMEM.
 */
int must_check core_while_terms(struct core *core, const char *job, const char *instance, struct core_term **terms,
				size_t *n);
void core_terms_free(struct core_term *terms, size_t n); /* takes NULL */
