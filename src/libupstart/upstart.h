/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * libupstart: talk to an Upstart init.
 *
 * All calls block. A connection belongs to one thread at a time. Functions return 0 or a negative errno and,
 * unless `err` is NULL, say in `err` what a user should read:
 *
 *   -EREMOTEIO  init answered with an error: err->name is its D-Bus name, err->text its text
 *   -ENOTCONN   no connection, or it was lost and could not be had back
 *   -ETIMEDOUT  no answer within the limit for quick calls
 *   -EINVAL     an argument cannot be sent (not UTF-8, not an object path …)
 *   -EBADMSG    the answer does not have the form it must have
 *   -ENOMEM     out of memory
 *
 * Strings and structures handed out through pointers belong to the caller; on failure the pointers are left alone.
 * `env` is a NULL-terminated array of "KEY=VALUE"; NULL means none.
 *
 * On a private connection a lost connection is had back: a call that only reads or that may be repeated is sent again
 * once; a start, stop, restart or emit carries a token by which an Upstart 2 init recognises the request, and is asked
 * again until it is answered (see upstart_set_limits). Waiting has no time limit.
 */

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct upstart; /* a connection */

/* ---- errors ---- */

struct upstart_error {
	char *name; /* D-Bus error name, owned */
	char *text; /* owned */
};

#define UPSTART_ERROR_INIT { NULL, NULL }

#define UPSTART_ERROR(e) "com.ubuntu.Upstart0_6.Error." e
#define UPSTART_ERROR_PERMISSION_DENIED UPSTART_ERROR("PermissionDenied")
#define UPSTART_ERROR_UNKNOWN_JOB UPSTART_ERROR("UnknownJob")
#define UPSTART_ERROR_UNKNOWN_INSTANCE UPSTART_ERROR("UnknownInstance")
#define UPSTART_ERROR_UNKNOWN_JOB_INSTANCE UPSTART_ERROR("UnknownJobInstance")
#define UPSTART_ERROR_ALREADY_STARTED UPSTART_ERROR("AlreadyStarted")
#define UPSTART_ERROR_ALREADY_STOPPED UPSTART_ERROR("AlreadyStopped")
#define UPSTART_ERROR_CONDITION_NOT_MET UPSTART_ERROR("ConditionNotMet")
#define UPSTART_ERROR_JOB_FAILED UPSTART_ERROR("JobFailed")
#define UPSTART_ERROR_NOT_RUNNING UPSTART_ERROR("NotRunning")
#define UPSTART_ERROR_EVENT_FAILED UPSTART_ERROR("EventFailed")
#define UPSTART_ERROR_QUARANTINED UPSTART_ERROR("Quarantined")
#define UPSTART_ERROR_NOT_QUARANTINED UPSTART_ERROR("NotQuarantined")
#define UPSTART_ERROR_NO_CGROUP_MANAGER UPSTART_ERROR("CGroupManagerNotAvailable")
/* A job or instance that is not there any more answers with this one. */
#define UPSTART_ERROR_GONE "org.freedesktop.DBus.Error.UnknownMethod"

/* Frees both strings and sets them to NULL. */
void upstart_error_clear(struct upstart_error *err);
bool upstart_error_is(const struct upstart_error *err, const char *name);

/* ---- connection ---- */

enum upstart_transport {
	UPSTART_PRIVATE,     /* `where` is init's own socket, a D-Bus address; NULL: the one of process 1 */
	UPSTART_SYSTEM_BUS,  /* `where` is the bus name of init; NULL: com.ubuntu.Upstart */
	UPSTART_SESSION_BUS, /* the same on the session bus */
};

int upstart_connect(struct upstart **conn, enum upstart_transport transport, const char *where,
		    struct upstart_error *err);
/* Takes NULL; returns NULL. */
struct upstart *upstart_free(struct upstart *conn);

/*
 * Milliseconds: how long a call that does not wait may take (default 300,000), and how long a lost connection is
 * tried again without any progress while waiting (default 60,000). 0 leaves a limit as it is.
 */
