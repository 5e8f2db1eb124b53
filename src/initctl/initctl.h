/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * initctl: one invocation, and what a command is. Commands are one file each, listed in commands.c; help text, manual
 * page and completion agree with that list (a test compares them).
 */

#include "initctl/tool.h"
#include "libupstart/upstart.h"

enum command_group { GROUP_JOB, GROUP_EVENT, GROUP_STATE, GROUP_ENVIRONMENT, GROUP_OTHER, GROUP_COUNT };

struct initctl {
	struct tool tool;
	struct upstart *upstart; /* owned; NULL until initctl_connect() */
	/* global options */
	bool user;
	bool system;
	bool session;
	const char *dest;
	/* options of commands */
	bool no_wait;
	bool when_ready;
	bool suggest;
	bool enumerate;
	bool warn;
	bool global;
	bool retain;
	bool all;
	bool wait;
	bool renew;
	bool json;
	bool follow;
	const char *lines;
	const char *since;
	bool blocked;
	bool failed;
	bool boot;
	bool emits;
	bool reverse;
	bool queued;
	bool svg;
	bool blame;
	bool html;
	const char *out;
	const char *delay;
	const char *sort;
	const char *count;
	const char *confdir;
	char **ignore_events; /* owned */
	char **filters;	      /* owned */
	bool literal;
	char **only; /* owned */
};

struct command {
	const char *name;
	const char *alias; /* the installed link that means this command; NULL: none */
	enum command_group group;
	const char *operands;
	bool lenient; /* the original's, which never minded operands too many */
	const char *summary;
	const char *help; /* NULL: the summary says it all */
	const struct option_spec *options; /* beside the global ones */
	/* `operands` ends with NULL. Returns an exit status. */
	int (*run)(struct initctl *ctl, char *const *operands);
};

/* All commands, ended by NULL, grouped and in the order in which they are shown. */
extern const struct command *const commands[];
extern const char *const command_groups[GROUP_COUNT];
extern const struct option_spec options_global[];
extern const struct option_spec options_none[];
extern const struct option_spec options_json[]; /* --json alone */

const struct command *command_find(const char *name);

/* True if the session init of this user is meant (control.md 11.2). */
bool initctl_is_user(const struct initctl *ctl);
/* Find and connect to init; EXIT_SUCCESS, or the exit status after saying why not. */
int must_check initctl_connect(struct initctl *ctl);
/* Print what `err` says and clear it; EXIT_FAILURE. */
int initctl_failed(const struct initctl *ctl, struct upstart_error *err);
