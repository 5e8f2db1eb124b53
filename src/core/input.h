/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What may happen to the core: one input at a time.
 *
 * An input is plain data that can be written to a journal and read back; who applies it
 * learns the result as effects (core/effect.h). Numbers, not pointers, name things:
 *
 *   class      a definition, in the store of whoever feeds the core
 *   process    one spawned (or to be spawned) process; given by the core
 *   timer      one armed timer; given by the core
 *   request    somebody who waits for an answer; given by whoever asks, 0 = nobody waits
 *   fd         a descriptor held outside; given by whoever emits the event, 0 = none
 */

#include "common/said.h"
#include "common/str.h"
#include "common/wire.h"

#define INPUTS(X)                                                                        \
	X(DEFINE, define)             /* a job's definition is new or has changed */     \
	X(UNDEFINE, undefine)         /* a job's definition is gone */                   \
	X(EMIT, emit)                 /* an event is to be queued */                     \
	X(REQUEST, request)           /* start, stop, restart, reload */                 \
	X(SPAWNED, spawned)           /* a process exists, its gate still shut */        \
	X(SPAWN_FAILED, spawn_failed) /* it could not be made, or failed before exec */  \
	X(EXEC_DONE, exec_done)       /* it runs its own program now */                  \
	X(EXITED, exited)             /* a child of init ended */                        \
	X(STOPPED, stopped)           /* a child of init was stopped or continued by a signal */ \
	X(TIMER, timer)               /* a timer is due */                               \
	X(ACK, ack)                   /* effects up to a number have been carried out */ \
	X(CONTROL, control)           /* control came, or is gone with all its requests */ \
	X(SET_ENV, set_env)           /* the job environment table, or an instance's */  \
	X(SESSION_END, session_end)   /* the session is to end */                        \
	X(LOG_LEVEL, log_level)       /* lines below this level need not be made */      \
	X(FAMILY, family)             /* news of the processes that come from a main process */              \
	X(SUBSTITUTE, substitute)     /* what is safe, in the place of an input that can't be applied */ \
	X(STATE, state)               /* a foreign state is set, cleared, replaced */    \
	X(SHUTDOWN, shutdown)         /* a container or machine is to go down */                         \
	X(SAID, said)                 /* a main process says something of itself */ \
	X(STRAYS, strays)             /* nobody is left of an instance that asked */

enum input_type {
	INPUT_NONE,
#define X(id, st) INPUT_##id,
	INPUTS(X)
#undef X
	INPUT_TYPE_COUNT
};

struct input_define {
	uint64_t class_id; /* the name is the class's */
};

struct input_undefine {
	char *name;
};

struct input_emit {
	uint64_t request; /* answered when the event is queued (wait false) or finished */
	char *name;
	char **env; /* KEY=VALUE, in order */
	bool wait;
	uint64_t fd;
	char *root;  /* of the chroot session it is for alone; NULL: for all */
	char *token; /* the asker's own name for this request; see core/core.h */
	int32_t caller; /* who asks, as its session: the pid of a job's process, where one does; 0: nobody known */
	bool literal;	/* its values are compared with patterns as they are written, letter by letter */
	bool only;	/* nobody hears it but these: */
	char **classes;	  /* the start on of a job, and the stop on of its instances; by name */
	char **instances; /* the stop on of an instance; pairs: job, instance */
	struct u64v fds;  /* more descriptors, behind `fd`; none without it */
};

enum request_kind {
	JOB_START, /* by job and env */
	JOB_STOP,
	JOB_RESTART,
	INSTANCE_START, /* by job and instance */
	INSTANCE_STOP,
	INSTANCE_RESTART,
	INSTANCE_RELOAD,
	JOB_RESET, /* end a quarantine; by job and env, */
	INSTANCE_RESET, /* or by job and instance */
	REQUEST_KIND_COUNT
};

struct input_request {
	uint64_t request;
	uint32_t kind; /* enum request_kind */
	char *job;
	char *instance; /* INSTANCE_*: its name */
	char **env;
	bool wait;
	char *token;
	int32_t caller; /* as in input_emit */
	bool when_ready; /* JOB_START: not before its `while` holds */
};

struct input_spawned {
	uint64_t process;
	int32_t pid;
};

struct input_spawn_failed {
	uint64_t process;
	uint32_t step; /* enum spawn_step (common/msg.h) */
	uint32_t arg;
	int32_t error;
};

struct input_exec_done {
	uint64_t process;
};

struct input_exited {
	int32_t pid;
	int32_t status; /* exit code, or signal number << 8 */
};

struct input_stopped {
	int32_t pid;
	int32_t signal;
	bool continued;
};

struct input_timer {
	uint64_t timer;
};

enum effect_target { TARGET_LOCAL, TARGET_SPAWNER, TARGET_CONTROL, TARGET_COUNT };

struct input_ack {
	uint32_t target; /* enum effect_target */
	uint64_t upto;   /* effect id */
};

struct input_control {
	bool present;
};

enum env_action { ENV_SET, ENV_UNSET, ENV_RESET };

