/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a job file says about the job's own view of the machine: `namespace` and its companions.
 */

#include "common/str.h"

/* In the order in which they are entered. */
#define NAMESPACE_KINDS(X)                                                                                             \
	X(USER, "user")                                                                                                \
	X(CGROUP, "cgroup")                                                                                            \
	X(IPC, "ipc")                                                                                                  \
	X(UTS, "uts")                                                                                                  \
	X(NET, "net")                                                                                                  \
	X(MOUNT, "mount")                                                                                              \
	X(PID, "pid")                                                                                                  \
	X(TIME, "time")

enum namespace_kind {
#define X(id, name) NAMESPACE_##id,
	NAMESPACE_KINDS(X)
#undef X
	    NAMESPACE_KIND_COUNT
};

const char *namespace_kind_name(enum namespace_kind kind);

/* One `mount` stanza. */
struct job_mount {
	char *source; /* owned, as the others */
	char *target;
	char *type;    /* NULL: not given */
	char *options; /* NULL: not given */
};

enum private_part { PRIVATE_TMP = 1, PRIVATE_DEV = 2, PRIVATE_PROC = 4 };

struct job_isolation {
	unsigned made;	   /* bits 1 << enum namespace_kind: new ones for the job */
	unsigned optional; /* of those: go on without where they can't be made */
	bool pid_bare;	   /* no reaper: the main process is PID 1 in there */
	char *join_net;	   /* owned: name of the network namespace to join; NULL: none */
	bool join_create;  /* make it if it is not there */
	char *share_job;   /* owned: join those of this job; NULL: none */
	char *share_instance;
	char *hostname;
	struct job_mount *mounts; /* owned array, in order */
	size_t n_mounts;
	unsigned private; /* bits of enum private_part */
	char **readonly;  /* paths, in order */
	char **hidden;
	char *idmap_uids; /* "0 100000 65536" */
	char *idmap_gids;
	bool time_offset_set;
	int64_t time_offset; /* seconds */
};

void mount_deinit(struct job_mount *m); /* idempotent */
void isolation_deinit(struct job_isolation *in);
bool isolation_equal(const struct job_isolation *a, const struct job_isolation *b);
