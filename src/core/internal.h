/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of core/ share and nobody else may see.
 *
 *   core.c       the whole: making, applying an input, numbers
 *   lifecycle.c  the table
 *   job.c        an instance: goal, state, what entering a state does
 *   pace.c       how fast instances may start again
 *   wait.c       who waits for whom, without circles
 *   process.c    its processes: asked for, made, ended; failure, respawn, kill
 *   family.c     the tree of processes of a main process that daemonises
 *   track.c      such families at work: which process is main, when it is ready
 *   ready.c      main processes that say when they are ready, and what they do
 *   watchdog.c   those that must say again and again that they are well
 *   event.c      the queue: handling, blocking, finishing
 *   trigger.c    conditions: which leaf holds which event; firing
 *   audience.c   which leaves an event may match
 *   state.c      what holds: instances that are up, how they ended
 *   foreign.c    states that no job has: who holds them; foreign_request.c: who asks for them
 *   history.c    what started when, and why
 *   follow.c     `while`: which instances are wanted, and making it so
 *   binding.c    the expression of a `while`: in which environments it holds
 *   await.c      starts that wait until a `while` holds
 *   quarantine.c what stands in for an input that can't be applied; instances nothing is done about
 *   registry.c   classes by name, and their replacement
 *   request.c    what clients ask, tokens, answers
 *   session.c    the end of a session
 *   outbox.c     making effects; the outbox
 *   save.c       writing and reading the whole
 *   check.c      what must hold
 *   past.c       how processes and instances ended, for those who ask why
 *   view.c       looking in; explain.c: looking in deeper; step.c: looking on
 *
 * Memory: a failed allocation sets core->oom and the step at hand is done as far as it goes;
 * core_apply() then returns -ENOMEM.
 */

#include "common/map.h"
#include "common/scope.h"
#include "core/core.h"
#include "core/explain.h"
#include "core/family.h"
#include "core/history.h"

/* A condition at work. The owner is a slot (start on) or a job (stop on). */
struct listener {
	struct listener *prev, *next; /* among those of its audience, or its row, */
	struct audience *audience;    /* borrowed; NULL: it does not listen */
	struct row *row;	      /* borrowed; NULL: any event of the name may be for it */
	struct trigger *trigger;      /* borrowed: what it is part of */
	int leaf;
};

struct trigger {
	const struct condition *cond; /* borrowed from the class; NULL: none */
	uint64_t *held;               /* owned: per leaf the event it holds, 0 = false */
	struct listener *listeners;   /* owned: one per leaf */
	struct slot *slot;            /* borrowed */
	struct job *job;              /* borrowed; NULL: a start on */
};

/* Those who follow the states of one name. */
struct topic {
	struct topic *prev, *next;
	char *name; /* owned */
	struct follower *followers;
};

/* A term of a `while` at work. */
struct follower {
	struct follower *prev, *next; /* the list of its topic */
	struct topic *topic;	      /* borrowed */
	struct slot *slot;	      /* borrowed */
};

/* What is known of an instance that a `while` may want; kept over stops and reloads, while it says something. */
struct want {
	struct want *prev, *next; /* the slot's, in order of creation */
	char *name;	/* owned: instance name */
	char **arming;	/* owned: what it was armed with; NULL: nothing of its own */
	char **binding; /* owned: the first that gave its name, while bound */
	bool armed;	/* somebody wants it at all */
	bool spent, missed; /* used up, for as long as `bound` does not change; or as the machine goes down, by a failure */
	bool bound;	/* its `while` holds */
	bool fell;	/* it was bound until this look */
	bool seen;	/* this look found a binding, which is in: */
	char **fresh;	/* owned */
	struct u64v awaiting; /* calls that wait until it is started: see await.c; with some it is in core.awaited */
	struct want *await_prev, *await_next;
	uint64_t chain; /* the cause of its last rise; see job.cause */
	uint32_t rises; /* by that cause */
};

/* An instance whose main process ended by itself. */
struct ended {
	struct ended *prev, *next; /* the slot's, oldest first */
	char *name;		   /* owned */
	bool failed;
};

/* An instance that is gone. */
struct past {
	struct past *prev, *next; /* the slot's, oldest first */
	char *name;		  /* owned */
	struct u64v exits;	  /* as job.exits */
	bool failed;
	uint32_t failed_kind;
	usec_t at;
};

/* What something goes back to (pace.c): which root, how often round a circle, over how many starts. */
struct lineage {
	uint64_t root; /* 0: from outside */
	uint32_t loops, hops;
};

/* How fast an instance starts itself, or instances start others of their class. */
struct pace {
	struct pace *prev, *next; /* the slot's, that used last at the end */
	char *name;		  /* owned: instance name; NULL: of those new to last.root, whatever they are called */
	struct lineage last;	  /* of the last start by an event */
	uint64_t started;	  /* and when that was, or is to be */
	uint32_t most;		  /* loops, since that root */
	uint32_t rounds;	  /* fast ones, in a row */
};

