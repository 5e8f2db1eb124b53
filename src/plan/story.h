/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What would happen, step by step, and how it ends. Made by world.c, told by print.c.
 */

#include "core/explain.h"

enum item_type {
	ITEM_EVENT,   /* an event has its turn */
	ITEM_WAITS,   /* it has had it and is not over: somebody holds it */
	ITEM_STARTS,  /* an instance's goal becomes start, */
	ITEM_STOPS,   /* or stop */
	ITEM_PROCESS, /* a process is made */
	ITEM_RUNNING,
	ITEM_STOPPED, /* the instance is gone */
	ITEM_WARNING, /* init would log it */
};

/* Why a goal changes. */
enum reason {
	REASON_NONE,
	REASON_REQUEST, /* the one that is asked about */
	REASON_EVENTS,	/* `names` are theirs */
	REASON_STATES,	/* a `while`; `names` are the states that hold, when it starts */
	REASON_END,	/* its main process ended */
};

struct item_holder {
	char *job;	/* owned, as all here */
	char *instance; /* NULL: a start on */
	bool condition; /* true in part: */
	char **needs;	/* leaves */
};

struct item {
	enum item_type type;
	char *job, *instance; /* ITEM_WAITS: the instance that waits for the event; NULL: none */
	bool task;
	char *event;
	char **env;
	enum reason reason;
	char *names;
	enum process_kind kind;
	char *text;
	bool assumed; /* the event is one a job says it emits */
	bool minor;   /* shown only to those who want all */
	struct item_holder *holders;
	size_t n_holders, more_holders;
};

/* An instance by name. */
struct place {
	char *job, *instance; /* owned */
	enum job_goal goal;
	enum job_state state;
	bool task;
};

struct places {
	struct place *p; /* owned */
	size_t n;
};

struct story {
	struct item *items; /* owned */
	size_t n;
	size_t dropped;		     /* items beyond those that are kept */
	bool nomem;		     /* there was no memory for one */
	uint64_t steps;		     /* of the core */
	bool complete;		     /* everything came to rest */
	bool answered;		     /* whoever asks would get an answer: */
	char *error;		     /* owned; the name of it, NULL: success */
	char *error_text;	     /* owned */
	struct places before, after; /* all instances */
	struct u64v old_events;	     /* those in the queue before */
	struct item *blocked;	     /* owned: ITEM_WAITS for each new event that is left, as it is then */
	size_t n_blocked;
};

#define STORY_ITEMS_MAX 10000

void story_deinit(struct story *story); /* idempotent */

/* A new last item, or NULL: out of memory, or (dropped is counted) there are too many. */
struct item *story_add(struct story *story, enum item_type type);
/* Append all instances there are; 0 or -ENOMEM. */
int must_check places_read(struct places *places, const struct core *core);
void places_deinit(struct places *places); /* idempotent */
const struct place *places_find(const struct places *places, const char *job, const char *instance);
/* Fill an ITEM_WAITS for an event; 0, -ENOENT or -ENOMEM. */
int must_check item_waits(struct item *item, const struct core *core, uint64_t event);
