/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * All of init hangs from one struct init: what the files of this room share.
 *
 *   main.c        the order of things
 *   options.c     the command line
 *   setup.c       what an init of its kind needs before there can be jobs
 *   sink.c        its own messages
 *   brain.c       feeds the core, hands its effects to those who carry them out
 *   own.c         inputs of init's own
 *   events.c      signals
 *   effects.c     effects carried out here: signals, timers, lines, the end
 *   spawn.c       effects carried out by the spawner; the handshake with a child
 *   logs.c        output streams, the logger's view of processes
 *   control.c     requests and queries of clients; query.c, dump.c, explain.c: the answers
 *   owed.c        answers that a crash must not cost
 *   servants.c    the three servants: links, supervision
 *   fdtable.c     descriptors that came with events
 *   reaper.c      children that end, stop or continue
 *   tracer.c      families of main processes; adoption.c: where they can't be traced; hook_leavings.c: who is none of them
 *   strays.c      what comes from a job and is none of its own; brood.c: who that is
 *   sources.c     configuration directories; told.c: which file counts; definitions.c: what they defined; faults.c: what is wrong in them
 *   scopes.c      chroot sessions
 *   second.c      the private socket below /run
 *   journal.c     records; state.c: what they say, snapshots, loading
 *   reexec.c      the next image; crash.c: the next image after a crash
 *   condemn.c     what init can't do, and does without; report.c: a file that says so
 *   session.c     a user's session: its file, its end
 *   container.c   process 1 of a container; shutdown.c: its end, and a machine's; down.c: the last steps of a machine
 *   last.c        the record of a shutdown, for after the next boot; omit.c: whom nobody shall kill on the way down
 *
 * Nothing here blocks, and nothing ends the process but the end of a session.
 */

#include <sys/resource.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/map.h"
#include "common/msg.h"
#include "core/core.h"
#include "init/definitions.h"
#include "init/journal.h"
#include "init/options.h"
#include "init/settings.h"
#include "init/sink.h"
#include "system/loop.h"

enum servant_id { SERVANT_SPAWNER, SERVANT_LOGGER, SERVANT_CONTROL, SERVANT_COUNT };
#define SERVANT_NONE SERVANT_COUNT

enum phase {
	PHASE_RUNNING,
	PHASE_REEXEC,  /* links are drained, then the next image is executed */
	PHASE_LEAVING, /* the session is over: servants finish */
	PHASE_DOWN,    /* a machine: file systems are unmounted */
	PHASE_GONE,    /* out of the loop */
};

struct servant {
	enum servant_id id;
	struct init *init;	  /* borrowed */
	struct ipc *ipc;	  /* owned; NULL: not running */
	struct loop_fd *source;	  /* owned; of the link */
	struct loop_timer *timer; /* owned; the next start, or the next try of `held` */
	struct ipc_message held;  /* a message that found no memory; type 0: none */
	bool resting;		  /* it is not listened to before the timer: what it says could not be taken */
	int loaded_fd;		  /* of its link, while the journal is read; -1: none */
	pid_t pid;		  /* 0: none */
	uint64_t generation;	  /* how often it was started */
	uint64_t received;	  /* the last of its numbers that is journaled */
	uint64_t acked;		  /* the last one it was told so */
	usec_t started;
	usec_t delay;	   /* before the next start */
	unsigned failures; /* ends in a row, each soon after its start */
	bool proved;	   /* this one has answered */
	struct loop_timer *patience; /* owned; set while an answer is owed */
	usec_t asked_at;	     /* since when; 0: nothing is owed */
	unsigned cut;		     /* messages in a row that did not come whole */
	bool deaf;		     /* control: nobody there wants to hear of queued events */
	unsigned garbage;	     /* what it has sent in a row that is nothing */
	bool again;		     /* it is to be asked to tell what is not acknowledged once more */
};

struct brain {
	bool busy;
	struct fed *queue;	       /* owned: inputs that came while another was at work */
	uint64_t cursor[TARGET_COUNT]; /* effects up to here were handed on */
	uint64_t acked[TARGET_COUNT];
	struct loop_timer *retry; /* effects that could not be handed on */
	char *degraded; /* owned: the rule that was broken; NULL: none was */
	bool spoiled;		 /* nothing of what the core says may be done: it is to be made anew from the journal */
	uint64_t before;	 /* the last effect before the input that spoiled it */
	usec_t mend_at, mend_delay; /* the next try, after one for which there was no memory */
};

#define UNSAID_MAX 256 /* answers; with more control is killed, and clients ask again */
#define OWN_EVENTS_MAX 8 /* more than there are names of them */

/* What the core could not be told yet (own.h). */
struct own {
	const char *events[OWN_EVENTS_MAX]; /* borrowed */
	size_t n_events;
	bool control, control_owed; /* is control there? */
	bool end_owed;
	unsigned down_owed; /* bits: 1 << enum shutdown_action */
	struct loop_timer *retry; /* owned */
};