void upstart_set_limits(struct upstart *conn, unsigned int quick, unsigned int retry);

/* ---- object paths ---- */

/* The D-Bus path of a job, and of an instance below its job's path. NULL when out of memory. */
char *upstart_job_path(const char *job);
char *upstart_instance_path(const char *job_path, const char *instance);

/* ---- jobs; `job` is an object path ---- */

struct upstart_job {
	char *name;
	char *description; /* this and the following: "" when the job says nothing */
	char *author;
	char *version;
	char *usage;
	char ***start_on; /* reverse Polish: event and its arguments, or "/AND", "/OR"; NULL-terminated, never NULL */
	char ***stop_on;
	char **emits; /* never NULL */
	/* Of an init older than Upstart 2 empty: */
	char ***while_on; /* over states, with "/NOT"; never NULL */
	char **exports;	  /* never NULL */
	char *instance;	  /* template of instance names; "" when there is only one */
};

int upstart_get_job(struct upstart *conn, const char *name, char **job, struct upstart_error *err);
int upstart_get_jobs(struct upstart *conn, char ***jobs, struct upstart_error *err);
int upstart_job_properties(struct upstart *conn, const char *job, struct upstart_job **properties,
			   struct upstart_error *err);
int upstart_job_name(struct upstart *conn, const char *job, char **name, struct upstart_error *err);
int upstart_job_usage(struct upstart *conn, const char *job, char **usage, struct upstart_error *err);

/* The instance that `env` selects. */
int upstart_job_instance(struct upstart *conn, const char *job, char *const *env, char **instance,
			 struct upstart_error *err);
int upstart_job_instance_by_name(struct upstart *conn, const char *job, const char *name, char **instance,
				 struct upstart_error *err);
int upstart_job_instances(struct upstart *conn, const char *job, char ***instances, struct upstart_error *err);

/* With `wait`: until running, or for a task finished; until stopped; until running again. `instance` may be NULL. */
int upstart_job_start(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
		      struct upstart_error *err);
/*
 * The same; a job whose `while` does not hold is waited for until it does. UPSTART_ERROR_CONDITION_NOT_MET: it was stopped
 * before that. An init older than Upstart 2 does not know (UPSTART_ERROR_GONE).
 */
int upstart_job_start_when_ready(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
				 struct upstart_error *err);
int upstart_job_stop(struct upstart *conn, const char *job, char *const *env, bool wait, struct upstart_error *err);
int upstart_job_restart(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
			struct upstart_error *err);

/*
 * End the quarantine of the instance that `env` selects: its processes are killed, and it stops. With `wait`: until stopped.
 * An init without quarantines has no such method.
 */
int upstart_job_reset(struct upstart *conn, const char *job, char *const *env, bool wait, struct upstart_error *err);

struct upstart_job *upstart_job_free(struct upstart_job *job);

/* Where a job comes from. An init older than 2 says nothing of it: all are "" then. */
struct upstart_job_file {
	char *path;
	char *fault;	 /* what is wrong with the file now, so that an older definition goes on; "": nothing */
	char *successor; /* what comes when the last instance has stopped: "changed", "deleted", or "" */
};

int upstart_job_file(struct upstart *conn, const char *job, struct upstart_job_file **file, struct upstart_error *err);
struct upstart_job_file *upstart_job_file_free(struct upstart_job_file *file);

/* ---- instances; `instance` is an object path ---- */

struct upstart_process {
	char *kind; /* main, pre-start, post-start, pre-stop, post-stop, security */
	int pid;
};

struct upstart_instance {
	char *name; /* "" for the only one */
	char *goal;
	char *state;
	struct upstart_process *processes; /* those alive; main first */
	size_t process_count;
	char *quarantine; /* why nothing is done about it until it is reset; "": all is well */
	char *doing;	  /* what its main process says that it is at: "reloading", "stopping"; else "" */
	char *status;	  /* and in its own words; "": nothing */
	char *followed;	  /* how init knows of its end: "ptrace", "adoption", "child", "pidfd"; "": there is none */
	char *group;	  /* directory of the control group of its processes; "": it has none */
};

