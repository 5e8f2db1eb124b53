/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is kept of each process of a job, and how it is kept over a re-exec. Only spawn.c changes what is in it.
 *
 * Stages of a process: it waits (QUEUED), the spawner has been asked (ASKED), its pid is known and journaled and its
 * gate open (SETUP), it runs its own program (RUNNING). Only ASKED ones are limited in number.
 */

#include "init/init.h"
#include "system/spawn_status.h"

struct note;
struct brood;

enum proc_stage { STAGE_QUEUED, STAGE_ASKED, STAGE_SETUP, STAGE_RUNNING };

struct proc {
	struct proc *prev, *next;
	struct proc *queue_prev, *queue_next;
	struct init *init; /* borrowed */
	struct proc *brood_prev, *brood_next;
	struct brood *brood; /* borrowed: strays.c's; NULL: of none */
	uint64_t id;
	uint64_t effect;
	enum proc_stage stage;
	char *name; /* owned: "web main" */
	pid_t pid;
	int pidfd;
	int status_r, status_w, gate_r, gate_w; /* -1: closed */
	struct spawn_status status;
	int word;   /* owned: what it says on that it is ready, and more; -1: nothing, or not any more */
	int word_w; /* owned: the process's end, until it has it; -1: it needs none */
	bool socket;		 /* `word` is a notification socket, which control reads */
	bool pidfile;		 /* `word` is what somebody tells who watches its file */
	bool untaught;		 /* control is to be told of it again */
	bool disbelieved;	 /* it was told already that somebody has no business there */
	struct loop_fd *hearing; /* owned; of a `word` that is read here */
	usec_t searched;	 /* then its family was last searched for whom its file names; 0: never */
	usec_t unheard;		 /* it had ended then, and what it had said was not heard; 0: no such thing */
	struct loop_fd *source; /* owned; of status_r */
	struct loop_fd *end;	/* owned; of pidfd, where that alone tells of its end */
	bool untold;		/* its end is to be watched again */
	bool untraced;		/* the core is to be told that it can't be followed */
	unsigned doubts;	/* how often it did not get clear in time whether somebody comes from it */
	bool local;		/* made here, not by the spawner */
	bool suspect;		/* a spawner died that had been asked for this and others */
	unsigned killed;	/* how often one died that had been asked for this alone */
	unsigned tries;		/* that failed for want of something */
	bool paused;		/* it stops before its program, for a debugger (`debug`) */
	int failed;		/* errno: to be reported as soon as it can */
};

/* What spawn_local() did, to be handled as the spawner's answers are: between inputs. */
struct local_answer {
	struct local_answer *prev, *next;
	struct msg_spawned m;
	int fds[2]; /* owned */
	size_t n_fds;
};

struct spawns {
	struct proc *list;  /* in order of the effects */
	struct proc *queue; /* those in STAGE_QUEUED, in the same order */
	struct map by_id, by_pid;
	size_t asked, suspects_asked;
	bool untraced;	/* one of them is `untraced` */
	bool traces;	/* the last that was to be traced is */
	bool unwatched; /* some wait to be watched (again) */
	struct local_answer *answers;
	struct loop_timer *retry;
};

/* A record in STAGE_RUNNING without descriptors, the last of the list; NULL: out of memory. */
struct proc *proc_new(struct init *init, uint64_t id, uint64_t effect);
/* Forget it; its descriptors are closed, so proc_note_gone() comes first. */
void proc_free(struct proc *p);
/* Note what it is now, then close both ends of both pipes. */
void proc_close_pipes(struct proc *p);
/* Note it, then close what its process alone needs now, and the gate. */
void proc_close_far_ends(struct proc *p);
/* The only way to change its stage: the counts and the queue follow. */
void proc_set_stage(struct proc *p, enum proc_stage stage);
/* Write to the journal what it is now; that it is no more. */
void proc_note(const struct proc *p);
void proc_note_gone(struct init *init, uint64_t id);

/* It is another process now: whatever is done to it is done to that one. */
void proc_become(struct init *init, uint64_t process, pid_t pid);
/* Tell the core when it has ended, by its pidfd: nobody else will. */
void proc_watch_end(struct proc *p);

int proc_pidfd(const struct init *init, uint64_t process, pid_t pid); /* borrowed; -1: none of that pid */
bool proc_is_hook(const struct proc *p); /* and not a main process */
bool proc_is_known(const struct init *init, uint64_t process);
const char *proc_name(const struct init *init, uint64_t process);     /* "web main", or "?" */

void procs_save(struct init *init);
/* From a note of the journal. 0 or -ENOMEM. */
int must_check procs_load(struct init *init, const struct note *note);
/* Each descriptor held for a process. */
void procs_each(const struct init *init, void (*fn)(int fd, void *data), void *data);
