/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a job file says. A class is built by job_parse(), never changed after
 * (a changed file makes a new one) and shared by reference counting: the
 * registry of a core holds one, each of its instances another.
 */

#include "common/env.h"
#include "common/error.h"
#include "common/str.h"
#include "job/condition.h"
#include "job/isolation.h"

/* Process kinds, in the order of arrays and listings. */
#define PROCESS_KINDS(X)                                                                                               \
	X(MAIN, "main")                                                                                                \
	X(PRE_START, "pre-start")                                                                                      \
	X(POST_START, "post-start")                                                                                    \
	X(PRE_STOP, "pre-stop")                                                                                        \
	X(POST_STOP, "post-stop")                                                                                      \
	X(SECURITY, "security")

enum process_kind {
#define X(id, name) PROCESS_##id,
	PROCESS_KINDS(X)
#undef X
	    PROCESS_KIND_COUNT
};

/* "main" …; unknown values give "unknown". */
const char *process_kind_name(enum process_kind kind);

enum console_mode { CONSOLE_UNSET, CONSOLE_NONE, CONSOLE_LOG, CONSOLE_OUTPUT, CONSOLE_OWNER };
enum expect_mode {
	EXPECT_NONE,
	EXPECT_STOP,
	EXPECT_FORK,
	EXPECT_DAEMON,
	EXPECT_EXIT,
	EXPECT_PIDFILE, /* with expect_path */
	EXPECT_NOTIFY,
	EXPECT_FD,     /* with expect_fd */
	EXPECT_LISTEN, /* with expect_path: [PROTO:]PORT or a path */
};
enum kill_mode { KILL_GROUP, KILL_TREE };

/* Names as written in job files; *_from_name return false for an unknown word. */
const char *console_mode_name(enum console_mode mode);
bool console_mode_from_name(struct span name, enum console_mode *mode);
const char *expect_mode_name(enum expect_mode mode);
bool expect_mode_from_name(struct span name, enum expect_mode *mode);
const char *kill_mode_name(enum kill_mode mode);

struct job_process {
	char *command; /* owned; NULL: the slot is empty */
	bool script;   /* run by /bin/sh as a whole text */
	/* Of a hook: who it runs as instead of the job's own; owned; NULL: as the job. */
	char *setuid, *setgid;
};

/* One `limit` stanza; which resource is its index, see job_limit_names. */
struct job_limit {
	bool set;
	uint64_t soft; /* UINT64_MAX = unlimited */
	uint64_t hard;
};

#define JOB_LIMIT_COUNT 16
/* The names of the limit stanza, by index; what number the kernel uses is the spawner's knowledge. */
extern const char *const job_limit_names[JOB_LIMIT_COUNT];

/*
 * One setting of a `cgroup` stanza. Of those with the same controller, name and key there is
 * only one, the last. (job-language.md 3.7)
 */
struct job_cgroup {
	char *controller; /* owned, as the others */
	char *name;	  /* to be expanded; NULL: the default, $UPSTART_CGROUP */
	char *key;	  /* NULL: be in the group, set nothing */
	char *value;	  /* with key; may be "" */
};

/* What `log` stanzas say; members that none sets are LOG_UNSET, or 0 where that says so. */
#define LOG_UNSET UINT64_MAX
enum log_compress { LOG_COMPRESS_UNSET, LOG_COMPRESS_NONE, LOG_COMPRESS_ZSTD };
enum log_format { LOG_FORMAT_UNSET, LOG_FORMAT_PLAIN, LOG_FORMAT_TIME, LOG_FORMAT_JSON };
enum log_forward { LOG_FORWARD_UNSET, LOG_FORWARD_NONE, LOG_FORWARD_SYSLOG, LOG_FORWARD_JOURNALD };

struct job_log {
	uint64_t max_size; /* bytes; 0: never rotated for its size */
	uint64_t max_age;  /* seconds; 0: never rotated for its age */
	uint64_t keep;	   /* old files */
	enum log_compress compress;
	enum log_format format;
	enum log_forward forward;
};

#define JOB_RESPAWN_LIMIT_DEFAULT 10
#define JOB_RESPAWN_INTERVAL_DEFAULT 5 /* seconds */
#define JOB_KILL_TIMEOUT_DEFAULT 5     /* seconds */
#define JOB_NICE_UNSET (-21)
#define JOB_EXPECT_TIMEOUT_UNSET UINT32_MAX
#define JOB_UMASK_UNSET UINT32_MAX
#define JOB_OOM_UNSET INT32_MIN

