/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the core wants done. Effects are made by core_apply(), in order, each with a
 * number that only grows; they stay in the core's outbox until an INPUT_ACK (for SPAWN:
 * an INPUT_SPAWNED or INPUT_SPAWN_FAILED) says that they were carried out, and are made again,
 * with the same numbers, when a journal is replayed.
 */

#include "core/input.h"

#define EFFECTS(X)                                                                                  \
	X(SPAWN, spawn, SPAWNER)   /* make a process; answered by SPAWNED or SPAWN_FAILED */        \
	X(KILL, kill, LOCAL)       /* send a signal */                                              \
	X(TIMER, timer, LOCAL)     /* arm or cancel a timer */                                      \
	X(LOG, log, LOCAL)         /* a line for init's own log */                                  \
	X(CLOSE_FD, close_fd, LOCAL) /* a descriptor is not needed any more */                      \
	X(ENDED, ended, LOCAL)     /* a process is over: its log may be closed */                   \
	X(FINISHED, finished, LOCAL) /* the session, or the machine, is over: leave */               \
	X(MAIN, main, LOCAL)       /* another process is the main one now */                        \
	X(RELEASE, release, LOCAL) /* a family is followed no more */                               \
	X(STRAYS, strays, LOCAL)   /* to what an instance leaves behind; with a sweep answered by STRAYS */ \
	X(REPLY, reply, CONTROL)   /* answer a request */                                           \
	X(NOTIFY, notify, CONTROL) /* tell who listens */

enum effect_type {
	EFFECT_NONE,
#define X(id, st, target) EFFECT_##id,
	EFFECTS(X)
#undef X
	EFFECT_TYPE_COUNT
};

#define JOB_FDS_MAX 14 /* descriptors of events that a process gets: what one message carries */

struct effect_spawn {
	uint64_t process;
	uint64_t class_id;
	char *job;
	char *instance;
	uint32_t kind; /* enum process_kind */
	char **env;    /* complete */
	struct u64v fds; /* pairs: fd, the number it gets in the process; at most JOB_FDS_MAX */
};

struct effect_kill {
	uint64_t process;
	int32_t pid;
	int32_t signal;
	bool group; /* its process group, else the process alone */
};

struct effect_timer {
	uint64_t timer;
	uint64_t due; /* monotonic microseconds; 0: cancel */
};

struct effect_log {
	int32_t level; /* enum log_level */
	char *text;
};

struct effect_close_fd {
	uint64_t fd;
};

struct effect_ended {
	uint64_t process;
	int32_t pid;
};

struct effect_finished {
	int32_t status;
	char *level;   /* "0" or "6": of the machine; NULL: of a session */
	char *halt;    /* INIT_HALT of the event; NULL: it had none */
	char **killed; /* what had to be killed on the way down */
	char **slow;   /* what was waited for, "db main: 12 s" */
};

struct effect_main {
	uint64_t process;
	int32_t pid;
};

struct effect_release {
	uint64_t process;
	struct u64v pids; /* of those members that live */
};

/* To whoever comes from an instance and is in no process group of one of its processes. */
struct effect_strays {
	char *job;
	char *instance;
	uint64_t job_id; /* of the instance, for the answer */
	uint64_t sweep;	 /* not 0: say when nobody is left, and no process of the instance either */
	int32_t session; /* only to those of that session; 0: to all */
	bool alone;	 /* then no process of the instance lived: to all, unless one does now */
	int32_t signal;
};

struct effect_reply {
	uint64_t request;
	char *error; /* NULL: success */
	char *text;
	char *job; /* what was started or stopped */
	char *instance;
};

struct effect_notify {
	uint32_t type; /* enum notify_type (common/msg.h) */
	char *job;
	char *instance;
	char *text;
	char **env;
	int32_t value;
};

struct effect {
	uint64_t id;
	uint32_t type;
	union {
#define X(name, st, target) struct effect_##st st;
		EFFECTS(X)
#undef X
	};
	struct effect *prev, *next; /* the outbox's */
	struct effect *target_prev, *target_next; /* those of the same target in it */
};

const char *effect_type_name(uint32_t type);
enum effect_target effect_target_of(uint32_t type);

void effect_pack(struct strbuf *b, const struct effect *e);
int must_check effect_unpack(struct wire_in *w, struct effect *e); /* as input_unpack() */
void effect_free(struct effect *e);                                /* the members; not e itself */
