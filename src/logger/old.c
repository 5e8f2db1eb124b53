/* SPDX-License-Identifier: MIT */
#include "logger/old.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <utlist.h>
#include <zstd.h>

#include "common/log.h"
#include "common/log_file.h"
#include "common/str.h"

#define PART ".part"
#define LEVEL 3
#define PIECE ((size_t) 256 * 1024) /* bytes between two looks whether there is something better to do */
#define PAUSE (2 * USEC_PER_MSEC)   /* then: a disk and a processor are there for the jobs first */
#define NUMBER_MAX 100000u	    /* nobody has more */

struct names {
	pthread_mutex_t lock;
	unsigned users; /* the main thread's */
};

/* The old files of one log are compressed, one after the other. */
struct task {
	struct work work;
	struct task *next;
	struct old_files *old; /* borrowed */
	char *path;	       /* owned: the log file's */
	struct names *names;   /* ref */
	bool again;	       /* there is another old file since */
	char *failed;	       /* owned: the file that could not be compressed */
	int error;	       /* why not, negative */
};

struct old_files {
	struct workers *workers; /* borrowed */
	struct task *tasks;	 /* owned */
	atomic_bool cancelled;
};

struct names *
names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->users = 1;
	(void) pthread_mutex_init(&names->lock, NULL);
	return names;
}

void
names_unref(struct names *names)
{
	if (--names->users > 0)
		return;
	(void) pthread_mutex_destroy(&names->lock);
	free(names);
}

/* -- moving ------------------------------------------------------------------- */

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

static int
shift(const char *path, uint64_t keep)
{
	auto_free char *first = log_old_name(path, 1, "");
	unsigned gap = first_gap(path);
	int r = 0;

	if (first == NULL || gap == 0)
		return -ENOMEM;
	for (unsigned number = gap - 1; number > 0 && r == 0; number--) {
		r = move_on(path, number, keep, "");
		if (r == 0)
			r = move_on(path, number, keep, LOG_COMPRESSED);
	}
	if (r < 0)
		return r;
	return (keep > 0 ? rename(path, first) : unlink(path)) < 0 ? -errno : 0;
}

int
old_shift(struct names *names, const char *path, uint64_t keep)
{
	int r;

	(void) pthread_mutex_lock(&names->lock);
	r = shift(path, keep);
	(void) pthread_mutex_unlock(&names->lock);
	return r;
}

/* -- compressing, in a thread of its own -------------------------------------- */

/* One old file on its way. */
struct job {
	const struct task *task; /* borrowed */
	int from, to;		 /* owned */
	char *source;		 /* owned: the name it had when it was opened */
	char *part;		 /* owned: the name of what is made of it */
	bool made;		 /* there is such a file */
	struct stat st;
	ZSTD_CCtx *context; /* owned */
	char *in, *out;	    /* owned; PIECE and ZSTD_CStreamOutSize() bytes */
};