/* A name of states that no job has; kept once it was spoken of. */
struct known {
	struct known *prev, *next; /* in order of creation */
	char *name;		   /* owned */
	struct foreign *states;	   /* owned, in the order in which they were set */
	struct map by_key;
};

struct foreign {
	struct foreign *prev, *next;
	struct known *known; /* borrowed */
	char **env;	     /* owned */
	char *key;	     /* owned: for known.by_key */
	struct hold *holds;  /* owned: at least one */
};

/* That an owner holds a state. */
struct hold {
	struct hold *prev, *next;	      /* the state's */
	struct hold *owned_prev, *owned_next; /* the owner's */
	uint64_t id;			      /* they are in order of it */
	struct foreign *state;		      /* borrowed */
	struct owner *owner;		      /* borrowed */
	bool stale;   /* goes unless it is set again */
	bool leaving; /* within one input: is not among those that replace it */
};

/* One who holds states; gone with the last. */
struct owner {
	struct owner *prev, *next;
	uint64_t id;	  /* they are in order of it */
	char *key;	  /* owned: for core.owners_by_key */
	char *job;	  /* owned; NULL: the administrator */
	char *instance;	  /* owned */
	int32_t uid;	  /* of the administrator, else -1 */
	char *connection; /* owned: its holds end with it; NULL: not bound to any */
	struct hold *holds;
};

/* A name for which there is, or was while instances live, a definition. */
struct slot {
	struct slot *prev, *next; /* all slots, in order of creation */
	uint64_t order;
	char *name;            /* owned */
	struct job_class *cls; /* ref */
	bool has_successor;
	struct job_class *successor; /* ref; NULL while has_successor: to be removed */
	struct trigger start;
	struct job *jobs;    /* owned list, in order of creation */
	struct map by_name;  /* instance name -> job */

	struct pace *paces; /* owned list */
	size_t n_paces;
	struct map paces_by_name, paces_by_root;

	/* With a `while`: */
	struct follower *followers; /* owned: one per term */
	size_t n_followers;
	struct want *wants; /* owned list */
	struct map wants_by_name;
	size_t n_wants;
	uint32_t wants_kept; /* so many were left when those that say nothing were dropped last */
	bool nameless; /* a binding gave no name, which was told */
	struct slot *look_prev, *look_next, *held_prev, *held_next; /* core.to_look, core.held, */
	bool in_list, in_held;		    /* if it is in them, */
	struct u64v look_events;	    /* with the events that wait for what falls */
	uint64_t look_cause;		    /* and what the change goes back to, */
	struct lineage look_lineage;	    /* in two ways, */
	uint64_t look_run;		    /* and the run whose doing it is */
	struct ended *ended;		    /* owned list */
	size_t n_ended;

	struct past *pasts; /* owned list */
	size_t n_pasts;
};

struct process {
	uint64_t id; /* 0: none */
	int32_t pid; /* 0: asked for */
	bool exec_done;
	struct effect *asked; /* borrowed: its SPAWN in the outbox, until it is answered */
};

#define FAILED_RESPAWN CORE_FAILED_RESPAWN /* job.failed_kind: the respawn limit */

/* Who waits for an instance: triples in job.waiters. */
enum waiter_type {
	WAITER_EVENT,
	WAITER_REQUEST,
	WAITER_FALL, /* an event, until the instance has left post-stop */
};
#define WAITER_WORDS 3 /* type | request kind << 8, event or request id, token id or 0 */

/* Who asks: one of the first two is what an answer goes to. */
struct asker {
	uint64_t request;
	uint64_t token;
	uint64_t process; /* of which job's process it is; 0: of none */
};

