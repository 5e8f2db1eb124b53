/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * upstart-time-bridge: its parts, and what they share. time_bridge.c has its life, time_wants.c which timers there are to
 * be, time_emit.c what happens when one falls due, time_crontab.c the jobs that are made of crontabs.
 */

#include "bridges/bridge.h"
#include "bridges/clocks.h"
#include "bridges/crontabs.h"
#include "bridges/timers.h"
#include "bridges/zones.h"
#include "schedule/places.h"

struct time_bridge {
	struct bridge_options common;
	const char *runtime_dir, *state_dir; /* borrowed, may be NULL */
	char **crontabs, **user_crontabs;    /* owned, may be NULL: files and folders */

	struct bridge *bridge; /* borrowed */
	struct places places;
	struct ledger ledger, durable;
	struct zones zones;
	struct clocks *clocks; /* owned */
	struct time_crontab *crontab; /* owned */
	struct timers timers;
	char machine[40];      /* what makes JITTER that of this machine */
	char **faults;         /* owned: what is wrong with schedules, which has been told */
	bool windows_changed;  /* tell init */
	bool windows_told;     /* init has been told of some */
	bool no_states;        /* init does not know states: it has been said */
	bool unwritable;       /* that a ledger cannot be written has been said */
	bool running;          /* timers fire */
	bool closing;
};

/* What a timer is for. */
struct want {
	enum term_place place;
	char *job, *path; /* owned: its name and its object; NULL: a window, which is for all */
	char **words;     /* owned: as they are written */
	bool single;      /* the job has one instance only */
	/* A run that is to follow once the job has stopped, MISSED=run; owned. */
	char **pending;
};

struct want *want_free(struct want *want); /* takes NULL, returns NULL */

/* Make the timers those that the jobs ask for. */
void time_wants_update(struct time_bridge *tb);
/* An event has happened: arm the timers that go after it. */
void time_wants_event(struct time_bridge *tb, const char *name, char *const *env);

/* A timer is due. */
void time_emit(struct time_bridge *tb, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late);
/* A job has stopped: what waited for that follows. */
void time_emit_pending(struct time_bridge *tb, const char *name, char *const *env);
/* Tell init which windows hold. */
void time_emit_windows(struct time_bridge *tb);

/* Make jobs of the crontabs that the command line names, and keep to them. NULL with a text. */
struct time_crontab *time_crontab_new(struct time_bridge *tb, struct error *err);
struct time_crontab *time_crontab_free(struct time_crontab *crontab); /* takes NULL, returns NULL */
/* Have the jobs that were made first come to be timers, or are there none? */
bool time_crontab_is_known(struct time_crontab *crontab);
/* All file systems are there now, and with them maybe crontabs that were not. */
void time_crontab_mounted(struct time_crontab *crontab);

/* The value of KEY in the environment; NULL: it has none. */
const char *time_env(char *const *env, const char *key);
