/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One brood (strays.h): who is in it, and signals to those. Only strays.c and brood.c look in here.
 */

#include "init/init.h"
#include "init/proctable.h"

#define BROOD_OUTSIDE 1u /* bits of the first number of its note */
#define BROOD_KILLED 2u

struct brood {
	struct brood *prev, *next;
	uint64_t id;
	char *job, *instance; /* owned */
	char *key;	      /* owned: of both */
	char *leaf;	      /* owned: name of its group in the base; NULL: it has none */
	bool outside;	      /* some of its processes are not in it */
	bool killed;	      /* its group by the kernel: it must be made anew before anybody else is put into it */
	int watch;	      /* number of the watch that tells when nobody is in it any more; 0: none does */
	struct u64v sessions; /* of those that are not in a group: triples of session, who was seen in it, its start */
	struct proc *procs;   /* those init knows */
	uint64_t job_id, sweep; /* who waits for its end; 0: nobody */
	bool gone;		/* nobody is left: to be told */
	usec_t pause;		/* until the next look, while somebody waits */
	usec_t due;		/* it is looked at then; 0: at no certain time */
	struct brood *due_prev, *due_next; /* among those with a certain time */
};

struct strays {
	struct brood *list;
	struct brood *due; /* those that are looked at at a certain time, the first first */
	struct map by_id, by_key, by_leaf, by_watch;
	struct proctable table;
	uint64_t last_id;
	int base;	/* owned; -1: there are none */
	usec_t next_try; /* then that may be otherwise */
	char *path;	/* owned: of the base */
	int watch;  /* owned; -1: none yet */
	struct loop_fd *source;
	struct loop_timer *timer;
	usec_t timer_due; /* 0: it is not set */
	bool answers_due; /* some sweeps may be over */
};

/* Write to the journal what it is now. */
void brood_note(struct init *init, const struct brood *b);
/* For messages: "web", "web (1)". */
const char *brood_display(const struct brood *b, char *buf, size_t size);

/* Append the pids of all that is known to be in it, as this turn shows them. 0 or a negative errno. */
int must_check brood_members(struct init *init, const struct brood *b, struct u64v *pids);
/* The directory of its group, owned; NULL: it has none, or b is NULL. 0 or -ENOMEM. */
int must_check brood_group(const struct init *init, const struct brood *b, char **path);
/* Is that process in its group? 1, 0, or a negative errno that is a want (error_is_want()). */
int must_check brood_has_in_group(const struct init *init, const struct brood *b, pid_t pid);
/*
 * A process of the instance is not in a group: it is known by the session that it begins. 0, or a
 * negative errno that is a want (error_is_want()).
 */
int must_check brood_add(struct init *init, struct brood *b, pid_t pid);
/* Is it one by whom a session is known? */
bool brood_knows(const struct brood *b, pid_t pid);
/*
 * Know its sessions by those who live, now that this one has ended. 0, or a negative errno that is a want: as before.
 */
int must_check brood_learn(struct init *init, struct brood *b, pid_t ended);
/* Is nobody in it, as this turn shows? Nobody comes to be in it by then but by a process that init makes. */
bool brood_is_empty(struct init *init, const struct brood *b);
/* Say whom `who` has left behind, if anybody. */
void brood_tell(struct init *init, const struct brood *b, const char *who);
/*
 * Send a signal to all in it, but for those in a process group of one of the instance's own processes, which get theirs
 * by themselves. `session`: only to those of that session; 0: to all. 0, or a negative errno: not to all, and it
 * is to be done again.
 */
int must_check brood_signal(struct init *init, struct brood *b, pid_t session, int number);
