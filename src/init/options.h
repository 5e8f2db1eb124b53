/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The command line of init: one table for parsing and for --help.
 */

#include <stdbool.h>

#include "common/error.h"
#include "common/str.h"
#include "job/class.h"

struct options {
	bool user;    /* session init */
	bool session; /* test mode: session bus, no duties of PID 1 */
	bool no_log, no_dbus, no_cgroups, no_inherit_env, no_startup_event, emergency, chroot_sessions, write_state_file;
	bool restart;
	bool rescue;
	bool quiet, verbose, debug;
	bool help, version;
	bool container, log_stdout;
	char *exit_with, *shutdown_timeout;
	bool check, fix, json, shell; /* --check: only read job files (check.h) */
	char **confdirs, **append, **prepend; /* owned, as all here */
	char *logdir;
	char *console; /* as given; see default_console */
	enum console_mode default_console;
	char *startup_event;
	char *import_policy, *oom_score, *settings; /* as given; see settings.h */
	bool zero_exit_fails, absent_is_unequal, apparmor_must_load, forks_across_exec;
	char *state_fd_text;
	int state_fd; /* -1: none */
	char *crash;  /* what an image that crashed says to its successor (crash.c) */
	char *down;   /* the way down that the last image was on (shutdown.c); NULL: it was on none */
	bool lost;    /* that one's state says nothing of it: its own had been lost on the way */
	char *record;
	char **extra; /* words that are no options: from the kernel's command line */
};

/*
 * Fill *o from argv. Options nobody knows are ignored: they come from the kernel command line (runtime.md 14.2).
 * 0; -EINVAL and err for a known option that is wrong (the rest is parsed nevertheless); -ENOMEM.
 */
int must_check options_parse(struct options *o, int argc, char *const *argv, struct error *err);
void options_deinit(struct options *o);

/* The text of --help; owned; NULL when out of memory. */
char *options_help(const char *program);

/*
 * The arguments for the next image: `first` behind the program's name, then those of argv that are not this image's
 * alone (--restart, --state-fd, the level of the log …). Owned; NULL when out of memory.
 */
char **options_again(char *const *argv, char *const *first);
