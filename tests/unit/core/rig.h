/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A core on the bench: inputs are given by hand, effects are written down as lines, processes do what they
 * are told. Everything is deterministic; a fault ends the running cmocka test.
 *
 * Lines, one per effect:
 *
 *   spawn JOB KIND                     kill JOB KIND SIGNAL [alone]     ended JOB KIND
 *   timer SECONDS | timer off          log LEVEL TEXT                   close FD
 *   main JOB MEMBER                    release JOB MEMBER…
 *   reply N ok [JOB] | reply N error NAME: TEXT                         finished STATUS
 *                                      … [level L] [halt H] [killed [WHAT|WHAT…]]
 *   sig job JOB instance I StateChanged running …  (as the transcripts of the original write them)
 *
 * where JOB is "web", or "tty/1" for the instance "1" of tty. A member of the family of a main process has a number, as
 * in rig_family(); a signal to a single one that is not main is written with it in the place of KIND.
 */

#include "core/core.h"

#include "unit.h"

struct rig_proc {
	uint64_t id;
	char *job; /* owned: "web" or "tty/1" */
	enum process_kind kind;
	char **env; /* owned */
	struct u64v fds;
	int32_t pid;   /* of the one that stands for it */
	int32_t first; /* of the one that was made */
	bool executed, over;
};

struct rig_timer {
	uint64_t id;
	usec_t due;
};

/* What processes of a kind do, one after the other; the last rule stays. */
struct rig_rule {
	char *job; /* owned: the job's name */
	enum process_kind kind;
	char *what; /* owned: "runs", "exit 3", "signal KILL", "missing", "waits", "ignores" */
	bool once;
};

struct rig {
	struct core *core;
	struct core_config config;
	struct job_class **classes; /* owned refs; a definition's number is its index + 1 */
	size_t n_classes;
	usec_t now;
	uint64_t seen, requests;
	int32_t last_pid;
	uint32_t shown; /* which effects are written down: 1 << effect type */
	bool queued;	/* of signals EventQueued, too, which the original has not */
	int result;	/* of the last input */
	bool unchecked; /* core_check() is not asked after each input: for worlds that are too big for it */
	struct strbuf lines;
	struct rig_proc *procs; /* owned; all there ever were */
	size_t n_procs;
	struct rig_timer *timers;
	size_t n_timers;
	struct rig_rule *rules;
	size_t n_rules;
};

#define RIG_ALL UINT32_MAX
#define RIG_SIGNALS (1u << EFFECT_NOTIFY)
#define RIG_REPLIES (1u << EFFECT_REPLY)
#define RIG_WORK (1u << EFFECT_SPAWN | 1u << EFFECT_KILL | 1u << EFFECT_TIMER)
#define RIG_LOG (1u << EFFECT_LOG)

struct rig *rig_new(void);	   /* a system init, control present, log level message */
struct rig *rig_new_session(void); /* a session init */
struct rig *rig_new_with(uint32_t policies); /* a system init with these rules, bits of enum core_policy */
struct rig *rig_free(struct rig *r);
int rig_teardown(void **state); /* for cmocka: the core is sound to the end, and the rig is freed */
/* From now on write down these; what was written is dropped. */
void rig_show(struct rig *r, uint32_t effects);

/* Define or replace a job. Its text is split into lines at ';' too, for short ones. */
uint64_t rig_define(struct rig *r, const char *name, const char *text);
void rig_undefine(struct rig *r, const char *name);

/* Requests; `env` is words "K=V" separated by blanks, or NULL. They return the request's number. */
uint64_t rig_ask(struct rig *r, enum request_kind kind, const char *job, const char *instance, const char *env,
		 bool wait);
uint64_t rig_start(struct rig *r, const char *job, const char *env);
uint64_t rig_stop(struct rig *r, const char *job, const char *env);
uint64_t rig_restart(struct rig *r, const char *job, const char *env);
uint64_t rig_emit(struct rig *r, const char *event, const char *env); /* waits */
/* Any input; its members are freed. */
int rig_apply(struct rig *r, struct input *in);

/* The newest process of that kind that is not over; NULL when there is none. */
struct rig_proc *rig_proc(struct rig *r, const char *job, const char *kind);
void rig_made(struct rig *r, const char *job, const char *kind);
void rig_executed(struct rig *r, const char *job, const char *kind);
void rig_up(struct rig *r, const char *job, const char *kind); /* made and executed */
void rig_exit(struct rig *r, const char *job, const char *kind, int32_t status);
void rig_fail(struct rig *r, const char *job, const char *kind, uint32_t step, int32_t error);
/*
 * What happens in the family of a main process that is made, word by word. Members are numbered; 1 is the first.
 *
 *   1>2	1 forks 2		2!	2 executes a program	2s	2 is in a session of its own
 *   ?>2	somebody unknown does	2.	2 ends with 0		2g	2 is in a group of its own
 *   +5		seconds pass		2.3	… with 3		2.KILL	… by a signal
 *   ~		1 can't be traced
 */
void rig_family(struct rig *r, const char *job, const char *script);
/* The number of the member that is main. */
int rig_main(struct rig *r, const char *job);
/* Nobody is left of the only instance whose leftovers are waited for. */
void rig_swept(struct rig *r);
/* Time passes; timers that are due on the way fire. */
void rig_pass(struct rig *r, usec_t time);
/* The clock moves on to the next timer, which fires. False when there is none. */
bool rig_timer(struct rig *r);
void rig_wait(struct rig *r, usec_t time);

/* What processes do by themselves in rig_settle(): hooks and tasks end with 0, services run, unless told. */
void rig_rule(struct rig *r, const char *job, const char *kind, const char *what, bool once);
/* Let all processes be made, run and do as they are told, until nothing moves. */
void rig_settle(struct rig *r);

/* The lines written since the last rig_expect() are these. */
void rig_expect(struct rig *r, const char *expected);
void rig_forget(struct rig *r); /* drop those lines */
/* "start/running", or "none". */
void rig_assert_state(struct rig *r, const char *job, const char *expected);
/* A variable in the environment of a process: equal to `value`, or (NULL) not there. */
void rig_assert_env(struct rig *r, const char *job, const char *kind, const char *key, const char *value);

/* "a=1 b=2" as a vector. */
char **rig_words(const char *text);