struct state {
	struct journal *journal; /* owned */
	struct journal *target;	 /* borrowed: where notes go while a snapshot is written; else NULL */
	struct journal *record;	 /* owned: --record; NULL: none */
	off_t base;		 /* size of the journal's snapshot */
	bool damaged;		 /* something could not be written: a snapshot is due */
	usec_t not_before;	 /* after one that failed */
	bool loading;
	/* Requests whose input was left out, and nothing done in its place: after crashes, or since it broke a rule. */
	struct u64v refused_crashed, refused_broken;
	struct u64v shunned; /* hashes of definitions that are done without */
};

/* Limits that init raises for itself (rlimits.h). */
enum raised { RAISED_NOFILE, RAISED_FSIZE, RAISED_COUNT };

struct raised_limit {
	struct rlimit given; /* as jobs get it */
	bool known;
};

struct init {
	struct options options;
	struct settings settings;
	enum init_mode mode;
	enum phase phase;
	bool again;	/* this image followed another */
	bool container; /* process 1 of a container: see container.h */
	int exit_status;
	bool shutdown_told; /* the servants know that it is over */

	struct {
		int argc;
		char **argv;		  /* borrowed from main() */
		size_t surroundings, machine; /* so many steps are done, and are not taken again */
	} setup;

	char *program;	      /* owned: what it was started as, without folder */
	char *own_path;	      /* owned; NULL: unknown */
	char **argv;	      /* owned copy */
	char **own_env;	      /* owned: environment at the start */
	char **job_env;	      /* owned: initial job environment table */
	char *address;	      /* owned: of the private socket; NULL: none */
	char *session_file;   /* owned; NULL: none */
	char *log_dir;	      /* owned; NULL: nothing is logged */
	char *bus_address;    /* owned: the bus a session was told of */
	uint32_t umask;	      /* of jobs that set none */
	struct raised_limit limits[RAISED_COUNT];
	enum log_level level;

	struct sink *sink; /* owned, as all here */
	struct loop *loop;
	int signal_fd;
	struct loop_fd *signal_source;
	bool children_due; /* there may be news of children */
	struct loop_timer *children_retry;
	int listen_fd; /* -1: none */
	int second_fd; /* the machine's second socket; -1: none */
	int ring_fd;   /* the logger's memory; -1: none */
	struct {
		int fd; /* news of mounts; -1: none */
		struct loop_fd *source;
		struct second_place {
			dev_t dev;
			ino_t ino;
		} place; /* of the socket's name, when it was looked at last */
	} second;

	struct core *core;
	struct brain brain;
	struct own own;
	struct state state;
	struct definitions *definitions;
	struct sources *sources;
	struct servant servants[SERVANT_COUNT];
	struct timers *timers;
	struct spawns *spawns;
	struct strays *strays;
	struct logs *logs;
	struct fdtable *fdtable;
	struct clients *clients;
	struct {
		pid_t leaver; /* who has ended and is looked at; 0: nobody */
		uint64_t process; /* of whose family it is; 0: nobody's */
		usec_t until;	/* so long what is not clear is waited for; 0: nothing was unclear yet */
		usec_t until_able; /* and so long until a child can be made that looks */
		struct u64v asked; /* adoption.c's */
	} adoption;
	struct hook_leavings *hook_leavings; /* owned; NULL: there were none */
	pid_t report_pid;		/* who writes a crash report; 0: nobody */
	struct owed *owed;
	struct {
		uint64_t requests[UNSAID_MAX];
		size_t n;
	} unsaid; /* answers for which there was no memory (owed.h) */
	struct shutdown *shutdown;	/* owned: while strays end; else NULL */
	struct down *down;		/* owned: the last steps of a machine; else NULL */
	struct {
		pid_t pid;		/* who writes; 0: nobody */
		char *text;		/* owned: what was written last */
		char **killed;		/* owned: processes of no job that had to be */
		char **failed;		/* owned: what of the last steps was in vain */
		usec_t began;		/* wall clock, microseconds since 1970; 0: not yet */
		usec_t since;		/* the same of the monotonic clock */
		char *level, *halt;	/* owned: of a way down that the state was lost of; NULL: there is none */
		char *handed_on;	/* owned: what the next image will know of it, whatever becomes of the state */
		uint64_t generation;	/* of the logger that knows, */
		bool closes;		/* or one before it: it keeps no file open */
		uint64_t spared;	/* sum of those of the servants in sendsigs.omit.d */
		bool continued;		/* this image began on the way down */
		bool ended;		/* what is written or was is the whole record, of a container's end */
	} last;
	struct {
		pid_t pid;		  /* who tries the next image; 0: nobody */
		int said;		  /* what it has to say; -1: none */
		struct loop_timer *timer; /* owned: so long it may take */
	} trial;
	struct loop_timer *phase_timer; /* the phase ends then at the latest */
	usec_t left_at;			/* the servants are to leave since then */
	usec_t drain_until;
};

static inline bool
init_is_session(const struct init *init)
{
	return init->mode == MODE_USER;
}

/* PID 1 of a machine or a container, with its duties. */
static inline bool
init_is_system(const struct init *init)
{
	return init->mode == MODE_SYSTEM;
}

/* Process 1, and not of a container: of a machine, or of a namespace that passes for one (boot_owns_machine()). */
static inline bool
init_is_machine(const struct init *init)
{
	return init_is_system(init) && !init->container;
}