struct job {
	struct job *prev, *next; /* the slot's */
	uint64_t id;
	struct slot *slot;     /* borrowed */
	struct job_class *cls; /* ref */
	char *name;            /* owned: instance name */
	uint32_t goal;         /* enum job_goal */
	uint32_t state;        /* enum job_state; written by job_enter() only */
	char **env;
	char **next_env; /* taken on entering starting, if has_next_env */
	bool has_next_env;
	char **stop_env;
	struct u64v fds;      /* handles held */
	struct u64v next_fds; /* go with next_env */
	struct trigger stop;
	struct process process[PROCESS_KIND_COUNT];
	uint64_t blocker; /* its own event that it waits for */
	struct u64v waiters;
	bool failed;
	uint32_t failed_kind;
	int32_t exit_status; /* -1: none */
	int32_t main_ended;  /* its status and 1; 0: main has not ended yet */
	uint64_t kill_timer; /* 0: none */
	usec_t kill_due;     /* when it is due */
	uint64_t sweep;	     /* in killed: what is left of it is told to end, and waited for; 0: nothing is */
	bool swept_hard;     /* what is swept was sent SIGKILL */
	bool hook_told;	     /* the hook it waits for was told to end, for the goal is stop */
	struct u64v respawns;	/* when it was respawned lately */
	uint64_t respawn_delay; /* before the last one; 0: none yet */
	uint64_t main_since;	/* its main process was asked for then */
	uint64_t not_before;	/* it may not enter starting before */
	uint64_t rest_timer;	/* 0: it does not rest for that */
	struct family *family; /* owned: of main, while it is followed; NULL: it is not */
	struct job *live_prev, *live_next;	   /* core.live */
	struct job *followed_prev, *followed_next; /* core.followed, with a family */
	uint64_t family_timer;	  /* 0: none */
	usec_t family_due;	  /* when it is due */
	struct u64v family_words; /* the family in a snapshot; empty in a job at work */
	uint64_t ready_timer;	  /* main must be ready then; 0: no limit */
	uint64_t holds_timer;	  /* states it has not set again since it began anew go then; 0: there are none */
	bool restarting;	  /* within one input: its goal is stop for the moment only */
	usec_t ready_due;	  /* when it is due */
	usec_t watchdog;	  /* main says that it is well once in so long; 0: it need not */
	uint64_t watchdog_timer;  /* 0: none */
	usec_t watchdog_due;	  /* main must have said so until then; the timer may be due sooner */
	bool bitten;		  /* by the watchdog: however it ends, it has failed */
	uint32_t doing;		  /* what main says that it is at: enum core_doing */
	char *status_text;	  /* owned: and in its own words; NULL: none */
	bool mainless;		  /* `expect exit`: main did its work and nobody is left */
	bool up;	/* between its `started` and its `stopping` */
	char **up_env;	/* what its states say */
	uint64_t cause; /* what its last change goes back to, a number for a chain of causes; 0: something from outside */
	struct lineage lineage;
	bool restart; /* during pre-stop: go on to stopping although the goal is start */
	usec_t since; /* it is in its state */
	struct u64v exits; /* how its processes ended last: see past.c */
	uint64_t run;	   /* its core_run, if that is still known */
	struct prompt prompt;
	char *quarantine; /* owned: why nothing is done about it; NULL: all is well */
	bool resetting;	  /* its quarantine ends when its processes have */
};

enum event_progress { EVENT_PENDING, EVENT_HANDLING };

struct event {
	struct event *prev, *next; /* the queue, in order of arrival */
	uint64_t id;
	char *name;
	char *root; /* owned: of the chroot session whose jobs alone hear it; NULL: all do */
	char **env;
	uint64_t fd;
	struct u64v fds; /* more of them */
	bool literal;	 /* compared with patterns as they are written */
	bool only;	 /* heard by these alone, as in input_emit: */
	char **classes;
	char **instances;
	uint32_t progress;
	bool failed;
	uint32_t blockers;
	uint64_t job;         /* the instance that waits for it, 0 = none */
	uint64_t cause;       /* as job.cause */
	struct lineage lineage;
	uint64_t run;	      /* whose event it is: an instance's own, or its process's */
	usec_t queued;
	bool silent;          /* nobody hears it: a call waits for those that fall */
	struct u64v requests; /* pairs: request id, token id */
	struct u64v holders;  /* instances it waits for, or did: derived from job.waiters */
};

/* A heap of event ids: those that something can be done about. */
struct heap {
	uint64_t *p;
	size_t n, cap;
};

/* The client's own name for a request. */
struct token {
	struct token *prev, *next;
	uint64_t id;
	char *name;
	bool done;
	uint64_t done_at;
	struct u64v requests; /* who waits, while not done */
	char *error, *text, *job, *instance;
};

/* The number the i-th descriptor gets in the job: from 3, so that a shell can name it, but never the script's 9. */
#define JOB_FD(i) ((uint64_t) (i) + ((i) < 6 ? 3 : 4))
#define ANSWERS_MIN 256 /* so many are remembered however old they are */
#define ANSWERS_MAX 16384
#define ANSWERS_KEPT (60 * USEC_PER_SEC)
#define EVENTS_PER_TURN 10000 /* then others have their turn, however long the queue */

struct fdref {
	struct fdref *prev, *next;
	uint64_t fd;
	uint32_t refs;
};

enum down_phase {
	DOWN_NOT,
	DOWN_EVENT, /* the event `runlevel` is not over */
	DOWN_REST,  /* nothing rises, all stops */
};

enum quiesce_phase { QUIESCE_NOT, QUIESCE_WAIT, QUIESCE_KILL };

struct core {
	struct core_config config; /* owned copies */
	char **job_env;
	int32_t log_level;
	bool control; /* somebody hears NOTIFY and REPLY */

	uint64_t seq, last_effect, last_id; /* last_id: jobs, events, processes, timers, tokens */
	usec_t now;
	bool oom, broken;

	struct slot *slots;
	uint64_t last_order;
	struct job *live; /* all instances, in order of creation: who is about all of them need not ask every slot */
	size_t rising;	  /* those of them whose goal is not stop */
	size_t sweeping;  /* those of them with a sweep: they may have no process and are not over */
	struct map slots_by_name, jobs_by_id, events_by_id, process_to_job, pid_to_process, timer_to_job;
	struct map tokens_by_name, tokens_by_id;
	struct map audiences; /* event name -> audience */