/* normal exit: exit codes as they are, signal n as n << 8. */
#define JOB_EXIT_SIGNAL(n) ((int) (n) << 8)

struct job_class {
	unsigned refs;
	uint64_t id; /* definition id, given by whoever registers it; 0 before */
	char *name;  /* owned, as all strings here: "net/apache" */
	char *path;  /* the file it came from, for messages */
	char *description, *author, *version, *usage;

	struct condition *start_on; /* owned; NULL: none */
	struct condition *stop_on;
	bool manual; /* `manual` was the last word about start_on */
	struct condition *while_on; /* of states; NULL: none */
	char **emits;

	char **env;	/* in order, "KEY=VALUE" or "KEY" */
	char **export;	/* names */
	char **import;	/* names: with the import policy only these enter the job */
	char *instance; /* template; "" = a single unnamed instance */

	struct job_process process[PROCESS_KIND_COUNT];
	enum expect_mode expect;    /* what is done: what the file says, or EXPECT_NONE while that is not there yet */
	enum expect_mode readiness; /* what the file says */
	char *expect_path;
	int expect_fd;
	uint32_t expect_timeout; /* seconds; JOB_EXPECT_TIMEOUT_UNSET */
	uint32_t watchdog;	 /* seconds; 0: none */
	bool task;
	bool respawn;
	uint32_t respawn_limit;	    /* 0 = unlimited */
	uint32_t respawn_interval;  /* seconds; 0 = unlimited */
	uint32_t respawn_delay;	    /* seconds before the first respawn; 0: at once */
	uint32_t respawn_delay_max; /* seconds; the delay doubles up to this; never less than respawn_delay */
	int *normal_exit;	    /* owned array; see JOB_EXIT_SIGNAL */
	size_t n_normal_exit;

	uint32_t kill_timeout; /* seconds; 0 = SIGKILL follows at once */
	enum kill_mode kill_mode;
	int kill_signal;
	int reload_signal;

	enum console_mode console; /* CONSOLE_UNSET: init's default */
	uint32_t umask;		   /* JOB_UMASK_UNSET */
	int nice;		   /* JOB_NICE_UNSET */
	int oom_score_adj;	   /* JOB_OOM_UNSET */
	struct job_limit limits[JOB_LIMIT_COUNT];
	char *chroot, *chdir, *setuid, *setgid;
	bool user_environment; /* processes get what is known of their user: HOME and so on */
	char *apparmor_switch;
	bool debug;
	struct job_log log;
	char **tmpfiles; /* files of tmpfiles.d(5), applied before pre-start */
	struct job_isolation isolation;
	bool cgroup_optional; /* its cgroup lines only warn when they fail */
	bool cgroup_delegate; /* the job's own groups belong to its user, or */
	char *cgroup_delegate_user;
	struct job_cgroup *cgroups; /* owned array, in the order of first mention */
	size_t n_cgroups;
};

/* A class with all defaults and one reference; NULL when out of memory. `name` is copied. */
struct job_class *job_class_new(const char *name);
struct job_class *job_class_ref(struct job_class *cls);
/* Takes NULL; returns NULL. The last reference frees. */
struct job_class *job_class_unref(struct job_class *cls);

/* The same definition: all that a job file can say, but neither name, path nor id. */
bool job_class_equal(const struct job_class *a, const struct job_class *b);

/*
 * The definition as a job file that reads back as an equal class, one stanza a line, defaults left
 * out. Owned by the caller; NULL when out of memory.
 */
char *job_class_print(const struct job_class *cls);

/* True if `status` (exit code, or signal << 8) is in the class's `normal exit`. */
bool job_class_exit_is_normal(const struct job_class *cls, int status);

/* Do variables name its instances? Else there is one at most. */
bool job_class_has_instances(const struct job_class *cls);
/* Does its `while`, if it has one, or the name of an instance under it, speak of variables? */
bool job_class_while_speaks(const struct job_class *cls);

/*
 * The class's environment: `table` (the job environment table) with the `env`
 * stanzas over it. `env KEY` without a value takes KEY from the table, else from
 * `own` (init's own environment; may be NULL). 0 or -ENOMEM. (runtime.md 4.1, D34)
 */
int must_check job_class_environment(const struct job_class *cls, char *const *table, char *const *own, char ***env);

/*
 * How a slot is run (job-language.md section 6). *argv is what to exec; *script
 * is the text for descriptor 9 (already led by "exec 9<&-\n"), or NULL. Both the
 * caller's. 0 or -ENOMEM.
 */
int must_check job_process_command(const struct job_process *process, char ***argv, char **script);