int upstart_instance_properties(struct upstart *conn, const char *instance, struct upstart_instance **properties,
				struct upstart_error *err);
/* These have no token: they are never asked a second time. */
int upstart_instance_start(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err);
int upstart_instance_stop(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err);
int upstart_instance_restart(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err);
int upstart_instance_reset(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err);
/* Sends the job's reload signal; also by hand, as HUP, when init is too old to know how. */
int upstart_instance_reload(struct upstart *conn, const char *instance, struct upstart_error *err);

struct upstart_instance *upstart_instance_free(struct upstart_instance *instance);

/* ---- events ---- */

/* With `wait`: until all that the event started or stopped has settled. */
int upstart_emit(struct upstart *conn, const char *event, char *const *env, bool wait, struct upstart_error *err);
/* `fd` is handed to what the event starts; it stays the caller's too. Never asked a second time. */
int upstart_emit_with_file(struct upstart *conn, const char *event, char *const *env, bool wait, int fd,
			   struct upstart_error *err);

/* All borrowed; zero is what upstart_emit() does without `wait`. */
struct upstart_emit_options {
	bool wait;
	bool literal; /* a condition matches when its text, as it is written, is the event's value: * and $ mean nothing */
	/*
	 * Object paths, NULL-terminated; NULL: everybody hears the event. Else it is for these alone: of a job its start on
	 * and the stop on of its instances, of an instance its stop on. What is not there hears nothing.
	 */
	char *const *only;
	const int *fds; /* handed to what the event starts; they stay the caller's too; at most 16 */
	size_t fd_count;
};

/* `options` may be NULL. An init older than Upstart 2 does not know (UPSTART_ERROR_GONE). */
int upstart_emit_with_options(struct upstart *conn, const char *event, char *const *env,
			      const struct upstart_emit_options *options, struct upstart_error *err);

/* ---- signals ---- */

enum upstart_signal_type {
	UPSTART_SIGNAL_EVENT,		 /* an event is over: `text` is its name, `env` its environment */
	UPSTART_SIGNAL_JOB_ADDED,	 /* a job is known from now on, or again: `job` */
	UPSTART_SIGNAL_JOB_REMOVED,	 /* `job` */
	UPSTART_SIGNAL_INSTANCE_ADDED,	 /* `job`, `instance` */
	UPSTART_SIGNAL_INSTANCE_REMOVED, /* `job`, `instance` */
	UPSTART_SIGNAL_GOAL,		 /* `job`, `instance`; `text` is the new goal */
	UPSTART_SIGNAL_STATE,		 /* `job`, `instance`; `text` is the new state */
	UPSTART_SIGNAL_FAILED,		 /* `job`, `instance`; `status` as from wait(2), or 0 */
	UPSTART_SIGNAL_RESTARTED,	 /* init has replaced itself */
	UPSTART_SIGNAL_STATE_SET,	 /* a state that is no job's holds: `text` is its name, `env` its variables */
	UPSTART_SIGNAL_STATE_CLEARED,	 /* it does not any more */
	UPSTART_SIGNAL_EVENT_QUEUED,	 /* an event is there, and not over: as UPSTART_SIGNAL_EVENT; upstart_subscribe_queued() */
	UPSTART_SIGNAL_OTHER,		 /* one that this library does not know: `text` is its name */
};

/* Everything is borrowed until the function that was told returns; NULL or 0 where the type says nothing of it. */
struct upstart_signal {
	enum upstart_signal_type type;
	const char *path; /* the object that sent it */
	const char *job;
	const char *instance; /* "" for the only one */
	const char *text;
	char *const *env;
	int status;
};

typedef void (*upstart_signal_fn)(const struct upstart_signal *signal, void *data);