	struct map topics; /* name of a state -> topic */
	struct topic *topic_list;
	struct slot *to_look, *held; /* those whose `while` may have changed; those it may start when no way down forbids */
	struct want *awaited; /* those that calls wait for */
	bool looking;
	struct job *followed; /* those whose main process has a family that is followed */
	bool awake;	      /* the system has started: states count from now on */
	bool going_down;      /* runlevel 0 or 6: nothing rises */
	char **runlevel;      /* the state of that name; NULL: unknown */

	struct known *known;	/* owned list: names of foreign states */
	struct owner *owners;	/* owned list */
	struct map known_by_name, owners_by_key;
	size_t n_known, n_foreign, n_bound; /* names, states, owners that are bound to a connection */
	uint64_t bound_timer;	/* bound holds that were not set again since control was lost go then */

	struct event *events;
	struct heap ready, later; /* event ids of this pass, and of the next */
	uint64_t pass;            /* the id the pass has come to */
	bool draining;
	uint64_t yield_timer;

	struct effect *outbox, *outbox_of[TARGET_COUNT];
	size_t outbox_count;
	uint64_t acked[TARGET_COUNT]; /* nothing of that target is left up to here */
	size_t spawns_open; /* asked for, pid not known */
	struct u64v early;  /* exits of pids not known yet: triples, see process.c */
	struct u64v woken;  /* instances whose rest has ended: never any between inputs */
	struct u64v calls;  /* that processes of jobs make and that are not answered: see wait.c */
	struct token *tokens;  /* those that wait */
	struct token *answers; /* those that were answered, in that order */
	size_t n_answers;
	struct fdref *fds;

	uint64_t visits; /* see core_counts.visits; not saved */

	/* history.c */
	struct core_run *runs, *later_runs; /* owned list; borrowed: the first that is dropped when there are too many */
	struct map runs_by_id;
	uint64_t last_run, n_runs, runs_dropped;
	usec_t began, startup;

	uint32_t quiesce;
	uint64_t quiesce_timer, quiesce_start, quiesce_due;
	bool quiesce_logout;
	bool no_respawn;
	bool finished;

	/* shutdown.c */
	uint32_t down;	   /* enum down_phase */
	bool down_assist;  /* see input_shutdown */
	usec_t down_limit; /* 0: runlevels are nothing to us */
	usec_t down_since;
	uint64_t down_event, down_timer, down_tick; /* 0: none */
	char *down_level, *down_halt;		    /* owned: of the event */
	char **killed, **slow;			    /* owned: see effect_finished */
	char **exit_with;			    /* owned: the job whose end is the end; NULL: none */
	int32_t exit_status;
	bool exit_due; /* it has ended: never between inputs */
};

/* One more job, instance, condition, leaf or state was looked at. */
static inline void
core_visit(struct core *core)
{
	core->visits++;
}

/* outbox.c */
struct effect *effect_add(struct core *core, enum effect_type type); /* NULL: oom is set */
void core_log(struct core *core, int level, const char *fmt, ...) printf_like(3, 4);
void core_notify(struct core *core, uint32_t type, const struct job *job, const char *job_name, const char *text,
		 char *const *env, int32_t value);
void core_reply(struct core *core, uint64_t request, const char *error, const char *text, const char *job,
		const char *instance);
void core_kill(struct core *core, const struct process *p, int signal, bool group);
/* A single process of p's family. */
void core_kill_pid(struct core *core, const struct process *p, int32_t pid, int signal);
uint64_t core_timer(struct core *core, usec_t due); /* arms a new one */
void core_timer_cancel(struct core *core, uint64_t *timer);
void outbox_acknowledge(struct core *core, uint32_t target, uint64_t upto);
void fd_hold(struct core *core, uint64_t fd);
void fd_release(struct core *core, uint64_t fd);
void outbox_append(struct core *core, struct effect *e); /* takes it */
void outbox_remove(struct core *core, struct effect *e);

/* core.c */
uint64_t core_new_id(struct core *core);
void core_oom(struct core *core, int r); /* r < 0: sets oom */
char *core_copy(struct core *core, const char *s); /* owned; NULL stays NULL, and is the answer when out of memory: sets oom */

/* registry.c */
struct slot *slot_get(const struct core *core, const char *name);
struct slot *slot_make(struct core *core, const char *name);
void slot_free(struct core *core, struct slot *slot);
int registry_define(struct core *core, const struct input_define *in);
int registry_undefine(struct core *core, const struct input_undefine *in);
void registry_settle(struct core *core, struct slot *slot); /* the last instance has gone */

