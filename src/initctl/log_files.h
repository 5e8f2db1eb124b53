/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The files of one log: the one that is written, and the old ones, in whatever form they are. Read as a whole and from
 * one side only: from the beginning on.
 *
 * Functions return 0 or a negative errno.
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "common/log_file.h"
#include "common/str.h"

enum log_coding { LOG_PLAIN, LOG_ZSTD, LOG_GZIP };

struct log_file {
	char *path; /* owned */
	int fd;	    /* owned; -1: it can't be opened */
	int error;  /* negative: why not */
	enum log_coding coding;
	bool is_old;
	struct timespec written; /* the last time */
	struct log_origin place; /* of the file itself; nobody else has it while the file is open */
	struct log_origin id;	 /* of the file, or of the one that was compressed into it; 0, 0: unknown */
};

struct log_files {
	struct log_file *file; /* owned; the newest first */
	size_t n;
};

#define LOG_FILES_INIT                                                                                                 \
	{                                                                                                              \
		0                                                                                                      \
	}

/*
 * Open all there is of the log `path`, as it was at one moment: a rotation meanwhile loses and doubles nothing. A file
 * that can't be opened is in the list, too. -ENOENT: there is none.
 */
int must_check log_files_open(struct log_files *files, const char *path);
void log_files_deinit(struct log_files *files); /* idempotent */
#define auto_log_files __attribute__((cleanup(log_files_deinit)))

/* The place of a file in the list, or -1. */
ssize_t log_files_find(const struct log_files *files, const struct log_origin *id);

/* -- reading ------------------------------------------------------------------ */

struct log_reader;

/* From the beginning of a file, which must stay open; a plain one from `offset`. */
int must_check log_reader_new(struct log_reader **reader, const struct log_file *file, off_t offset);
struct log_reader *log_reader_free(struct log_reader *reader); /* takes NULL, returns NULL */

/*
 * The next bytes: how many, 0 at the end. There may be more later in a plain file that grows. -EBADMSG: what is
 * compressed is damaged or cut.
 */
ssize_t must_check log_reader_read(struct log_reader *reader, char *buf, size_t size);
/* A plain file that was cut is read from its beginning again. True if it was. */
bool log_reader_rewind(struct log_reader *reader);

/*
 * Where the last `n` lines of a file begin. *found: how many there are, at most n. Of a plain file *offset is the
 * place; of others *skip the number of lines before it.
 */
int must_check log_file_tail(const struct log_file *file, uint64_t n, uint64_t *found, off_t *offset, uint64_t *skip);
/*
 * The same of all files: *first is the one in which the last `n` lines begin. After an error it is the one that can't be
 * read.
 */
int must_check log_files_tail(const struct log_files *files, uint64_t n, size_t *first, off_t *offset, uint64_t *skip);
/*
 * The last `n` lines of the log `path`, but at most about `max` bytes of their end. *text is the caller's, any bytes may
 * be in it. -ENOENT: there is no log.
 */
int must_check log_tail(const char *path, uint64_t n, size_t max, struct strbuf *text);
