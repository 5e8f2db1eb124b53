/* SPDX-License-Identifier: MIT */
#include "initctl/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NUMBER_MAX 100000u /* nobody has more old files */
#define ATTEMPTS_MAX 100   /* rotations that hit while the files are opened */
#define GZIP_SUFFIX ".gz"  /* as logrotate makes them */

static void
file_deinit(struct log_file *f)
{
	free(f->path);
	fd_close(&f->fd);
}

void
log_files_deinit(struct log_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		file_deinit(&files->file[i]);
	free(files->file);
	*files = (struct log_files) LOG_FILES_INIT;
}

/* What a file was, if it says so, else what it is; a gzip file is not known to be any. */
static struct log_origin
identify(const struct log_file *f, const struct stat *st)
{
	struct log_origin id = { 0, 0 };
	char frame[LOG_ORIGIN_SIZE];

	if (f->coding == LOG_PLAIN)
		return f->place;
	if (f->coding == LOG_ZSTD && st->st_size >= (off_t) sizeof(frame) &&
	    pread(f->fd, frame, sizeof(frame), st->st_size - (off_t) sizeof(frame)) == sizeof(frame))
		(void) log_origin_get(frame, sizeof(frame), &id);
	return id;
}

static bool
same(const struct log_origin *a, const struct log_origin *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

static struct log_origin
place_of(const struct stat *st)
{
	return (struct log_origin){ st->st_dev, st->st_ino };
}

/* Has it been opened under the name that it had before? */
static bool
is_open(const struct log_files *files, const struct log_origin *place)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->file[i].fd >= 0 && same(&files->file[i].place, place))
			return true;
	return false;
}

/*
 * Open one; takes the path. Fails without memory or when there is no such file; other errors are noted. One that is open
 * already is left out: it has moved on meanwhile.
 */
static int
add(struct log_files *files, char *path, enum log_coding coding, bool is_old)
{
	struct log_file f = { .path = path, .fd = -1, .coding = coding, .is_old = is_old };
	struct log_file *grown;
	struct stat st = { 0 };

	if (path == NULL)
		return -ENOMEM;
	f.fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (f.fd < 0)
		f.error = -errno;
	else if (fstat(f.fd, &st) < 0)
		f.error = -errno;
	else if (!S_ISREG(st.st_mode))
		f.error = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	f.place = place_of(&st);
	if (f.error == 0 && is_open(files, &f.place)) {
		file_deinit(&f);
		return 0;
	}
	grown = f.error != -ENOENT ? reallocarray(files->file, files->n + 1, sizeof(f)) : NULL;
	if (grown == NULL) {
		file_deinit(&f);
		return f.error == -ENOENT ? -ENOENT : -ENOMEM;
	}
	if (f.error != 0) {
		fd_close(&f.fd);
	} else {
		f.id = identify(&f, &st);
		f.written = st.st_mtim;
	}
	files->file = grown;
	files->file[files->n++] = f;
	return 0;
}

/* The old file of that number, in whichever form; while it is compressed there are two of them. */
static int
add_old(struct log_files *files, const char *path, unsigned number)
{
	static const struct {
		const char *end;
		enum log_coding coding;
	} forms[] = { { "", LOG_PLAIN }, { LOG_COMPRESSED, LOG_ZSTD }, { GZIP_SUFFIX, LOG_GZIP } };
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(forms) && r == -ENOENT; i++)
		r = add(files, log_old_name(path, number, forms[i].end), forms[i].coding, true);
	return r;
}

/* Has the newest file another name now? All move on by one with each new file, and it comes last. */
static bool
has_moved(const struct log_files *files)
{
	const struct log_file *newest = files->file;
	struct log_origin now;
	struct stat st;

	if (files->n == 0 || newest->fd < 0)
		return false;
	if (stat(newest->path, &st) < 0)
		return true;
	now = place_of(&st);
	return !same(&now, &newest->place);
}

/*
 * From the newest to the oldest: files only move on to higher numbers, so that none escapes. 0, -EAGAIN: names changed
 * meanwhile, or -ENOMEM.
 */
static int
open_all(struct log_files *files, const char *path)
{
	int r = add(files, strdup(path), LOG_PLAIN, false);

	if (r < 0 && r != -ENOENT)
		return r;
	if (files->n > 0 && files->file[0].error == -ENOTDIR)
		return -ENOTDIR; /* so it is of all others */
	/* In the midst of a rotation one number is free, and others lie behind it. */
	for (unsigned number = 1, holes = 0; holes < 2 && number < NUMBER_MAX; number++) {
		r = add_old(files, path, number);
		if (r < 0 && r != -ENOENT)
			return r;
		holes = r == 0 ? 0 : holes + 1;
	}
	return has_moved(files) ? -EAGAIN : 0;
}

int
log_files_open(struct log_files *files, const char *path)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < ATTEMPTS_MAX; i++) {
		log_files_deinit(files);
		r = open_all(files, path);
	}
	if (r < 0 && r != -EAGAIN) {
		log_files_deinit(files);
		return r;
	}
	return files->n > 0 ? 0 : -ENOENT;
}

ssize_t
log_files_find(const struct log_files *files, const struct log_origin *id)
{
	for (size_t i = 0; i < files->n; i++)
		if (id->ino != 0 && same(&files->file[i].id, id))
			return (ssize_t) i;
	return -1;
}
