/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Login records about the machine itself: boots, runlevels and shutdowns in utmp and wtmp (control.md 12.1).
 *
 * Files are read and written directly, not through libc's getutxent family: musl has only stubs of it, and a
 * path can be given without global state. utmp keeps one record of each type, wtmp all.
 */

#include "common/macros.h"

/* What stands for "no level". */
#define LEVEL_NONE 'N'

struct record_files {
	const char *utmp;
	const char *wtmp;
};

struct record_level {
	char level;
	char previous;
};

/*
 * The machine's files, or for tests $UPSTART_UTMP and $UPSTART_WTMP, which set-user-ID programs do not heed. Borrowed.
 */
struct record_files record_files_get(void);

/* The runlevel in utmp (both LEVEL_NONE when there is none). 0 or negative errno. */
int must_check record_read_utmp(const char *path, struct record_level *level);
/* That of the newest runlevel record in wtmp. */
int must_check record_read_wtmp(const char *path, struct record_level *level);

/* Write into the record of this type, or append one. They can't create a file. 0 or negative errno. */
int record_boot_utmp(const char *path);
int record_boot_wtmp(const char *path);
int record_level_utmp(const char *path, struct record_level level);
int record_level_wtmp(const char *path, struct record_level level);
int record_shutdown_utmp(const char *path);
int record_shutdown_wtmp(const char *path);

/* Call `found` with the terminal (such as "pts/3") of each user who is logged in. 0 or negative errno. */
int record_each_user(const char *path, void (*found)(const char *line, void *data), void *data);
