/* SPDX-License-Identifier: MIT */
#include "logger/old.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>
#include <zstd.h>

#include "common/log.h"
#include "common/log_file.h"
#include "common/str.h"

#define PART ".part"
#define LEVEL 3
#define PIECE ((size_t) 256 * 1024) /* bytes read in one turn */
#define NUMBER_MAX 100000u	    /* nobody has more */

struct task {
	struct task *next;
	char *path; /* owned: the log file's */
};

struct old_files {
	struct task *tasks; /* the first is in work if `from` is open; owned */
	/* What is in work. */
	int from, to;
	struct timespec written;      /* when `from` was written last */
	struct log_origin origin;     /* which file it is */
	char *source, *target, *part; /* owned */
	ZSTD_CCtx *context;	      /* owned */
	char *in, *out;		      /* owned; PIECE and ZSTD_CStreamOutSize() bytes */
};

/* -- names ------------------------------------------------------------------- */

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The first number that neither form has; 0: out of memory. */
static unsigned
first_gap(const char *path)
{
	unsigned number = 1;

	for (; number < NUMBER_MAX; number++) {
		auto_free char *plain = log_old_name(path, number, ""),
			       *compressed = log_old_name(path, number, LOG_COMPRESSED);

		if (plain == NULL || compressed == NULL)
			return 0;
		if (!is_there(plain) && !is_there(compressed))
			break;
	}
	return number;
}

/* One further, or gone when there would be more than `keep` then. */
static int
move_on(const char *path, unsigned number, uint64_t keep, const char *end)
{
	auto_free char *from = log_old_name(path, number, end), *to = log_old_name(path, number + 1, end);
	int r;

	if (from == NULL || to == NULL)
		return -ENOMEM;
	r = number >= keep ? unlink(from) : rename(from, to);
	return r < 0 && errno != ENOENT ? -errno : 0;
}

static void
abandon(struct old_files *old)
{
	if (old->to >= 0) {
		(void) close(steal_fd(&old->to));
		(void) unlink(old->part);
	}
	if (old->from >= 0)
		(void) close(steal_fd(&old->from));
	(void) ZSTD_freeCCtx(steal(&old->context));
	free(steal(&old->in));
	free(steal(&old->out));
	free(steal(&old->source));
	free(steal(&old->target));
	free(steal(&old->part));
}

int
old_files_shift(struct old_files *old, const char *path, uint64_t keep)
{
	auto_free char *first = log_old_name(path, 1, "");
	unsigned gap = first_gap(path);
	int r = 0;

	if (first == NULL || gap == 0)
		return -ENOMEM;
	/* Names change below: what is in work of this one begins again. */
	if (old->tasks != NULL && strcmp(old->tasks->path, path) == 0)
		abandon(old);
	for (unsigned number = gap - 1; number > 0 && r == 0; number--) {
		r = move_on(path, number, keep, "");
		if (r == 0)
			r = move_on(path, number, keep, LOG_COMPRESSED);
	}
	if (r < 0)
		return r;
	return (keep > 0 ? rename(path, first) : unlink(path)) < 0 ? -errno : 0;
}

/* -- compression ------------------------------------------------------------- */

static void
task_done(struct old_files *old)
{
	struct task *task = old->tasks;

	LL_DELETE(old->tasks, task);
	free(task->path);
	free(task);
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = write(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		p += got;
		n -= (size_t) got;
	}
	return 0;
}