/* job.c */
struct job *job_new(struct core *core, struct slot *slot, const char *name);
void job_free(struct core *core, struct job *job);
void job_live(struct core *core, struct job *job); /* it has been made, or read: it is among all there are */
struct job *job_get(const struct core *core, uint64_t id);
struct job *job_find(const struct slot *slot, const char *name);
/*
 * Add UPSTART_JOB and, unless it is NULL, UPSTART_INSTANCE: whose processes, or patterns, they are (runtime.md 4.3). 0 or
 * -ENOMEM.
 */
int job_add_names(const struct slot *slot, const char *instance, char ***env);
const char *job_display(const struct job *job, char *buf, size_t size); /* "web" or "tty (1)" */
void job_change_goal(struct core *core, struct job *job, enum job_goal goal);
void job_advance(struct core *core, struct job *job);
void job_drop(struct core *core, struct job *job); /* it was to start, and has not begun */
void job_set_goal(struct core *core, struct job *job, enum job_goal goal); /* and nothing that follows from it */
void job_fail(struct core *core, struct job *job, uint32_t kind, int32_t status);
int job_set_next_env(struct core *core, struct job *job, char **env, struct u64v *fds); /* takes both */
void job_drop_next_env(struct core *core, struct job *job); /* it starts with what it had */
bool job_hangs_in_spawned(const struct job *job);
#define JOB_DISPLAY_MAX 512

/* wait.c: each gives 0 or -ENOMEM; a wait that would close a circle is not made, which is told. */
int job_wait_event(struct core *core, struct job *job, struct event *event);
/* The event waits until the instance is down, whatever becomes of it then. */
int job_wait_fall(struct core *core, struct job *job, struct event *event);
/* 1: there would be a circle; the caller answers at once. */
int job_wait_request(struct core *core, struct job *job, uint32_t kind, const struct asker *who);
int event_wait_request(struct core *core, struct event *event, const struct asker *who);
/* The instance is where its waiters want it, or has failed: they go on. */
void job_finish(struct core *core, struct job *job, bool failed);
void job_release_falls(struct core *core, struct job *job); /* it is down: events that waited for that go on */
void call_answered(struct core *core, uint64_t request, uint64_t token);
void call_process_ended(struct core *core, uint64_t process);
void call_forget_requests(struct core *core); /* nobody hears their answers */
int wait_check(const struct core *core); /* -ELOOP: there is a circle */

/* pace.c */
uint32_t pace_respawns(const struct core *core, const struct job *job, usec_t *first); /* that count; the first was then */
bool pace_respawn(struct core *core, struct job *job); /* may it be respawned? After how long is in job->not_before */
/* It is started by that event, which goes back to `from`. */
void pace_start(struct core *core, struct job *job, struct lineage from, const char *event);
bool pace_rest(struct core *core, struct job *job); /* true: it has to rest before it may enter starting */
void pace_wake(struct core *core, struct job *job); /* its rest is over */
bool pace_timer(struct core *core, uint64_t timer); /* false: none of a rest */
void pace_go_on(struct core *core);		    /* those whose rest is over */
/* A record made at the end of the list: of a name, or (NULL) of those new to `root`. There is none yet. NULL: oom. */
struct pace *pace_make(struct core *core, struct slot *slot, const char *name, uint64_t root);
void pace_forget(struct slot *slot); /* the slot goes */

/* process.c */
void process_spawn(struct core *core, struct job *job, enum process_kind kind);
bool process_live(const struct job *job, enum process_kind kind);
void process_kill_main(struct core *core, struct job *job);
/* The goal is stop while the instance waits for a hook on its way up: that has so much time as main would have. */
void process_hurry_hook(struct core *core, struct job *job);
void process_spare_hook(struct core *core, struct job *job); /* the goal is start again */
bool process_timer(struct core *core, uint64_t timer); /* false: none of a job's */
void process_forget_timer(struct core *core, struct job *job);
void process_extend_timer(struct core *core, struct job *job, usec_t due); /* it has at least until then to end */
void process_send(struct core *core, struct job *job, enum process_kind kind, int signal); /* and say so */
/* Another process stands for main now. */
void process_become(struct core *core, struct job *job, int32_t pid);
int process_spawned(struct core *core, const struct input_spawned *in);
int process_spawn_failed(struct core *core, const struct input_spawn_failed *in);
int process_exec_done(struct core *core, const struct input_exec_done *in);
int process_exited(struct core *core, const struct input_exited *in);
int process_stopped(struct core *core, const struct input_stopped *in);
/* The job and the kind of a process; NULL when it is none of ours (any more). */
struct job *process_owner(const struct core *core, uint64_t process, enum process_kind *kind);
struct job *process_owner_of_pid(const struct core *core, int32_t pid, enum process_kind *kind);
/* Its pid is known. The status with which it has ended already, else -1. */
int64_t process_identify(struct core *core, struct job *job, enum process_kind kind, int32_t pid);
/* A pid nobody knows has ended: that of a process which is being made, maybe. 0 or -ENOMEM. */
int must_check process_early_exit(struct core *core, int32_t pid, int32_t status);
const char *signal_text(int signal, char *buf, size_t size); /* "TERM", or the number */