struct input_set_env {
	uint64_t request;
	uint32_t action; /* enum env_action */
	char *job;       /* NULL: the global table */
	char *instance;
	char **env; /* KEY=VALUE or KEY (= empty value); for ENV_UNSET names */
	bool replace;
};

struct input_session_end {
	char *type; /* "logout" or "shutdown" */
};

enum shutdown_action {
	SHUTDOWN_RULES, /* from now on runlevels 0 and 6 are the end: `limit`, `job` */
	SHUTDOWN_BEGIN, /* go to runlevel 0; on the way down as SKIP */
	SHUTDOWN_SKIP,	/* kill what is waited for on the way down; else nothing */
	SHUTDOWN_LOST,	/* the end is near, by the word of a state that was lost: nothing is started any more */
};

struct input_shutdown {
	uint32_t what;	/* enum shutdown_action */
	char *job;	/* the end of that job is the end of all, with its status; NULL: of none */
	uint64_t limit; /* microseconds until all that is left is killed */
	bool assist;	/* a machine: jobs may end it before we do; what the runlevel starts is let work */
};

struct input_log_level {
	int32_t level; /* enum log_level */
};

enum family_news {
	FAMILY_NEWS_FORKED,   /* `pid` (0: not known who) has a child `other`, which is in `session` and `group` */
	FAMILY_NEWS_EXECUTED, /* `pid` has executed a program */
	FAMILY_NEWS_GROUPED,  /* `pid` is in `session` and `group` */
	FAMILY_NEWS_UNTRACED, /* the main process can't be traced */
	FAMILY_NEWS_ADOPTED,  /* nor can it, but those that init adopts will be told as FORKED by nobody */
	FAMILY_NEWS_COUNT
};

struct input_family {
	uint64_t process; /* FORKED, UNTRACED, ADOPTED: whose family */
	uint32_t what;	  /* enum family_news */
	int32_t pid;
	int32_t other;
	int32_t session, group; /* 0: not known */
};

enum state_action {
	STATE_SET,
	STATE_CLEAR,   /* those whose variables `env` matches, KEY=GLOB each */
	STATE_REPLACE, /* `env` is several: for each the number of its strings, then those */
	STATE_CONNECTION_ENDED,
	STATE_ACTION_COUNT
};

struct input_state {
	uint64_t request;
	uint32_t action; /* enum state_action */
	char *name;
	char **env;
	bool all;	    /* CLEAR: holds of others, too */
	bool wait;	    /* CLEAR: answer once those that fall by it have stopped */
	bool bound;	    /* SET, REPLACE: until the connection ends */
	bool administrator; /* it is no job that holds, whoever asks */
	int32_t caller;	    /* as in input_emit */
	int32_t uid;	    /* who asks; -1: not known */
	char *root;	    /* of the chroot session it is for; NULL: for all */
	char *connection;   /* over which it is asked: any name for it */
	char *job;	    /* the instance that asks, as it says itself; NULL: it does not say. Another than */
	char *instance;	    /* `caller` is of is not believed */
};

struct input_said {
	uint64_t process;
	uint32_t what; /* bits of enum said_what */
	int32_t main_pid;
	char *status; /* NULL: none any more */
	usec_t watchdog, extend;
};

struct input_strays {
	uint64_t job_id; /* as in effect_strays */
	uint64_t sweep;
};

/*
 * An input made init crash, twice, or broke one of its rules. In its place comes what of it is sure, and nothing else:
 * a request is answered with an error, the instance that a process or a timer belongs to is quarantined. What does not
 * apply to `type` is 0.
 */
struct input_substitute {
	char *type; /* name of the input */
	char *why;  /* "init crashed twice", what was said of it: "WHY over the end of its main process (12)" */
	bool bare;  /* as little as can be: the substitute has failed, too */
	uint64_t request;
	char *token;
	char *name; /* of an event, with */
	char **env;
	uint64_t fd;
	uint64_t process;
	int32_t pid;
	int32_t status;
	uint64_t timer;
	bool present;
	struct u64v fds; /* as input_emit.fds */
	char *root;	 /* as input_emit.root */
};

struct input {
	uint64_t seq; /* 1, 2, 3 …: given by core_apply() */
	usec_t now;   /* monotonic clock when it happened */
	uint32_t type;
	union {
#define X(id, st) struct input_##st st;
		INPUTS(X)
#undef X
	};
};

const char *input_type_name(uint32_t type);
uint32_t input_type_from_name(struct span name); /* INPUT_NONE: there is none of that name */

/* Append the encoding to b (b->failed tells). */
void input_pack(struct strbuf *b, const struct input *in);
/* Read one; 0 (then input_free()), -EBADMSG or -ENOMEM. */
int must_check input_unpack(struct wire_in *w, struct input *in);
void input_free(struct input *in);

/* The substitute of an input, with all it needs of it. 0 (then input_free()) or -ENOMEM. */
int must_check input_substitute(const struct input *of, const char *why, bool bare, struct input *in);