static void
job_deinit(struct job *j)
{
	fd_close(&j->from);
	fd_close(&j->to);
	(void) ZSTD_freeCCtx(j->context);
	free(j->in);
	free(j->out);
	free(j->source);
	free(j->part);
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

/* The number of the first old file that is not compressed; 0: there is none. */
static unsigned
find_plain(const char *path)
{
	unsigned gap = first_gap(path);

	for (unsigned number = 1; number < gap; number++) {
		auto_free char *name = log_old_name(path, number, "");

		if (name != NULL && is_there(name))
			return number;
	}
	return 0;
}

/* The number that the file we have open has now: it may have been moved on since. 0: it is gone. */
static unsigned
find_again(const struct job *j)
{
	unsigned gap = first_gap(j->task->path);

	for (unsigned number = 1; number < gap; number++) {
		auto_free char *name = log_old_name(j->task->path, number, "");
		struct stat st;

		if (name != NULL && lstat(name, &st) == 0 && st.st_ino == j->st.st_ino && st.st_dev == j->st.st_dev)
			return number;
	}
	return 0;
}

/* Open the old file that is to be compressed, and a new one that nobody else has. 0 or a negative errno. */
static int
open_files(struct job *j)
{
	j->from = open(j->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (j->from < 0 || fstat(j->from, &j->st) < 0)
		return -errno;
	if (!S_ISREG(j->st.st_mode))
		return -ENOTSUP;
	(void) unlink(j->part); /* of one that died */
	j->to = open(j->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	j->made = j->to >= 0;
	if (j->to < 0 || fchmod(j->to, j->st.st_mode & 0777) < 0)
		return -errno;
	return 0;
}

/* Begin with the first file that is not compressed. 1: begun, 0: there is none, or a negative errno. */
static int
begin(struct job *j)
{
	const char *path = j->task->path;
	unsigned number;
	int r = 0;

	(void) pthread_mutex_lock(&j->task->names->lock);
	number = find_plain(path);
	if (number > 0) {
		j->source = log_old_name(path, number, "");
		j->part = log_old_name(path, number, LOG_COMPRESSED PART);
		r = j->source != NULL && j->part != NULL ? open_files(j) : -ENOMEM;
	}
	(void) pthread_mutex_unlock(&j->task->names->lock);
	if (number == 0 || r < 0)
		return r;
	j->context = ZSTD_createCCtx();
	j->in = malloc(PIECE);
	j->out = malloc(ZSTD_CStreamOutSize());
	if (j->context == NULL || j->in == NULL || j->out == NULL)
		return -ENOMEM;
	(void) ZSTD_CCtx_setParameter(j->context, ZSTD_c_compressionLevel, LEVEL);
	(void) ZSTD_CCtx_setParameter(j->context, ZSTD_c_checksumFlag, 1);
	return 1;
}

/* Compress what lies in `in`; with `last` to the end. 0 or a negative errno. */
static int
compress_piece(struct job *j, size_t n, bool last)
{
	ZSTD_inBuffer in = { j->in, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { j->out, ZSTD_CStreamOutSize(), 0 };
		int r;

		left = ZSTD_compressStream2(j->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -EIO;
		r = write_all(j->to, j->out, out.pos);
		if (r < 0)
			return r;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

/* 1: there is more of this file, 0: that was all, or a negative errno. */
static int
next_piece(struct job *j)
{
	size_t got = 0;
	int r;

	while (got < PIECE) {
		ssize_t n = read(j->from, j->in + got, PIECE - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t) n;
	}
	r = compress_piece(j, got, got < PIECE);
	return r < 0 ? r : got == PIECE ? 1 : 0;
}

/* The compressed file takes the place that the old one has now. */
static int
replace(struct job *j)
{
	unsigned number = find_again(j);
	auto_free char *source = log_old_name(j->task->path, number, "");
	auto_free char *target = log_old_name(j->task->path, number, LOG_COMPRESSED);

	if (number == 0) { /* it was one too many, meanwhile */
		(void) unlink(j->part);
		return 0;
	}
	if (source == NULL || target == NULL)
		return -ENOMEM;
	if (rename(j->part, target) < 0)
		return -errno;
	(void) unlink(source);
	return 0;
}

static int
finish(struct job *j)
{
	const struct timespec times[2] = { j->st.st_mtim, j->st.st_mtim };
	char origin[LOG_ORIGIN_SIZE];
	int r;

	log_origin_put(origin, &(struct log_origin){ j->st.st_dev, j->st.st_ino });
	r = write_all(j->to, origin, sizeof(origin));
	if (r < 0)
		return r;
	/* Who looks for what was said since some time goes by it. */
	(void) futimens(j->to, times);
	if (close(steal_fd(&j->to)) < 0)
		return -errno;
	(void) pthread_mutex_lock(&j->task->names->lock);
	r = replace(j);
	(void) pthread_mutex_unlock(&j->task->names->lock);
	return r;
}

/* Compress the file that is open. 0, -ECANCELED, or another negative errno. */
static int
compress_file(struct job *j)
{
	const struct timespec pause = { 0, (long) PAUSE * 1000 };
	int more = 1;

	while (more > 0) {
		if (atomic_load(&j->task->old->cancelled))
			return -ECANCELED;
		more = next_piece(j);
		if (more > 0)
			(void) nanosleep(&pause, NULL);
	}
	return more < 0 ? more : finish(j);
}

/* Compress the next file. True: there may be another. */
static bool
compress_next(struct task *task)
{
	struct job j = { .task = task, .from = -1, .to = -1 };
	int r = begin(&j);
	bool more = r > 0;

	if (more)
		r = compress_file(&j);
	if (r < 0 && j.made)
		(void) unlink(j.part);
	if (r < 0 && r != -ECANCELED) {
		task->failed = steal(&j.source);
		task->error = r;
	}
	job_deinit(&j);
	return more && r == 0;
}

static struct task *
task_of(struct work *w)
{
	return container_of(w, struct task, work);
}

static void
run_cb(struct work *w)
{
	struct task *task = task_of(w);

	while (!atomic_load(&task->old->cancelled) && compress_next(task))
		continue;
}

/* -- tasks, in the main thread ------------------------------------------------- */

static void
task_free(struct task *task)
{
	names_unref(task->names);
	free(task->failed);
	free(task->path);
	free(task);
}

static void
finished_cb(struct work *w)
{
	struct task *task = task_of(w);
	struct old_files *old = task->old;

	if (task->error < 0)
		log_info("Old log file %s stays uncompressed: %s", task->failed != NULL ? task->failed : task->path,
			 strerror(-task->error));
	if (task->again && task->error == 0 && !atomic_load(&old->cancelled)) {
		task->again = false;
		workers_start(old->workers, &task->work);
		return;
	}
	LL_DELETE(old->tasks, task);
	task_free(task);
}

void
old_files_compress(struct old_files *old, const char *path, struct names *names)
{
	struct task *task;

	atomic_store(&old->cancelled, false);
	LL_FOREACH(old->tasks, task) {
		if (strcmp(task->path, path) == 0) {
			task->again = true;
			return;
		}
	}
	task = calloc(1, sizeof(*task));
	if (task == NULL)
		return;
	task->path = strdup(path);
	if (task->path == NULL) {
		free(task);
		return;
	}
	names->users++;
	task->names = names;
	task->old = old;
	task->work = (struct work){ .run = run_cb, .finished = finished_cb };
	LL_APPEND(old->tasks, task);
	workers_start(old->workers, &task->work);
}

bool
old_files_has_work(const struct old_files *old)
{
	return old->tasks != NULL;
}

void
old_files_cancel(struct old_files *old)
{
	atomic_store(&old->cancelled, true);
}

struct old_files *
old_files_new(struct workers *workers)
{
	struct old_files *old = calloc(1, sizeof(*old));

	if (old != NULL)
		old->workers = workers;
	return old;
}

struct old_files *
old_files_free(struct old_files *old)
{
	if (old != NULL && old->tasks == NULL)
		free(old);
	return NULL;
}