/* Say how a process ended, and go on from there. Its slot is freed. */
void process_over(struct core *core, struct job *job, enum process_kind kind, int32_t pid, int32_t status);
/* When the process it waits for is to be killed, in its state. */
void process_set_timer(struct core *core, struct job *job, usec_t due);
/* Only say it. */
void process_log_end(struct core *core, const struct job *job, enum process_kind kind, int32_t pid, int32_t status);
/* Main has failed to get ready, and others of its family live: they go with the way to stopping. */
void process_main_failed(struct core *core, struct job *job, int32_t status);
/* Free the slot of a process, which is over; nothing else follows. */
void process_forget(struct core *core, struct job *job, enum process_kind kind);

/* ready.c */
bool ready_is_told(const struct job_class *cls); /* does a main process of that class say when it is? */
int ready_said(struct core *core, const struct input_said *in);
void ready_expect(struct core *core, struct job *job); /* main runs, and is to say when it is ready */
void ready_expect_no_more(struct core *core, struct job *job);
bool ready_timer(struct core *core, uint64_t timer); /* false: none of these */

/* watchdog.c */
void watchdog_look(struct core *core, struct job *job);	 /* have one exactly while main must say that it is well */
void watchdog_heard(struct core *core, struct job *job); /* main is well */
void watchdog_set(struct core *core, struct job *job, usec_t period);
void watchdog_bite(struct core *core, struct job *job, const char *why);
void watchdog_end(struct core *core, struct job *job);
bool watchdog_timer(struct core *core, uint64_t timer); /* false: none of these */

/* strays.c: what is left of an instance when its processes have ended (`kill mode tree`) */
void strays_begin(struct core *core, struct job *job); /* it has come to killed */
bool strays_hold(struct core *core, struct job *job);  /* main is gone, but others may be left: stay in killed */
void strays_kill(struct core *core, struct job *job);  /* time is up */
void strays_timer(struct core *core, struct job *job); /* the same, and main is gone */
/* All of its processes are killed, in whatever state: strays have no more time either, and are not waited for long. */
void strays_hurry(struct core *core, struct job *job);
void strays_spare(struct core *core, struct job *job); /* they are not waited for */
void strays_gone(struct core *core, const struct input_strays *in);
void strays_of_hook(struct core *core, const struct job *job, int32_t pid); /* which has ended */

/* track.c */
bool track_wants(const struct job_class *cls);	      /* is a main process of that class followed? */
void track_begin(struct core *core, struct job *job); /* its pid is known */
void track_executed(struct core *core, struct job *job);
int track_news(struct core *core, const struct input_family *in);
/* Somebody ended. False: who is no member of a family of that job. */
bool track_ended(struct core *core, struct job *job, int32_t pid, int32_t status);
bool track_timer(struct core *core, uint64_t timer); /* false: none of a family */
void track_told(struct core *core, struct job *job, int32_t pid); /* that one is main, or listens, if it comes from it */
bool track_is_open(const struct job *job);	     /* main is followed, and it is not known yet which process it is */
void track_kill(struct core *core, struct job *job, int signal); /* all members; only while it is open */
void track_end(struct core *core, struct job *job);		 /* follow it no more; nothing happens without family */
int must_check track_restore(struct core *core, struct job *job); /* from family_words: 0, -EBADMSG, -ENOMEM */

/* event.c */
struct event *event_get(const struct core *core, uint64_t id);
/* Queue an event; name and env are copied. NULL: oom. */
struct event *event_emit(struct core *core, const char *name, char *const *env);
/* The same for the jobs of one chroot session alone (common/scope.h); n = 0: for all. */
struct event *event_emit_in(struct core *core, struct span root, const char *name, char *const *env);
struct event *event_emit_silent(struct core *core, struct span root, const char *name); /* nobody hears it or is told */
/* The event that an event of that name has failed; a failure has none. NULL: none, or oom. */
struct event *event_emit_failed(struct core *core, struct span root, const char *name, char *const *env);
void event_block(struct event *event);
void event_block_for(struct core *core, struct event *event, uint64_t job); /* until that instance lets it go */
void event_unblock(struct core *core, struct event *event, bool failed);
void event_drain(struct core *core);
void event_free(struct core *core, struct event *event);
void event_ready(struct core *core, const struct event *event);

/* trigger.c */
int trigger_init(struct core *core, struct trigger *t, const struct condition *cond, struct slot *slot, struct job *job);
void trigger_deinit(struct core *core, struct trigger *t); /* lets go of held events; idempotent */
/* Hand held events to equal leaves of another tree (a reload in the middle of a condition). */
void trigger_adopt(struct core *core, struct trigger *to, const struct trigger *from);
/* Fire the condition if it is true. */
void trigger_look(struct core *core, struct trigger *t);
void trigger_dispatch(struct core *core, struct event *event);
bool trigger_someone_starts_on(const struct core *core, const char *name, char *const *env);

