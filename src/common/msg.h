/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every message between init and its servants: who sends it, what it holds.
 *
 * Each has a structure, a schema (the encoding, see wire.h) and a place in the table below.
 * Both ends decode with msg_decode(), which refuses what does not fit.
 */

#include "common/ipc.h"
#include "common/said.h"
#include "common/spawn_step.h"
#include "common/wire.h"

#define MESSAGES(X)                                                                             \
	X(HELLO, hello)           /* init -> any: first message of an init image */             \
	X(ACK, ack)               /* any -> any: everything up to `upto` has been taken */      \
	X(SPAWN, spawn)           /* init -> spawner; fds: status pipe, gate pipe, then `fds` */ \
	X(SPAWNED, spawned)       /* spawner -> init, kept; fds: pidfd, then pty master, as flags say */ \
	X(LOG_OPEN, log_open)     /* init -> logger; fds: the pty master */                     \
	X(LOG_FINISH, log_finish) /* init -> logger: drain what is there, then close */         \
	X(LOG_ENDED, log_ended)   /* logger -> init, kept: the stream is closed */              \
	X(LOG_FLUSH, log_flush)   /* init -> logger: write what waited for the disk */          \
	X(LOG_FLUSHED, log_flushed) /* logger -> init, kept: how that went */                   \
	X(REQUEST, request)       /* control -> init, kept: changes something; fds: the event's */ \
	X(QUERY, request)         /* control -> init: asks something */                         \
	X(REPLY, reply)           /* init -> control: to a request (with effect id) or a query */ \
	X(NOTIFY, notify)         /* init -> control, with effect id: becomes a D-Bus signal */ \
	X(BUS, bus)               /* init -> control: join a bus, or try again */               \
	X(SHUTDOWN, shutdown)     /* init -> any: finish what is pending and exit */            \
	X(LISTEN, listen)         /* init -> control: hear what a process says; fds: its notification socket */ \
	X(LISTEN_END, listen)     /* init -> control: that one has ended */                     \
	X(SAID, said)             /* control -> init, kept: what it said; fds: a barrier, to be closed */ \
	X(AUDIENCE, audience)     /* control -> init: is there anybody for NOTIFY_EVENT_QUEUED? After HELLO there is */ \
	X(DISBELIEVED, disbelieved) /* init -> control: that one has no business at that socket */

enum msg_type {
	MSG_NONE,
#define X(id, schema) MSG_##id,
	MESSAGES(X)
#undef X
	MSG_TYPE_COUNT
};

const char *msg_type_name(uint32_t type); /* "SPAWN"; "message(77)" never: unknown gives "unknown" */

struct msg_hello {
	uint64_t received;  /* the last message number of the servant that is journaled */
	uint64_t generation; /* how often this servant was started; 1 = first */
	uint32_t mode;      /* enum init_mode */
	int32_t log_level;  /* enum log_level */
	char *program;      /* basename init was started as */
	bool reexec;        /* this image followed another: send D-Bus Restarted */
	bool chroot_sessions; /* ask with REQUEST_GET_ROOT which session a client belongs to */
};

/* How init runs (control.md 1.1). */
enum init_mode { MODE_SYSTEM, MODE_USER, MODE_SESSION };

struct msg_ack {
	uint64_t upto;
};

/* On the status pipe: SPAWN_READY_BYTE alone just before execve, or this record, once. */
#define SPAWN_READY_BYTE 'x'
struct spawn_record {
	char tag; /* 'e' */
	uint8_t step;
	uint16_t arg;
	int32_t error;
};

#define SPAWN_FLAG_SESSION 1u  /* session init: no chdir to / unless the job says where */
#define SPAWN_FLAG_SECURITY 2u /* the security process: attributes are not applied (runtime.md 9.3) */
#define SPAWN_FLAG_DEBUG 4u    /* stop before exec (`debug` stanza) */
#define SPAWN_FLAG_FOREIGN 8u  /* the environment's own umask is given: never used by system mode */
#define SPAWN_FLAG_PIDFILE 32u /* no program: watch the file argv[0], and write the pid in it to descriptor 3 (spawn_wait.h) */
#define SPAWN_FLAG_LISTEN 128u /* no program: look who listens at argv[0], in the network of process argv[1], and write so */
#define SPAWN_FLAG_WATCHDOG 64u /* WATCHDOG_PID is to be its own */
#define SPAWN_FLAG_USER_ENV 16u /* HOME and so on from the user it runs as */

