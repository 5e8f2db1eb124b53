/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files of crontab(5), as Debian's cron reads them: lines of five fields (or @daily and the like) and a command, in files of
 * the system with a user between, and lines NAME = VALUE, which count for what stands below them.
 */

#include "schedule/calendar.h"

/* What a line asks for; borrowed for the call. */
struct crontab_entry {
	unsigned line;    /* from 1 */
	char **words;     /* the schedule, as schedule_read() takes it: CRON=…, maybe TZ=… */
	const char *user; /* NULL: the file has no users */
	const char *command; /* for the shell; "\%" is "%" */
	char **input;     /* the lines it reads; NULL: none */
	char **env;       /* the variables of the file, without those that mean something to cron itself */
	const char *shell;
};

struct crontab_ops {
	/* 0, or a negative errno, which ends the reading. */
	int (*entry)(void *data, const struct crontab_entry *entry);
	/* A line that makes no sense, or is not heeded; the others go on. `column` counts bytes from 1. */
	void (*fault)(void *data, unsigned line, size_t column, const char *text);
};

/* 0, -ENOMEM, or what ops->entry gave. */
int must_check crontab_read(struct span text, bool users, const struct crontab_ops *ops, void *data);