/*
 * Have `fn` called with every signal of init; NULL ends that. It is called from within upstart_dispatch(), and from
 * within any other call on this connection that waits for init. It may not use the connection itself.
 */
int upstart_subscribe(struct upstart *conn, upstart_signal_fn fn, void *data, struct upstart_error *err);

/*
 * Be told of events when they are queued as well; after upstart_subscribe(), also over a connection that is had back. An
 * init older than Upstart 2 does not know (UPSTART_ERROR_GONE).
 */
int upstart_subscribe_queued(struct upstart *conn, struct upstart_error *err);

/*
 * For an event loop: a descriptor to be waited for, for upstart_events(), before upstart_dispatch() is called; -1 when
 * there is no connection. It changes when upstart_dispatch() returns 1. It stays the connection's.
 */
int upstart_fd(const struct upstart *conn);
/* What to wait for on it now: POLLIN, or POLLIN | POLLOUT of <poll.h>. */
int upstart_events(const struct upstart *conn);

/*
 * Take in what init has sent, after waiting for it for up to `timeout` milliseconds (0: not at all, negative: without
 * limit). 0: done, whether or not something came. 1: the connection had been lost and is there again: what happened
 * meanwhile was not told. -ENOTCONN: it could not be had back within the limit of upstart_set_limits().
 */
int upstart_dispatch(struct upstart *conn, int timeout, struct upstart_error *err);

/* ---- requests that an event loop waits for ---- */

/*
 * How a request ended: 0, or a negative errno with what a user should read. `instance` is the object path that a start
 * or restart answers with, else NULL. Both are borrowed.
 */
typedef void (*upstart_answer_fn)(int result, const struct upstart_error *err, const char *instance, void *data);

/*
 * As upstart_job_start(), upstart_job_stop(), upstart_job_restart() and upstart_emit() with `wait`, but these return at
 * once. If they return 0, `answer` is called once: from upstart_dispatch(), from another call on this connection that
 * waits, or with -ECANCELED from upstart_free(). It may make more such requests, but may not wait for init.
 * Over a private connection that is lost the request is asked again, by its token, when upstart_dispatch() has had it
 * back; when that is in vain, or on a bus, the answer is -ENOTCONN.
 */
int upstart_job_start_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
			    struct upstart_error *err);
int upstart_job_stop_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
			   struct upstart_error *err);
int upstart_job_restart_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
			      struct upstart_error *err);
int upstart_emit_async(struct upstart *conn, const char *event, char *const *env, upstart_answer_fn answer, void *data,
		       struct upstart_error *err);

/* ---- states: what holds, for jobs with a `while`; of Upstart 2 only ---- */

/* Bits of `flags`. */
#define UPSTART_STATE_BOUND 1u		/* set, replace: let go when this connection ends, also if it is had back */
#define UPSTART_STATE_ALL 2u		/* clear: what others hold, too */
#define UPSTART_STATE_WAIT 4u		/* clear: return once the jobs that stop by it have stopped */
#define UPSTART_STATE_ADMINISTRATOR 8u	/* it is the user who holds, even if a job's process asks */

/*
 * Hold a state, let go of all of that name which the pairs KEY=PATTERN of `env` match, or hold in one step exactly
 * those of `envs`, a NULL-terminated array (NULL: none). The holder is the instance of which the caller is a process,
 * else the user; what an instance holds ends when it begins to stop. A clear that waits and whose connection is lost
 * is asked again, and waits no more for those that stop already.
 */
int upstart_set_state(struct upstart *conn, const char *name, char *const *env, unsigned int flags,
		      struct upstart_error *err);
int upstart_clear_state(struct upstart *conn, const char *name, char *const *env, unsigned int flags,
			struct upstart_error *err);
int upstart_replace_states(struct upstart *conn, const char *name, char *const *const *envs, unsigned int flags,
			   struct upstart_error *err);

struct upstart_owner {
	char *job; /* NULL: a user */
	char *instance;
};