struct msg_spawn {
	uint64_t process;  /* process id: what all answers name, and what makes a repeated request harmless */
	char *name;        /* "web main": for messages */
	char **argv;
	char **env;
	char *script;      /* text for descriptor 9, or NULL */
	uint32_t flags;    /* SPAWN_FLAG_* */
	uint32_t console;  /* enum console_mode of job/class.h, never UNSET */
	uint32_t umask;
	int32_t nice;      /* JOB_NICE_UNSET: leave */
	int32_t oom_score_adj; /* JOB_OOM_UNSET: leave */
	struct u64v limits; /* triples: index in job_limit_names, soft, hard (UINT64_MAX = unlimited) */
	char *root;	    /* of the chroot session; goes before all others, for the security process too */
	char *chroot, *chdir, *setuid, *setgid;
	char *apparmor_switch;
	char *cgroup;	    /* directory of the group to be born in; NULL: the spawner's */
	struct u64v fds;   /* numbers the descriptors after status and gate get in the child (never 0-2, 9) */
};

#define SPAWNED_HAS_PIDFD 1u
#define SPAWNED_HAS_PTY 2u
#define SPAWNED_OUTSIDE 4u /* it is not in the group it was to be born in */

struct msg_spawned {
	uint64_t process;
	int32_t pid;   /* > 0, or 0 when it failed */
	uint32_t step; /* failed: where; with a pid only SPAWN_PTY: made, but without its `console log` */
	int32_t error; /* failed: errno */
	uint32_t flags; /* SPAWNED_HAS_*: which descriptors are attached, in this order */
};

/* What the lines of a log look like, and who gets them besides. */
enum msg_log_format { MSG_LOG_PLAIN, MSG_LOG_TIME, MSG_LOG_JSON };
enum msg_log_forward { MSG_FORWARD_NONE, MSG_FORWARD_SYSLOG, MSG_FORWARD_JOURNALD };

enum msg_log_print { MSG_PRINT_NOT, MSG_PRINT_NAMED, MSG_PRINT_BARE }; /* lines with the job's name before them, or without */

struct msg_log_open {
	uint64_t stream;   /* the process id whose output it is */
	char *path;	   /* absolute; "": no file */
	uint64_t max_size; /* bytes; then it becomes an old file; 0: never */
	uint64_t max_age;  /* seconds since its first line; then as well; 0: never */
	uint64_t keep;	   /* old files */
	uint32_t compress; /* them; 0: no */
	uint32_t format;   /* enum msg_log_format */
	uint32_t forward;  /* enum msg_log_forward */
	uint32_t print;	   /* enum msg_log_print: on the logger's standard output, too */
	char *job;	   /* whose output it is; the instance may be "" */
	char *instance;
	char *process; /* "main" and so on */
	int32_t pid;
};

struct msg_log_finish {
	uint64_t stream;
};

struct msg_log_ended {
	uint64_t stream;
};

struct msg_log_flush {
	uint64_t request; /* handed back */
};

struct msg_log_flushed {
	uint64_t request;
	int32_t error; /* errno, 0 = all written */
	char *path;    /* the file that could not be written */
};

