/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One log file: all that touches the disk, and so may hang. Used by one thread at a time, which has been given it
 * (workers.h); knows neither queues nor retries.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "logger/old.h"

/* When a file becomes an old one, and what its lines look like. */
struct file_limits {
	uint64_t max_size; /* bytes; 0: never */
	uint64_t max_age;  /* seconds; 0: never */
	uint64_t keep;	   /* old files */
	bool compress;
	uint32_t format; /* enum msg_log_format: what a line of the logger's own looks like */
};

struct file {
	const char *path;    /* borrowed */
	struct names *names; /* borrowed: what guards the names of the old files */
	int fd;		     /* -1: closed */
	dev_t dev;
	ino_t ino;
	uint64_t size;	    /* of the open file */
	usec_t begun;	    /* when its first line was written, microseconds since 1970 */
	bool mid_line;	    /* the last byte written did not end a line */
	uint64_t rotate_at; /* the size that makes it an old file; 0: none does */
};

/* One thing to be written. */
struct file_write {
	const char *p;
	size_t n;
	bool fresh; /* it begins a line */
	struct file_limits limits;
	usec_t wall; /* the time, microseconds since 1970 */
	/* what came of it */
	size_t done;	  /* bytes */
	int error;	  /* negative errno, or 0: all is written */
	bool rotated;	  /* there is a new old file */
	int rotate_error; /* negative: there should be, but it grows on */
};

/* It is neither file nor link nor folder that lies there. */
#define FILE_ERROR_KIND (-ENOTSUP)

/*
 * Append to the file that has the name now: opened (create, append, never through a link, 0640) or opened anew if it
 * is another, made an old one when its time has come.
 */
void file_write(struct file *f, struct file_write *w);
void file_close(struct file *f); /* idempotent */
/* The limits are others now: what was put off is put off no more. */
void file_set_limits(struct file *f, const struct file_limits *limits);
