/* SPDX-License-Identifier: MIT */
/*
 * Writing to log files. Responsible for the descriptors, the order of bytes, retries and
 * warnings; where waiting bytes lie is the store's matter, when they are tried again the
 * caller's (sinks_next_retry).
 *
 * Invariant: while something waits in a sink's queue, new output goes behind it, never past it.
 */
#include "logger/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <utlist.h>

#include "common/log.h"
#include "common/log_file.h"

#define FILE_MODE 0640
#define MOVE_SIZE ((size_t) 16 * 1024)	/* bytes moved from the queue at a time */
#define LINES_SIZE ((size_t) 32 * 1024) /* bytes of lines that are made at a time */
#define RETRY_MIN (100 * USEC_PER_MSEC) /* first wait after a failure; doubles */
#define RETRY_MAX (10 * USEC_PER_SEC)
#define RETRY_DATA (100 * USEC_PER_MSEC) /* new output tries again no sooner than this after a failure */
#define ERROR_KIND (-ENOTSUP)		 /* neither file nor link nor folder */
#define WARN_BURST 5u			 /* warnings at once … */
#define WARN_REFILL (30 * USEC_PER_SEC)	 /* … and one more for each such time */

_Static_assert(LINES_SIZE >= LINE_SIZE_MIN, "a line's beginning fits");

struct sink {
	struct sink *prev, *next;	    /* in sinks.all */
	struct sink *open_prev, *open_next; /* in sinks.open */
	struct sink *wait_prev, *wait_next; /* in sinks.waiting */
	bool waiting;
	struct sinks *sinks; /* borrowed */
	char *path;	     /* owned */
	unsigned users;
	int fd; /* -1: closed */
	dev_t dev;
	ino_t ino;
	uint64_t size;	   /* of the open file */
	usec_t begun;	   /* when its first line was written, microseconds since 1970 */
	bool mid_line;	   /* the last byte written did not end a line */
	bool fresh;	   /* what is written next begins a line */
	struct line *line; /* the line that is begun and not ended; borrowed */
	struct sink_limits limits;
	uint64_t rotate_at; /* the size that makes it an old file; 0: none does */
	struct store_queue queue;
	bool failing; /* the last attempt failed; has been told */
	int error;    /* of the last failed attempt, negative */
	usec_t tried; /* the last failed attempt */
	usec_t retry; /* the next one */
	usec_t delay;
};

/* -- files ------------------------------------------------------------------- */

static void
file_close(struct sink *s)
{
	struct sinks *ss = s->sinks;

	if (s->fd < 0)
		return;
	(void) close(steal_fd(&s->fd));
	DL_DELETE2(ss->open, s, open_prev, open_next);
	ss->n_open--;
}

/* Close the file that was not written for the longest time. False: none is open. */
static bool
close_oldest(struct sinks *ss)
{
	if (ss->open == NULL)
		return false;
	file_close(ss->open);
	return true;
}

/* This file is in use: others are closed before it. */
static void
file_touch(struct sink *s)
{
	struct sinks *ss = s->sinks;

	if (s->open_next == NULL)
		return;
	DL_DELETE2(ss->open, s, open_prev, open_next);
	DL_APPEND2(ss->open, s, open_prev, open_next);
}

/* 0, or why this is nothing to write a log to. Others might get what is written, or act on being opened. */
static int
check_kind(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return S_ISLNK(st->st_mode) ? -ELOOP : S_ISDIR(st->st_mode) ? -EISDIR : ERROR_KIND;
}

/* When the file was made, as far as that can be known: at least its last change is past. */
static usec_t
birth_of(int fd, const struct stat *st)
{
#ifdef STATX_BTIME
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == 0 && (stx.stx_mask & STATX_BTIME) != 0)
		return (usec_t) stx.stx_btime.tv_sec * USEC_PER_SEC + stx.stx_btime.tv_nsec / 1000;
#endif
	(void) fd;
	return (usec_t) st->st_mtim.tv_sec * USEC_PER_SEC + (usec_t) st->st_mtim.tv_nsec / 1000;
}