/* audience.c */
/* The leaf `node` listens from now on; 0 or -ENOMEM. `l` must stay where it is until it leaves. */
int must_check audience_join(struct core *core, struct listener *l, const struct condition_node *node);
void audience_leave(struct core *core, struct listener *l); /* idempotent */
/* Those that an event of that name with these variables may match, each once; nobody may come or go meanwhile. */
struct audience_walk {
	const struct audience *audience; /* NULL: nobody listens */
	const struct listener *next;
	char *const *env; /* borrowed */
	size_t at;	  /* the look-up after that, or */
#define WALK_ENDS SIZE_MAX
};
struct audience_walk audience_walk(const struct core *core, const char *name, char *const *env);
const struct listener *audience_next(struct audience_walk *walk); /* NULL: there are no more */

/* What a change of a state goes back to. */
struct origin {
	uint64_t cause; /* see job.cause */
	struct lineage lineage;
	uint64_t run; /* whose doing it is; 0: nobody's */
};

/* state.c */
struct origin origin_of(const struct job *job);
typedef void (*state_fn)(char *const *env, void *data);
/*
 * Call `fn` with each state of that name; `present`: of a job also instances that are not up. False: nothing is known
 * under the name.
 */
bool state_each(const struct core *core, struct span root, const char *name, bool present, state_fn fn, void *data);
/* The job that jobs of the session of `root` mean by a name: one of the same session. NULL: none. */
const struct slot *state_job(const struct core *core, struct span root, const char *name);
/* Is it a name that no client may set: of a job, of how it ended, or of init itself? */
bool state_is_reserved(const struct core *core, struct span root, const char *name);
/* A job of that name is known from now on, or no longer. */
void state_known(struct core *core, const char *job);
/* An instance begins (with its event), is up, begins to end (with its event), is gone. */
void state_starting(struct core *core, struct job *job, struct event *event);
void state_up(struct core *core, struct job *job);
void state_stopping(struct core *core, struct job *job, struct event *event);
void state_gone(struct core *core, const char *name, struct origin from);
/* Its main process ended by itself. */
void state_ended(struct core *core, struct job *job, bool failed);
/* An event is handled: is it about the runlevel? */
void state_runlevel(struct core *core, const struct event *event);
struct ended *ended_free(struct ended *ended); /* returns NULL */

/* foreign.c, foreign_request.c */
int foreign_apply(struct core *core, const struct input_state *in);
/* As state_each(), of those that no job has. */
bool foreign_each(const struct core *core, struct span root, const char *name, state_fn fn, void *data);
/* For core_each_state(). */
int must_check foreign_each_state(const struct core *core, struct span root, core_state_fn fn, void *data);
/* A job of that name is there now: tell of those that were before. */
void foreign_hidden(struct core *core, const char *name);
/* An instance begins anew, is up, begins to stop for good; `event`, if any, waits for those that fall by it. */
void foreign_starting(struct core *core, struct job *job);
void foreign_up(struct core *core, struct job *job);
void foreign_stopping(struct core *core, struct job *job, const struct event *event);
/* It is gone, and what it set on its way down goes. */
void foreign_gone(struct core *core, const char *job, const char *instance, struct origin from);
bool foreign_timer(struct core *core, uint64_t timer); /* false: none of these */
void foreign_connections_lost(struct core *core);      /* nobody knows any more which of them live */
void foreign_forget_timer(struct core *core, struct job *job);
void foreign_free(struct core *core);
void foreign_put(struct strbuf *b, const struct core *core);
int must_check foreign_get(struct core *core, struct wire_in *in); /* 0, -EBADMSG, -ENOMEM */

/* follow.c */
bool follow_is_following(const struct slot *slot); /* has it a `while`? */
/* The class of the slot is new, or has a successor. 0 or -ENOMEM. */
int follow_class(struct core *core, struct slot *slot);
/* After loading; `flat`: whether it was in the lists. 0 or -ENOMEM. */
int must_check follow_restore(struct core *core, struct slot *slot, const struct slot *flat);
void follow_forget(struct core *core, struct slot *slot); /* the slot goes */
/* States of that name have changed; `event` waits for those that fall by it. */
void follow_changed(struct core *core, const char *name, struct origin from, const struct event *event);
void follow_mark(struct core *core, const char *name, struct origin from, const struct event *event); /* and not look */
/* What the instance's own `while` is marked for goes back to the instance. */
void follow_own(const struct job *job);
void follow_environment_changed(struct core *core); /* of all jobs: those look that speak of variables */
void follow_held(struct core *core); /* a way down is called off: who might have run but for it */
void follow_live(struct core *core); /* something else that decides who may run has changed, and nobody can rise by it */
void follow_awake(struct core *core); /* the system has started */
void follow_run(struct core *core);   /* look at what has changed */
struct want *want_get(const struct slot *slot, const char *name);
struct want *want_make(struct core *core, struct slot *slot, const char *name); /* NULL: oom */
/* Is it as its record says, bound or not? For check.c: nothing is changed, nobody is told. */
bool follow_agrees(struct core *core, const struct slot *slot, const struct want *want);
/* Should the instance run? */
bool want_holds(const struct core *core, const struct slot *slot, const struct want *want);
/* What the instance starts with: class, binding, arming. 0 or -ENOMEM. */
int must_check want_environment(struct core *core, const struct slot *slot, const struct want *want, char ***env);
/* What the instance is called that is armed with this; owned. NULL: it has no name (told), or oom. */
char *follow_instance_name(struct core *core, const struct slot *slot, char *const *arming);
/*
 * Somebody starts it; `anew`: it gets another chance. want->bound tells whether its `while` holds. One that runs and
 * is not bound with the new arming falls with the next follow_run(), which goes back to `from`. NULL: oom.
 */
