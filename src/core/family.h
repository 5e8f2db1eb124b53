/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The family of a main process that daemonises: the tree of processes that come from its first one, and which of
 * them the job is about (`expect fork`, `daemon`, `exit`). Pure: facts go in, a finding comes out.
 *
 * The first process has depth 0, its children 1, and so on. A member is *settled* when it is as deep as the job says,
 * or has executed a program at depth 1 or more, and all its ancestors have ended. The first settled member is the main
 * process. A helper that forks and ends while its parent lives is never settled, so nothing takes it for the daemon.
 *
 *   Two settled at once	the one in a session of its own, else the one that executed last, else the older
 *   An ancestor stays		a member deep enough, in a session or group of its own, is taken after FAMILY_LINGER
 *   Too few forks		the first process, else the eldest member, is taken when nothing has changed for as long
 *as the plan says, or for FAMILY_ORPHANED when the first process has ended
 *   Too many members		the same at once, and nothing is followed any further
 *   `expect exit`		the first process must end with 0; then whoever has no ancestors left is settled
 *   `expect pidfile`, `listen`	nobody is settled until it is said who (track_told()); the first process may end with 0 meanwhile
 *
 * After that the family is watched until it has not changed for FAMILY_QUIET_AFTER (FAMILY_WATCHED at most): if main
 *ends with 0 in that time and a member lives, that one is the heir.
 *
 * A family that can't be traced has fewer members: nobody is known before init adopts him, and by then he has no ancestors,
 * so that the rules find the same unless an ancestor stays. How often he forked is not known; it counts as enough.
 *
 * Who ends leaves the tree, and its children hang from the next ancestor that lives. Facts may come in any order,
 * and twice.
 */

#include "common/wire.h"

#define FAMILY_MAX 1024u		 /* live members */
#define FAMILY_LINGER (5 * USEC_PER_SEC) /* since it was born */
#define FAMILY_ORPHANED (5 * USEC_PER_SEC)
#define FAMILY_PATIENCE (90 * USEC_PER_SEC) /* without `expect timeout` */
#define FAMILY_QUIET_AFTER (2 * USEC_PER_SEC)
#define FAMILY_WATCHED (30 * USEC_PER_SEC)

struct member {
	struct member *prev, *next; /* in the order in which they were heard of */
	struct member *parent;	    /* the nearest ancestor that lives; NULL: none does */
	int32_t pid;
	uint32_t depth;
	uint64_t execs;		/* programs it has executed since it is a member */
	uint64_t executed;	/* when it did so last, as a number that grows; 0: never */
	int32_t session, group; /* 0: not known */
	usec_t born;
	bool heir; /* its parent was the main process, which has ended */
};

struct family_plan {
	uint32_t depth;	  /* forks that are expected; 0: `expect exit` */
	bool across_exec; /* forks are counted on after an exec, which settles nobody */
	usec_t patience;  /* with too few forks; 0: no limit */
	bool told;	  /* which member is main will be said; the first must not fail until then */
};

struct family {
	struct family_plan plan;
	struct member *members; /* owned list */
	size_t n;
	bool begun;	     /* the first process runs its program: what was forked before is no member */
	bool entered;	     /* that it does was seen, and not only heard */
	bool adopted;	     /* it can't be traced: its members are the first process and those that init adopts */
	bool ready;	     /* main has been chosen */
	struct member *main; /* borrowed; NULL: none chosen, or it has ended */
	int32_t first;	     /* pid of the first process */
	bool first_ended;
	int32_t first_status; /* as all here: exit code, or signal << 8 */
	int32_t last_status;  /* of the last that ended */
	uint64_t execs;	      /* of all */
	usec_t changed;	      /* when the tree last did */
	usec_t ready_at;
	int32_t killing; /* a signal that members born from now on get as well; 0: none */
};

enum family_verdict {
	FAMILY_WAIT,
	FAMILY_READY,  /* `chosen` is to be main */
	FAMILY_FAILED, /* `expect exit`: the first process ended with `status` */
	FAMILY_LATE,   /* `expect exit`: it did not end in time */
	FAMILY_OVER,   /* nobody is left; the last one ended with `status` */
	FAMILY_QUIET,  /* main is settled for good */
};

enum family_reason {
	FAMILY_SETTLED,
	FAMILY_LINGERS, /* an ancestor has stayed */
	FAMILY_TOO_FEW, /* forks */
	FAMILY_TOO_MANY /* members */
};

struct family_finding {
	enum family_verdict verdict;
	enum family_reason reason; /* READY */
	struct member *chosen;	   /* READY; borrowed */
	int32_t status;
};

/* A family of one; NULL when out of memory. */
struct family *family_new(const struct family_plan *plan, int32_t pid, usec_t now);
struct family *family_free(struct family *f); /* takes NULL, returns NULL */

struct member *family_get(const struct family *f, int32_t pid); /* borrowed; NULL: no live member */

/* The first process runs its program. */
void family_begin(struct family *f, usec_t now);
/*
 * `parent` has a child. A parent that is no member (0: not known) means that it comes from one that has ended: its
 * depth is then what is expected. 1: it is a member now; 0: it was already, or came too early; -ENOMEM.
 */
int must_check family_forked(struct family *f, int32_t parent, int32_t pid, usec_t now);
void family_executed(struct family *f, int32_t pid);
/* False: that was known. */
bool family_grouped(struct family *f, int32_t pid, int32_t session, int32_t group);
/* A member has ended. False: it is none. */
bool family_ended(struct family *f, int32_t pid, int32_t status, usec_t now);

/* What follows from all that. */
struct family_finding family_look(const struct family *f, usec_t now);
/* When that may change by itself; 0: never. */
usec_t family_due(const struct family *f, usec_t now);

void family_choose(struct family *f, struct member *m, usec_t now);
/* Who is main if `m` speaks for all: the first process while it lives, else who is settled, else itself. Borrowed. */
struct member *family_principal(const struct family *f, struct member *m);
/* Who goes on after main has ended; NULL: nobody. Borrowed. */
struct member *family_heir(const struct family *f);
/* Who stands for the family: main, or else the eldest; NULL: nobody is left. */
const struct member *family_head(const struct family *f);

/* As numbers, and back. 0 or -ENOMEM; 0, -EBADMSG or -ENOMEM. */
int must_check family_pack(const struct family *f, struct u64v *words);
int must_check family_unpack(const struct u64v *words, struct family **f);