/* What control asks of init. R: a request (changes something, journaled, answered once); Q: a query. */
enum request_action {
	REQUEST_EMIT,		  /* R name env wait literal [only classes instances] [fds] -> - */
	REQUEST_JOB_START,	  /* R job env wait [token options] -> instance */
	REQUEST_JOB_STOP,	  /* R job env wait [token]         -> - */
	REQUEST_JOB_RESTART,	  /* R job env wait [token]         -> instance */
	REQUEST_INSTANCE_START,	  /* R job instance wait            -> - */
	REQUEST_INSTANCE_STOP,	  /* R job instance wait            -> - */
	REQUEST_INSTANCE_RESTART, /* R job instance wait            -> - */
	REQUEST_INSTANCE_RELOAD,  /* R job instance                 -> - */
	REQUEST_RELOAD_CONFIG,	  /* R                              -> - */
	REQUEST_SET_LOG_PRIORITY, /* R name                         -> - */
	REQUEST_REEXEC,		  /* R                              -> - (answered before it happens) */
	REQUEST_END_SESSION,	  /* R                              -> - */
	REQUEST_SET_ENV,	  /* R [job instance] env replace   -> - */
	REQUEST_UNSET_ENV,	  /* R [job instance] env (names)   -> - */
	REQUEST_RESET_ENV,	  /* R [job instance]               -> - */
	REQUEST_NOTIFY_DISK,	  /* R                              -> - */
	REQUEST_BUS_ADDRESS,	  /* R name: control has joined it; remembered for its successors */
	REQUEST_JOB_RESET,	  /* R job env wait [token]         -> - */
	REQUEST_INSTANCE_RESET,	  /* R job instance wait            -> - */
	REQUEST_STATE_SET,	  /* R name env options connection [job instance] -> - */
	REQUEST_STATE_CLEAR,	  /* R name env options connection [job instance] wait -> - */
	REQUEST_STATE_REPLACE,	  /* R name env (several) options connection [job instance] -> - */
	REQUEST_STATE_ENDED,	  /* R connection: it has ended     -> - */
	REQUEST_LAST_CHANGE = REQUEST_STATE_ENDED,
	REQUEST_GET_JOB,	      /* Q job                          -> - or UnknownJob */
	REQUEST_GET_JOBS,	      /* Q                              -> list */
	REQUEST_GET_INSTANCE,	      /* Q job env                      -> instance or UnknownInstance */
	REQUEST_GET_INSTANCE_BY_NAME, /* Q job instance             -> - or UnknownInstance */
	REQUEST_GET_INSTANCES,	      /* Q job                          -> list */
	REQUEST_JOB_PROPERTIES,	      /* Q job                          -> properties; ERR_GONE if unknown */
	REQUEST_INSTANCE_PROPERTIES,  /* Q job instance              -> properties; ERR_GONE if unknown */
	REQUEST_GET_LOG_PRIORITY,     /* Q                              -> value degraded */
	REQUEST_GET_STATE,	      /* Q                              -> value (JSON) */
	REQUEST_GET_ENV,	      /* Q [job instance] name          -> value */
	REQUEST_LIST_ENV,	      /* Q [job instance]               -> list */
	REQUEST_GET_FAULTS,	      /* Q name (of a job, or "")       -> list */
	REQUEST_LOG_PATH,	      /* Q job instance                 -> value */
	REQUEST_EXPLAIN,	      /* Q job [instance]               -> value (JSON) or UnknownJob */
	REQUEST_GET_WAITS,	      /* Q                              -> value (JSON) */
	REQUEST_GET_ROOT, /* Q (pid) -> value: the root of its chroot session; "": none; "?": the process has ended */
	REQUEST_GET_SNAPSHOT,	      /* Q                              -> - and a descriptor */
	REQUEST_GET_OBJECTS,	      /* Q                              -> properties of each job and instance */
	REQUEST_GET_STATES,	      /* Q                              -> value (records of common/record_text.h) */
	REQUEST_GET_HISTORY,	      /* Q                              -> value (JSON) */
	REQUEST_ACTION_COUNT
};

/* The error name with which init says that a job or instance object does not exist (control words it for D-Bus). */
#define ERR_GONE "gone"

/* How a state is set or cleared, or a job started. */
#define REQUEST_OPTION_ALL 1u		/* holds of others, too */
#define REQUEST_OPTION_BOUND 2u		/* until the connection ends */
#define REQUEST_OPTION_ADMINISTRATOR 4u /* not for the job whose process asks */
#define REQUEST_OPTION_WHEN_READY 8u	/* once its states hold */

struct msg_request {
	uint64_t request; /* control's number for the answer; unique while this control lives */
	uint32_t action;  /* enum request_action */
	char *job;
	char *instance;   /* NULL: not given ("" is the unnamed instance) */
	char *name;       /* event, variable, priority, address */
	char **env;
	bool wait;
	bool replace;
	char *token;      /* the client's own name for the request: asked again, it is the same request */
	int32_t pid;      /* the caller's process, 0 unknown */
	int32_t uid;      /* the caller's uid, -1 unknown */
	char *root;	  /* the caller's chroot session; NULL: none */
	bool literal;	  /* of an event: as in struct input_emit (core/input.h) */
	bool only;
	char **classes, **instances;
	uint32_t options; /* REQUEST_OPTION_* */
	char *connection; /* a name for the caller's connection that no other ever has */
};