/* Open the old file that is to be compressed, and a new one that nobody else has. 0 or a negative errno. */
static int
open_files(struct old_files *old)
{
	struct stat st;

	old->from = open(old->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (old->from < 0 || fstat(old->from, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	(void) unlink(old->part); /* of one that died */
	old->to = open(old->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	if (old->to < 0 || fchmod(old->to, st.st_mode & 0777) < 0)
		return -errno;
	old->written = st.st_mtim;
	old->origin = (struct log_origin){ st.st_dev, st.st_ino };
	return 0;
}

/* Begin with the first uncompressed old file of the first task. 1: begun, 0: there is none, or a negative errno. */
static int
begin(struct old_files *old)
{
	const char *path = old->tasks->path;
	unsigned gap = first_gap(path), number = 1;
	int r;

	for (; number < gap; number++) {
		old->source = log_old_name(path, number, "");
		if (old->source == NULL)
			return -ENOMEM;
		if (is_there(old->source))
			break;
		free(steal(&old->source));
	}
	if (number >= gap)
		return gap > 0 ? 0 : -ENOMEM;
	old->target = log_old_name(path, number, LOG_COMPRESSED);
	old->part = log_old_name(path, number, LOG_COMPRESSED PART);
	old->context = ZSTD_createCCtx();
	old->in = malloc(PIECE);
	old->out = malloc(ZSTD_CStreamOutSize());
	if (old->source == NULL || old->target == NULL || old->part == NULL || old->context == NULL ||
	    old->in == NULL || old->out == NULL)
		return -ENOMEM;
	(void) ZSTD_CCtx_setParameter(old->context, ZSTD_c_compressionLevel, LEVEL);
	(void) ZSTD_CCtx_setParameter(old->context, ZSTD_c_checksumFlag, 1);
	r = open_files(old);
	return r < 0 ? r : 1;
}

/* Compress what lies in `in`; with `last` to the end. 0 or a negative errno. */
static int
compress_piece(struct old_files *old, size_t n, bool last)
{
	ZSTD_inBuffer in = { old->in, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { old->out, ZSTD_CStreamOutSize(), 0 };
		int r;

		left = ZSTD_compressStream2(old->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -EIO;
		r = write_all(old->to, old->out, out.pos);
		if (r < 0)
			return r;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

/* The compressed file takes the old one's place. */
static int
finish(struct old_files *old)
{
	const struct timespec times[2] = { old->written, old->written };
	char origin[LOG_ORIGIN_SIZE];
	int r;

	log_origin_put(origin, &old->origin);
	r = write_all(old->to, origin, sizeof(origin));
	if (r < 0)
		return r;
	/* Who looks for what was said since some time goes by it. */
	(void) futimens(old->to, times);
	if (close(steal_fd(&old->to)) < 0 || rename(old->part, old->target) < 0) {
		r = -errno;
		(void) unlink(old->part);
		return r;
	}
	(void) unlink(old->source);
	return 0;
}

/* 1: there is more of this file, 0: it is done, or a negative errno. */
static int
work(struct old_files *old)
{
	size_t got = 0;
	int r;

	while (got < PIECE) {
		ssize_t n = read(old->from, old->in + got, PIECE - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t) n;
	}
	r = compress_piece(old, got, got < PIECE);
	if (r < 0 || got == PIECE)
		return r < 0 ? r : 1;
	return finish(old);
}

void
old_files_work(struct old_files *old)
{
	int r;

	if (old->tasks == NULL)
		return;
	if (old->from >= 0) {
		r = work(old);
	} else {
		r = begin(old);
		if (r == 0) {
			task_done(old);
			return;
		}
	}
	if (r > 0)
		return;
	if (r < 0)
		log_info("Old log file %s stays uncompressed: %s", old->source != NULL ? old->source : old->tasks->path,
			 strerror(-r));
	abandon(old);
	if (r < 0)
		task_done(old);
}

void
old_files_compress(struct old_files *old, const char *path)
{
	struct task *task;

	LL_FOREACH(old->tasks, task)
		if (strcmp(task->path, path) == 0)
			return;
	task = calloc(1, sizeof(*task));
	if (task == NULL)
		return;
	task->path = strdup(path);
	if (task->path == NULL) {
		free(task);
		return;
	}
	LL_APPEND(old->tasks, task);
}

bool
old_files_has_work(const struct old_files *old)
{
	return old->tasks != NULL;
}

void
old_files_cancel(struct old_files *old)
{
	abandon(old);
	while (old->tasks != NULL)
		task_done(old);
}

struct old_files *
old_files_new(void)
{
	struct old_files *old = calloc(1, sizeof(*old));

	if (old != NULL)
		old->from = old->to = -1;
	return old;
}

struct old_files *
old_files_free(struct old_files *old)
{
	if (old != NULL)
		old_files_cancel(old);
	free(old);
	return NULL;
}
