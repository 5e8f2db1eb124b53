/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files of configuration directories: which count, what they are called, what is in them (job-language.md 8.2, 8.3).
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "common/str.h"

#define CONF_SUFFIX ".conf"
#define OVERRIDE_SUFFIX ".override"

enum conffile_kind { CONFFILE_OTHER, CONFFILE_CONF, CONFFILE_OVERRIDE };

/* What a file of that name (without folder) is. */
enum conffile_kind conffile_kind_of(const char *name);
/* Is a directory of that name descended into? */
bool conffile_enter(const char *name);
/* The job's name: `path` below `dir`, without its suffix; owned; NULL when out of memory or not below. */
char *conffile_job_name(const char *dir, const char *path);

enum conffile_state {
	CONFFILE_PRESENT,
	CONFFILE_EMPTIED, /* a link to /dev/null: there, and says nothing */
	CONFFILE_ABSENT,  /* not there, or nothing that could be read: a directory, a socket */
};

/* Enough of stat() to see that a file was changed. */
struct conffile_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* Look at a file, through links. `stamp` is zeroed when it is absent. */
enum conffile_state conffile_look(const char *path, struct conffile_stamp *stamp);
/* "a FIFO", "a directory" …, through links; NULL: a regular file, or not there. */
const char *conffile_other(const char *path);
bool conffile_stamp_equal(const struct conffile_stamp *a, const struct conffile_stamp *b);

/* The text of a file; *text is the caller's, NUL bytes in it make *damaged. 0 or a negative errno. */
int must_check conffile_read(const char *path, char **text, size_t *len);

struct conffile_walk {
	enum conffile_kind kind;				   /* of files that are wanted */
	int (*file)(const char *path, void *data);		   /* one of them */
	int (*unreadable)(const char *dir, int error, void *data); /* a directory below; `error` is a positive errno */
	void *data;						   /* borrowed */
};
/*
 * Tell of all that is below `dir`, entries in order of their names. It ends with the first result that is
 * not 0. 0, that result, or a negative errno for `dir` itself.
 */
int must_check conffile_walk(const char *dir, const struct conffile_walk *w);
