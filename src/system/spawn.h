/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Making a process of a job: the handshake's lower half, shared by upstart-spawner (the child
 * becomes init's) and by init itself (the portable path: no spawner on this platform, or it is dead).
 *
 * The handshake, seen from the child (architecture.md "The spawn handshake", runtime.md 9):
 *
 *   1. It resets all signal handlers, closes every descriptor it was not given and reads the gate.
 *      One byte opens it. EOF, or a fault, before that byte: exit status 255, nothing written,
 *      nothing done: a request repeated after a crash can't start a job twice.
 *   2. It does what the request asks, in the order of runtime.md 9.3. The first step that fails writes
 *      a struct spawn_record on the status pipe; exit status 255.
 *   3. It writes SPAWN_READY_BYTE and calls execve. The pipe is close-on-exec: EOF after the byte
 *      means that the program runs. When execve fails the record (SPAWN_EXEC) follows the byte.
 *   4. EOF without byte or record: the child died in set-up (SPAWN_SETUP).
 *
 * With SPAWN_FLAG_DEBUG the pipe is closed after the byte and the child stops itself (SIGSTOP): it counts
 * as executed, and an execve that fails after SIGCONT is only seen as exit status 255.
 *
 * spawn_status.h reads that pipe.
 *
 * Resource limits: the child has those of its maker, except NOFILE when the request names another. init, which
 * raises its own, starts the spawner with the limits it was started with itself.
 */

#include <sys/resource.h>
#include <sys/types.h>

#include "common/msg.h"

/* Descriptors a job can be given: one message's, without status and gate pipe. */
#define SPAWN_MAX_FDS (IPC_MAX_FDS - 2)

/* Whose child it becomes. */
enum spawn_parent {
	SPAWN_CHILD,  /* the caller's: fork */
	SPAWN_SIBLING /* the caller's parent's (CLONE_PARENT): -ENOSYS where there is no such thing */
};

/* All borrowed: the caller's copies of the descriptors stay open and are the caller's. */
struct spawn_request {
	const struct msg_spawn *msg;
	int status;	/* the status pipe's write end */
	int gate;	/* the gate pipe's read end */
	const int *fds; /* as many as msg->fds has numbers */
	size_t n_fds;
	const struct rlimit *nofile; /* what the job starts from when the caller has raised its own; NULL: leave */
};

struct spawn_result {
	pid_t pid;     /* 0: there is no child, see step and error */
	int pidfd;     /* owned; -1: the platform has none */
	int pty;       /* owned; the master for `console log`; -1: none */
	uint32_t step; /* enum spawn_step; with a pid only SPAWN_PTY: no pty was to be had, its console is `none` */
	int error;     /* errno of that step */
	bool outside;  /* it is not in msg->cgroup */
};

#define SPAWN_RESULT_INIT                                                                                              \
	{                                                                                                              \
		.pidfd = -1, .pty = -1                                                                                 \
	}

void spawn_result_deinit(struct spawn_result *r); /* closes; idempotent */

/*
 * Make the process. 0 and *r filled, or a negative errno (then r->pid is 0, r->step says what could not
 * be done, and no child exists): -EINVAL for descriptor numbers a job can't have (0-2, 9, twice the same).
 * Never waits for the child. The caller has one thread.
 */
int must_check spawn_start(const struct spawn_request *request, enum spawn_parent parent, struct spawn_result *r);

/*
 * spawn_start() for init's own child, NOFILE left alone: of a limit that init has raised, where the job has none
 * of its own, init puts the original one into msg->limits.
 */
int must_check spawn_local(const struct msg_spawn *msg, int status_w, int gate_r, const int *fds, size_t n,
			   struct spawn_result *r);

/* -- what a platform provides (linux/spawn.c, posix/spawn.c) -- */

/*
 * As fork(): 0 in the child. In the parent the pid and *pidfd (or -1); -1 and errno when it failed. `cgroup`: the
 * directory of a cgroup v2 to be born in, or NULL; *outside tells that this was not to be had.
 */
pid_t spawn_clone(enum spawn_parent parent, const char *cgroup, int *pidfd, bool *outside);
/* What the caller is called in lists of processes; where there is no such thing it keeps its maker's name. */
void spawn_set_name(const char *name);
/* A descriptor, close-on-exec, for a living or unreaped process; or a negative errno (-ENOSYS). */
int must_check spawn_pidfd_open(pid_t pid);
/* Close all descriptors from `first` to `last`, both included. 0 or a negative errno (-ENOSYS). */
int must_check spawn_close_range(unsigned first, unsigned last);
/* Set the caller's own score, -1000 to 1000. 0 or a negative errno. */
int must_check spawn_set_oom_score(int score);
/*
 * Can profiles be loaded and switched to? AppArmor is on, with its parser, outside of containers and live media
 * (runtime.md 17.2).
 */
bool spawn_apparmor_is_usable(void);
/* From the next exec on run confined by `profile`; nothing where that is not usable (runtime.md 17.2). 0 or a negative
 * errno. */
int must_check spawn_switch_profile(const char *profile);
