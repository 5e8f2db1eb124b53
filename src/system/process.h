/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What init asks of the kernel about processes, itself among them.
 */

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/macros.h"
#include "common/wire.h"

/* No descriptor of ours has this number or one above; the kernel's own bound where it is not set otherwise. */
#define PROCESS_NOFILE_MAX 1048576

/* Become the parent of orphans below. 0 or a negative errno (-ENOSYS where there is no such thing). */
int must_check process_become_subreaper(void);

/* Send a signal to the process of that pid, by its pidfd if it is not -1. 0 or a negative errno. */
int must_check process_signal(pid_t pid, int pidfd, int signal);

/*
 * Append the pids of our children, the dead among them, in the order in which they became that. 0; -ENOSYS: nobody can
 * tell; or another negative errno. For a process that has one thread.
 */
int must_check process_children(struct u64v *pids);

/* Whose process it is (its real user). 0 or a negative errno (-ESRCH; -ENOSYS where nobody can tell). */
int must_check process_user(pid_t pid, uid_t *uid);

/*
 * The pid, as we see it, of whom the process `who` calls `inner`: `inner` itself where that is in our PID namespace, or
 * there are none; 0 when none of that number is found where it is; -ESRCH: `who` is gone; or another negative errno,
 * when it can't be told. Never looks at more than a few processes: before Linux 6.11, `who`, its ancestors, and their
 * children.
 */
pid_t process_outer_pid(pid_t who, pid_t inner);
/* What a process is called in its own PID namespace. A negative errno: as process_outer_pid(). */
pid_t process_inner_pid(pid_t pid);

/*
 * The file this program runs from; owned, absolute; NULL when nobody knows. `argv0` is how it was called. A
 * program replaced on disk gives the name it had.
 */
char *process_own_path(const char *argv0);

/*
 * fork(). The child runs no handler of its maker's: it begins with all signals blocked, until signals_reset().
 */
pid_t process_fork(void);

/*
 * Execute the program of `path` (what process_own_path() said), or, when it is gone from the disk, the one that runs.
 * Returns only on failure: a negative errno.
 */
int process_exec_again(const char *path, char **argv);

/* Execute what process_exec_again() would, in a child that only tries it: all signals stay as they are. */
int process_exec_image(const char *path, char **argv);

/*
 * Was the program that runs, or a library it uses, replaced or removed on the disk? Then the file system that held it
 * can't become read-only while we run. False where nobody can tell.
 */
bool process_is_replaced(void);

/* Raise NOFILE as far as may be, to PROCESS_NOFILE_MAX at most; *before is what it was. 0 or a negative errno. */
int must_check process_raise_nofile(struct rlimit *before);
/* The same for the size of files, which knows no such bound. */
int must_check process_raise_fsize(struct rlimit *before);

/* Close-on-exec on or off. */
void process_set_cloexec(int fd, bool on);

/* Hide what follows argv[0] from those who list processes. The strings must have been copied before. */
void process_hide_arguments(int argc, char **argv);