struct upstart_state {
	char *name;
	char **env;
	struct upstart_owner *owners; /* of the state of a job its instance; init's own have none */
	size_t owner_count;
};

/* All that holds: `*states` are `*count`, to be freed with upstart_states_free(), which takes NULL and returns NULL. */
int upstart_get_states(struct upstart *conn, struct upstart_state **states, size_t *count, struct upstart_error *err);
struct upstart_state *upstart_states_free(struct upstart_state *states, size_t count);

/* ---- init itself ---- */

int upstart_version(struct upstart *conn, char **version, struct upstart_error *err);
/* The rule of its own that init found broken; "": none. An older init answers UPSTART_ERROR_GONE. */
int upstart_degraded(struct upstart *conn, char **why, struct upstart_error *err);
int upstart_log_priority(struct upstart *conn, char **priority, struct upstart_error *err);
int upstart_set_log_priority(struct upstart *conn, const char *priority, struct upstart_error *err);
int upstart_reload_configuration(struct upstart *conn, struct upstart_error *err);
/* What is wrong with the files of a job, given by name, or (NULL) of all: texts of several lines. */
int upstart_config_faults(struct upstart *conn, const char *job, char ***faults, struct upstart_error *err);
/* The daemon's state as JSON. */
int upstart_state(struct upstart *conn, char **state, struct upstart_error *err);
/*
 * The file that the output of an instance ("" for the only one) is appended to. It need not be there. Logs that were
 * rotated have ".1" and so on behind the name, and ".zst" when they are compressed. An init older than Upstart 2 does
 * not know (UPSTART_ERROR_GONE).
 */
int upstart_log_path(struct upstart *conn, const char *job, const char *instance, char **path,
		     struct upstart_error *err);
/*
 * Why a job, or one instance of it (NULL: all), is as it is, as JSON; and what waits for what. For root and the owner of a
 * session. -EREMOTEIO with UPSTART_ERROR_GONE: this init is older than Upstart 2.
 */
int upstart_explain(struct upstart *conn, const char *job, const char *instance, char **explanation,
		    struct upstart_error *err);
int upstart_waits(struct upstart *conn, char **waits, struct upstart_error *err);
/* What started when and why since the beginning, as JSON. As above. */
int upstart_history(struct upstart *conn, char **history, struct upstart_error *err);
/* A file with all that init knows, for its own programs of the same release; *fd is the caller's, close-on-exec. As above. */
int upstart_snapshot(struct upstart *conn, int *fd, struct upstart_error *err);
/* Re-execute init; a lost connection or a missing answer counts as success. */
int upstart_reexec(struct upstart *conn, struct upstart_error *err);
int upstart_end_session(struct upstart *conn, struct upstart_error *err);
int upstart_notify_disk_writeable(struct upstart *conn, struct upstart_error *err);
int upstart_notify_dbus_address(struct upstart *conn, const char *address, struct upstart_error *err);
int upstart_notify_cgroup_manager_address(struct upstart *conn, const char *address, struct upstart_error *err);

/* ---- job environment; job NULL: the table all jobs start from, else that of an instance ---- */

int upstart_get_env(struct upstart *conn, const char *job, const char *instance, const char *name, char **value,
		    struct upstart_error *err);
int upstart_list_env(struct upstart *conn, const char *job, const char *instance, char ***env,
		     struct upstart_error *err);
/* `vars`: NAME=VALUE, or NAME for an empty value. Without `replace` existing values stay. */
int upstart_set_env(struct upstart *conn, const char *job, const char *instance, char *const *vars, bool replace,
		    struct upstart_error *err);
int upstart_unset_env(struct upstart *conn, const char *job, const char *instance, char *const *names,
		      struct upstart_error *err);
int upstart_reset_env(struct upstart *conn, const char *job, const char *instance, struct upstart_error *err);

/* Frees a NULL-terminated array of strings; takes NULL and returns NULL. */
char **upstart_strv_free(char **v);

#ifdef __cplusplus
}
#endif