struct msg_reply {
	uint64_t request;
	char *error; /* D-Bus error name, or NULL: success */
	char *text;  /* its text */
	char *job;
	char *instance; /* instance name */
	char *value;
	char **list;
	/* properties of a job */
	char *description, *author, *version, *usage;
	char **start_on, **stop_on; /* reverse Polish: for each node the number of its strings (decimal), then those */
	char **emits;
	char *path;	 /* the file it is from */
	char *fault;	 /* what is wrong with its files now; "": nothing */
	char *successor; /* "changed" or "deleted": from when the last instance has gone; else "" */
	char **while_on;  /* in the same form, with "/NOT" */
	char **exports;
	char *template;	  /* of the instance's name */
	/* properties of an instance */
	char *goal, *state;
	char **processes; /* kind, pid, kind, pid … in the order of process kinds */
	char *quarantine; /* why nothing is done about it until it is reset; "": all is well */
	char *doing;  /* what main says that it is at: "reloading" or "stopping"; else "" */
	char *status; /* and in its own words; "": nothing */
	char *followed; /* how its end is known: "ptrace", "adoption", "child", "pidfd"; "": there is no main process */
	char *group; /* directory of the control group; "": it has none */
	/* of init */
	char *degraded; /* the rule of its own that it broke; "": none */
	bool more; /* others to the same query follow: of REQUEST_GET_OBJECTS, one for each object; the last has none */
};

enum notify_type {
	NOTIFY_JOB_ADDED,	 /* job */
	NOTIFY_JOB_REMOVED,	 /* job */
	NOTIFY_INSTANCE_ADDED,	 /* job instance */
	NOTIFY_INSTANCE_REMOVED, /* job instance */
	NOTIFY_GOAL_CHANGED,	 /* job instance text */
	NOTIFY_STATE_CHANGED,	 /* job instance text */
	NOTIFY_FAILED,		 /* job instance value */
	NOTIFY_EVENT_EMITTED,	 /* text env [job: the root of the chroot session whose event it is] */
	NOTIFY_EVENT_QUEUED,	 /* the same, before anybody hears it */
	NOTIFY_STATE_SET,	 /* text env [job: as of an event] */
	NOTIFY_STATE_CLEARED,	 /* text env [job: as of an event] */
	NOTIFY_TYPE_COUNT
};

struct msg_notify {
	uint32_t type; /* enum notify_type */
	char *job;
	char *instance;
	char *text;
	char **env;
	int32_t value;
};

#define BUS_JOIN 1u      /* join `address` (session init: notified; system, test mode: NULL = the usual bus) */
#define BUS_RECONNECT 2u /* SIGUSR1: join if not connected */

struct msg_bus {
	uint32_t what;
	char *address;
};

#define SHUTDOWN_END 0u     /* finish and exit */
#define SHUTDOWN_CLOSE 2u   /* logger only: keep no file open from now on when nothing is written */
#define SHUTDOWN_OPEN 3u    /* logger only: that is over */
#define SHUTDOWN_RELEASE 1u /* logger only: write, close all files (their disks are about to go), then only buffer */

struct msg_shutdown {
	uint32_t why; /* SHUTDOWN_*; later reasons may follow, and nothing is done about those that are not known */
};

struct msg_listen {
	uint64_t process;
};

/* One datagram of sd_notify(3), and who sent it as the kernel says. */
struct msg_said {
	uint64_t process;
	uint32_t what; /* bits of enum said_what */
	int32_t pid;
	int32_t uid;
	int32_t main_pid;
	char *status;	   /* printable UTF-8 of at most SAID_STATUS_MAX bytes; NULL: none */
	uint64_t watchdog; /* microseconds */
	uint64_t extend;   /* microseconds */
};
#define SAID_STATUS_MAX 1024

/* Who sent it, of a process that it may not speak for. It may have become another by and by. */
struct msg_disbelieved {
	uint64_t process;
	int32_t pid;
	int32_t uid;
};

struct msg_audience {
	bool subscribers;
};

/* The schema of a message type; NULL when there is no such type. */
const struct wire_schema *msg_schema(uint32_t type);

/* Encode *obj (the structure of that type) and send it, see ipc_send() and ipc_send_kept(). */
int must_check msg_send(struct ipc *ipc, uint32_t type, uint64_t id, const void *obj, const int *fds, size_t n_fds);
int must_check msg_send_kept(struct ipc *ipc, uint32_t type, const void *obj, const int *fds, size_t n_fds);

/*
 * Decode a message's body into *obj, zeroed here. 0 (then msg_free() it), -EBADMSG or -ENOMEM.
 */
int must_check msg_decode(const struct ipc_message *m, void *obj);
void msg_free(uint32_t type, void *obj);