/* Does the file end in the middle of a line? One that died may have left it so. */
static bool
ends_mid_line(const struct sink *s, const struct stat *st)
{
	auto_close int fd =
	    st->st_size > 0 ? open(s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
	char last;

	return fd >= 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* Another file than the last one has been opened. */
static void
file_begin(struct sink *s, const struct stat *st)
{
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->mid_line = ends_mid_line(s, st);
	s->rotate_at = s->limits.max_size;
	s->begun = birth_of(s->fd, st);
}

static int
file_open(struct sink *s)
{
	struct sinks *ss = s->sinks;
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int r;
	auto_close int fd = -1;
	struct stat st;

	r = lstat(s->path, &st) == 0 ? check_kind(&st) : 0;
	if (r < 0)
		return r;
	while (ss->n_open >= ss->max_open && close_oldest(ss))
		continue;
	for (;;) {
		fd = open(s->path, flags, FILE_MODE);
		if (fd >= 0)
			break;
		if (errno == EINTR || ((errno == EMFILE || errno == ENFILE) && close_oldest(ss)))
			continue;
		return -errno;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	r = check_kind(&st);
	if (r < 0)
		return r;
	s->size = (uint64_t) st.st_size;
	s->fd = steal_fd(&fd);
	if (st.st_dev != s->dev || st.st_ino != s->ino)
		file_begin(s, &st);
	DL_APPEND2(ss->open, s, open_prev, open_next);
	ss->n_open++;
	return 0;
}

/* Make sure that the file behind the name is open. 0 or a negative errno. */
static int
file_ensure(struct sink *s)
{
	struct stat st;

	if (s->fd >= 0) {
		/* An open file keeps its inode number, so equal numbers are the same file. */
		if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino) {
			if (st.st_size == 0)
				s->mid_line = false;
			s->size = (uint64_t) st.st_size; /* another may have cut it */
			file_touch(s);
			return 0;
		}
		file_close(s);
	}
	return file_open(s);
}

/* May one more warning be given? Many files fail for one reason: its first few are enough. */
static bool
warning_allowed(struct sinks *ss, usec_t now)
{
	while (ss->budget < WARN_BURST && now >= ss->budget_at + WARN_REFILL) {
		ss->budget++;
		ss->budget_at += WARN_REFILL;
	}
	if (ss->budget == WARN_BURST)
		ss->budget_at = now;
	if (ss->budget == 0) {
		ss->suppressed++;
		return false;
	}
	ss->budget--;
	return true;
}

/* -- rotation ---------------------------------------------------------------- */

/* Is the first line of the open file so old that the next one begins another? A clock that was set back is no reason.
 */
static bool
has_aged(const struct sink *s)
{
	return s->limits.max_age > 0 && s->size > 0 && s->sinks->wall() / USEC_PER_SEC >= s->limits.max_age &&
	       s->begun <= s->sinks->wall() - s->limits.max_age * USEC_PER_SEC;
}

/* How much of the output still goes to the open file, at the end of a line where possible. 0: none, it has become old.
 */
static size_t
room_for(const struct sink *s, const char *p, size_t n)
{
	uint64_t left = s->rotate_at > s->size ? s->rotate_at - s->size : 0;
	const char *end;

	if (has_aged(s)) {
		end = s->mid_line ? memchr(p, '\n', n) : NULL;
		return !s->mid_line ? 0 : end != NULL ? (size_t) (end - p) + 1 : n;
	}
	if (s->rotate_at == 0 || n <= left)
		return n;
	end = left > 0 ? memrchr(p, '\n', (size_t) left) : NULL;
	if (end == NULL) {
		/* A line that was begun, or is longer than a file may be, stays whole: within reason. */
		if ((!s->mid_line && s->size > 0) || s->size / 2 >= s->rotate_at)
			return 0;
		end = memchr(p, '\n', n);
	}
	return end != NULL ? (size_t) (end - p) + 1 : n;
}

/* Make the open file an old one and open another. When it can't be moved it goes on growing. */
static int
file_rotate(struct sink *s, usec_t now)
{
	struct stat st;
	bool known = fstat(s->fd, &st) == 0;
	int r = old_files_shift(s->sinks->old, s->path, s->limits.keep);

	if (r < 0) {
		s->rotate_at = s->limits.max_size > 0 ? s->size + s->limits.max_size : 0;
		s->begun = s->sinks->wall();
		if (warning_allowed(s->sinks, now))
			log_warn("Log file %s grows on: unable to begin another: %s", s->path, strerror(-r));
		return 0;
	}
	file_close(s);
	s->dev = 0;
	s->ino = 0;
	r = file_open(s);
	if (r == 0 && known)
		(void) fchmod(s->fd, st.st_mode & 0777);
	if (s->limits.compress && s->limits.keep > 0)
		old_files_compress(s->sinks->old, s->path);
	return r;
}

void
sink_limit(struct sink *s, const struct sink_limits *limits)
{
	s->limits = *limits;
	s->rotate_at = limits->max_size;
}

/* A line begins, but the one before it, of a logger that died, has no end. */
static int
file_end_line(struct sink *s)
{
	ssize_t n;

	do
		n = write(s->fd, "\n", 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	s->mid_line = false;
	return 0;
}

/* Write all of it or fail; *done says how far it came. */
static int
file_write(struct sink *s, const char *p, size_t n, size_t *done, usec_t now)
{
	int r = file_ensure(s);

	*done = 0;
	if (r == 0 && s->fresh && s->mid_line)
		r = file_end_line(s);
	s->fresh = false;
	while (r == 0 && *done < n) {
		size_t piece = room_for(s, p + *done, n - *done);
		ssize_t got;

		if (piece == 0) {
			r = file_rotate(s, now);
			continue;
		}
		got = write(s->fd, p + *done, piece);
		if (got > 0) {
			*done += (size_t) got;
			if (s->size == 0)
				s->begun = s->sinks->wall();
			s->size += (uint64_t) got;
			s->mid_line = p[*done - 1] != '\n';
		} else if (got == 0) {
			r = -EIO;
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	/* A full disk does not spoil the descriptor; anything else may have. */
	if (r < 0 && r != -ENOSPC && r != -EDQUOT && r != -EAGAIN)
		file_close(s);
	return r;
}

/* -- failure and recovery ---------------------------------------------------- */

/* Keep the list of waiting sinks in step with the queue. */
static void
update_waiting(struct sink *s)
{
	bool waits = !store_queue_is_empty(&s->queue);

	if (waits && !s->waiting)
		DL_APPEND2(s->sinks->waiting, s, wait_prev, wait_next);
	else if (!waits && s->waiting)
		DL_DELETE2(s->sinks->waiting, s, wait_prev, wait_next);
	s->waiting = waits;
}

static void
keep(struct sink *s, const char *p, size_t n)
{
	store_queue_add(&s->queue, p, n);
	update_waiting(s);
}

/* Waiting won't mend it: somebody has put something else where the file should be. */
static bool
is_final(int r)
{
	return r == -ELOOP || r == -EISDIR || r == -ENAMETOOLONG || r == ERROR_KIND;
}

static const char *
reason(int r)
{
	return r == -ELOOP ? "it is a symbolic link" : r == ERROR_KIND ? "it is not a regular file" : strerror(-r);
}

static void
note_failure(struct sink *s, int r, usec_t now)
{
	struct sinks *ss = s->sinks;

	s->error = r;
	s->delay = s->delay == 0 ? RETRY_MIN : s->delay * 2 < RETRY_MAX ? s->delay * 2 : RETRY_MAX;
	s->tried = now;
	s->retry = is_final(r) ? UINT64_MAX : now + s->delay;
	if (s->retry < ss->next_retry)
		ss->next_retry = s->retry;
	if (s->failing)
		return;
	s->failing = true;
	if (!warning_allowed(ss, now))
		return;
	log_warn("Failed to write to log file %s: %s; its output is kept until %s", s->path, reason(r),
		 is_final(r) ? "its job ends" : "it can be written");
	if (ss->suppressed > 0)
		log_warn("%u more log files could not be written", ss->suppressed);
	ss->suppressed = 0;
}

/* What hindered one file may have hindered all: try the others now. */
static void
note_success(struct sink *s, usec_t now)
{
	struct sink *other;

	s->delay = 0;
	if (!s->failing)
		return;
	s->failing = false;
	log_info("Log file %s can be written again", s->path);
	DL_FOREACH2(s->sinks->waiting, other, wait_next)
	if (other != s && other->retry > now)
		other->retry = now;
	s->sinks->next_retry = now;
}

/* Where lines are made, what comes behind a gap is the rest of one: it goes, too. How much that is. */
static size_t
consume_torn_line(struct sink *s)
{
	size_t gone = 0;

	for (;;) {
		size_t n = store_queue_peek(&s->queue, s->sinks->buffer, MOVE_SIZE);
		const char *end = memchr(s->sinks->buffer, '\n', n);

		n = end != NULL ? (size_t) (end - s->sinks->buffer) + 1 : n;
		if (n == 0)
			return gone;
		store_queue_drop(&s->queue, n);
		gone += n;
		if (end != NULL)
			return gone;
	}
}

/* The line that says so, as all lines of this log look. Its length. */
static int
print_dropped(const struct sink *s, uint64_t dropped, char *line, size_t size)
{
	const char *before = s->mid_line ? "\n" : "";
	char stamp[LINE_STAMP_SIZE];

	line_stamp(s->sinks->wall(), stamp);
	if (s->limits.format == MSG_LOG_JSON)
		return snprintf(line, size, "%s{\"time\":\"%s\",\"dropped\":%llu}\n", before, stamp,
				(unsigned long long) dropped);
	if (s->limits.format != MSG_LOG_TIME)
		stamp[0] = '\0';
	return snprintf(line, size, "%s%s%s%llu bytes of output were dropped\n", before, stamp,
			*stamp != '\0' ? " " : "", (unsigned long long) dropped);
}

/* Tell the reader of the log what is missing there. */
static int
write_dropped(struct sink *s, usec_t now)
{
	uint64_t dropped = store_queue_dropped(&s->queue);
	char line[128];
	size_t done;
	int n, r;

	if (dropped == 0)
		return 0;
	if (s->limits.format != MSG_LOG_PLAIN && consume_torn_line(s) > 0)
		dropped = store_queue_dropped(&s->queue);
	r = file_ensure(s); /* knows whether a line has to be ended first */
	if (r < 0)
		return r;
	n = print_dropped(s, dropped, line, sizeof(line));
	r = file_write(s, line, (size_t) n, &done, now);
	if (r == 0)
		store_queue_clear_dropped(&s->queue);
	return r;
}

/* Write what waits in a sink. 0 or the error that keeps the rest waiting. */
static int
sink_flush(struct sink *s, usec_t now)
{
	char *buffer = s->sinks->buffer;
	int r = 0;

	while (r == 0 && !store_queue_is_empty(&s->queue)) {
		size_t n, done;

		r = write_dropped(s, now);
		if (r < 0)
			break;
		n = store_queue_peek(&s->queue, buffer, MOVE_SIZE);
		if (n == 0)
			continue; /* nothing left, or some more was dropped */
		r = file_write(s, buffer, n, &done, now);
		store_queue_consume(&s->queue, done);
	}
	update_waiting(s);
	if (r < 0)
		note_failure(s, r, now);
	else
		note_success(s, now);
	return r;
}

/* -- sinks ------------------------------------------------------------------- */

static struct sink *
sink_new(struct sinks *ss, const char *path)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = -1;
	s->sinks = ss;
	s->path = strdup(path);
	if (s->path == NULL || map_put(&ss->by_path, s->path, s) < 0) {
		free(s->path);
		free(s);
		return NULL;
	}
	store_queue_init(&s->queue, ss->store, s->path);
	DL_APPEND(ss->all, s);
	return s;
}

static void
sink_free(struct sink *s)
{
	struct sinks *ss = s->sinks;

	file_close(s);
	store_queue_deinit(&s->queue);
	update_waiting(s);
	map_del(&ss->by_path, s->path);
	DL_DELETE(ss->all, s);
	free(s->path);
	free(s);
}

/* No job writes there any more, and the last error is a final one: nothing waits for ever. */
static void
give_up_if_final(struct sink *s, usec_t now)
{
	size_t n = s->queue.bytes;

	if (s->users > 0 || !s->failing || !is_final(s->error) || store_queue_is_empty(&s->queue))
		return;
	store_queue_deinit(&s->queue);
	store_queue_init(&s->queue, s->sinks->store, s->path);
	update_waiting(s);
	if (warning_allowed(s->sinks, now))
		log_warn("%zu bytes of output for %s are given up: %s", n, s->path, reason(s->error));
}

static void
free_if_unused(struct sink *s)
{
	if (s->users == 0 && store_queue_is_empty(&s->queue))
		sink_free(s);
}

struct sink *
sinks_get(struct sinks *ss, const char *path)
{
	auto_free char *usable = log_name(path);
	struct sink *s = usable != NULL ? map_get(&ss->by_path, usable) : NULL;

	if (s == NULL && usable != NULL)
		s = sink_new(ss, usable);
	if (s != NULL)
		s->users++;
	return s;
}

void
sink_put(struct sink *s)
{
	s->users--;
	give_up_if_final(s, s->tried);
	free_if_unused(s);
}

void
sink_write(struct sink *s, const char *p, size_t n, usec_t now)
{
	size_t done = 0;
	int r;

	if (s->sinks->released || !store_queue_is_empty(&s->queue))
		s->fresh = false; /* it is not what is written next */
	if (s->sinks->released) {
		keep(s, p, n);
		return;
	}
	if (!store_queue_is_empty(&s->queue)) {
		keep(s, p, n);
		if (now >= s->tried + RETRY_DATA)
			(void) sink_flush(s, now);
		return;
	}
	r = file_write(s, p, n, &done, now);
	if (r < 0) {
		keep(s, p + done, n - done);
		note_failure(s, r, now);
	} else {
		note_success(s, now);
	}
}

/* End what another stream has begun. */
static void
interrupt(struct sink *s, const struct line *by, usec_t now)
{
	char end[LINE_END_MAX];

	if (s->line != NULL && s->line != by)
		sink_write(s, end, line_end(s->line, false, end), now);
	if (s->line != by)
		s->line = NULL;
}

void
sink_write_lines(struct sink *s, struct line *line, const char *p, size_t n, usec_t now)
{
	struct span in = { p, n };

	interrupt(s, line, now);
	if (line == NULL || line->format == MSG_LOG_PLAIN) {
		sink_write(s, p, n, now);
		return;
	}
	while (in.n > 0) {
		bool fresh = !line->begun;
		size_t used = line_put(line, &in, s->sinks->wall(), s->sinks->lines, LINES_SIZE);

		s->fresh = fresh;
		sink_write(s, s->sinks->lines, used, now);
	}
	s->line = line->begun ? line : NULL;
}

void
sink_end_line(struct sink *s, struct line *line, usec_t now)
{
	char end[LINE_END_MAX];

	if (s->line != line)
		return;
	s->line = NULL;
	sink_write(s, end, line_end(line, true, end), now);
}

int
sinks_flush(struct sinks *ss, usec_t now, const char **path)
{
	struct sink *s, *next;
	int first = 0;

	ss->released = false;
	DL_FOREACH_SAFE2(ss->waiting, s, next, wait_next)
	{
		int r = sink_flush(s, now);

		if (r < 0 && !is_final(r) && first == 0) {
			first = r;
			*path = s->path;
		}
		give_up_if_final(s, now);
		free_if_unused(s);
	}
	return first;
}

void
sinks_retry(struct sinks *ss, usec_t now)
{
	struct sink *s, *next;

	if (ss->released)
		return;
	ss->next_retry = UINT64_MAX;
	DL_FOREACH_SAFE2(ss->waiting, s, next, wait_next)
	{
		if (s->retry <= now) {
			(void) sink_flush(s, now);
			give_up_if_final(s, now);
			free_if_unused(s);
		} else if (s->retry < ss->next_retry) {
			ss->next_retry = s->retry;
		}
	}
}

usec_t
sinks_next_retry(const struct sinks *ss)
{
	return ss->released || ss->waiting == NULL ? UINT64_MAX : ss->next_retry;
}

void
sinks_limit_open(struct sinks *ss, size_t max)
{
	ss->max_open = max > 0 ? max : 1;
	while (ss->n_open > ss->max_open && close_oldest(ss))
		continue;
}

void
sinks_release(struct sinks *ss, usec_t now)
{
	const char *path = NULL;
	int r = sinks_flush(ss, now, &path);

	if (r < 0)
		log_info("Kept until the end: output for %s and perhaps others: %s", path, strerror(-r));
	while (close_oldest(ss))
		continue;
	old_files_cancel(ss->old);
	ss->released = true;
}

static usec_t
wall_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_REALTIME, &ts);
	return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

/* Something of a predecessor's waits for `path`. */
static struct store_queue *
found_cb(const char *path, void *data)
{
	struct sink *s = map_get(&((struct sinks *) data)->by_path, path);

	if (s == NULL)
		s = sink_new(data, path);
	return s != NULL ? &s->queue : NULL;
}

int
sinks_init(struct sinks *ss, struct store *store, usec_t now)
{
	struct sink *s;

	*ss = (struct sinks){ .store = store, .max_open = SIZE_MAX, .budget = WARN_BURST, .budget_at = now };
	ss->wall = wall_now;
	ss->buffer = malloc(MOVE_SIZE);
	ss->lines = malloc(LINES_SIZE);
	ss->old = old_files_new();
	if (ss->buffer == NULL || ss->lines == NULL || ss->old == NULL) {
		sinks_deinit(ss);
		return -ENOMEM;
	}
	store_recover(store, found_cb, ss);
	DL_FOREACH(ss->all, s)
		update_waiting(s);
	ss->next_retry = ss->waiting != NULL ? now : UINT64_MAX;
	return 0;
}

void
sinks_deinit(struct sinks *ss)
{
	struct sink *s, *next;

	DL_FOREACH_SAFE(ss->all, s, next) {
		file_close(s);
		free(s->path);
		free(s);
	}
	ss->all = ss->open = ss->waiting = NULL;
	map_deinit(&ss->by_path);
	ss->old = old_files_free(ss->old);
	free(steal(&ss->buffer));
	free(steal(&ss->lines));
}