struct want *follow_arm(struct core *core, struct slot *slot, const char *name, char *const *arming, bool anew,
			struct origin from);
void follow_disarm(struct core *core, struct slot *slot, const char *name);
void follow_spend(struct core *core, struct slot *slot, const char *name, bool by_failure);
/* It ended, or its stop on came true. */
void follow_stopped(struct core *core, struct slot *slot, const char *name);
/* The definition that counts: what was changed does at once, for those that run too. Its expression; NULL: none. */
const struct job_class *follow_class_of(const struct slot *slot);
const struct condition *follow_condition(const struct slot *slot);
/* What variables of its terms speak of; `want` may be NULL. 0 or -ENOMEM. */
int must_check follow_environment(struct core *core, const struct slot *slot, const struct want *want, char ***env);
/* The terms that do not hold; owned, NULL when out of memory. */
char *follow_explain(struct core *core, const struct slot *slot, const struct want *want);

/* await.c */
/* The call waits until the instance is started. 0; 1: there would be a circle, it is answered at once; -ENOMEM. */
int must_check await_ready(struct core *core, const struct slot *slot, struct want *want, const struct asker *who);
/* It is: those who waited for that wait for the instance now. */
void await_started(struct core *core, struct job *job);
/* It won't be: of one record, or of all. */
void await_in_vain(struct core *core, struct want *want, const char *error, const char *text);
void await_none(struct core *core, struct slot *slot, const char *error, const char *text);
void await_no_more(struct core *core); /* nothing rises any more: whoever waits is answered, lest he hold up the end */
size_t await_count(const struct want *want); /* of calls */
void await_forget_requests(struct core *core); /* nobody hears the answers */
void await_restore(struct core *core, struct want *want); /* after loading */

/* step.c: tell who looks on; nothing when nobody does. */
void step_event(struct core *core, uint32_t type, const struct event *event);
void step_job(struct core *core, uint32_t type, const struct job *job);

/* request.c */
int request_emit(struct core *core, const struct input_emit *in);
int request_apply(struct core *core, const struct input_request *in);
int request_set_env(struct core *core, const struct input_set_env *in);
void request_control(struct core *core, bool present);
/* Answer a waiter: the request, or all who wait under its token. */
void request_answer(struct core *core, uint64_t request, uint64_t token, const char *error, const char *text,
		    const char *job, const char *instance);
struct token *token_by_id(const struct core *core, uint64_t id);
void token_free(struct core *core, struct token *t);

/* A request that can't be applied: an error to whoever waits, also to those who ask again. */
void request_condemned(struct core *core, const struct input_substitute *in);

/* quarantine.c */
int quarantine_substitute(struct core *core, const struct input_substitute *in);
/* Kill what is left of the instance, and stop it then. It may be gone after this. */
void quarantine_reset(struct core *core, struct job *job);
void quarantine_reset_all(struct core *core); /* the session ends */
/* One of its processes got its pid; is over. It may be gone after that. */
void quarantine_process_known(struct core *core, struct job *job, enum process_kind kind);
void quarantine_process_over(struct core *core, struct job *job);
void quarantine_timer(struct core *core, struct job *job); /* its kill timer is due */

/* shutdown.c */
int shutdown_apply(struct core *core, const struct input_shutdown *in);
void shutdown_runlevel(struct core *core, const struct event *event); /* it is core.runlevel now */
bool shutdown_timer(struct core *core, uint64_t timer);		      /* false: none of a shutdown */
void shutdown_look(struct core *core); /* after every input: is the next phase due? */
void shutdown_over(struct core *core); /* now, whatever is left */
/* A process is killed for it did not heed its signal. */
void shutdown_killed(struct core *core, const struct job *job, enum process_kind kind);
void shutdown_job_gone(struct core *core, const struct job *job); /* it is about to be forgotten */

/* session.c */
int session_end(struct core *core, const struct input_session_end *in);
bool session_timer(struct core *core, uint64_t timer);
void session_look(struct core *core); /* after every input: is it over? */
void session_over(struct core *core); /* now, whatever is left */
