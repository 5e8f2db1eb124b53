/* SPDX-License-Identifier: MIT */
/*
 * The queues before log files. Responsible for the order of bytes and for what becomes of a write that fails or takes
 * its time; how it is done, is file.c's matter, where waiting bytes lie the store's.
 *
 * Invariant: what was given first is written first. First goes what a thread has in hand (`busy`), then the queue;
 * while there is either, new output goes to the end of the queue.
 */
#include "logger/sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "common/backoff.h"
#include "common/log.h"
#include "logger/sink-private.h"

#define MOVE_SIZE ((size_t) 16 * 1024)	/* bytes moved from the queue at a time */
#define RETRY_MIN (100 * USEC_PER_MSEC) /* first wait after a failure; doubles */
#define RETRY_MAX (10 * USEC_PER_SEC)
#define RETRY_DATA (100 * USEC_PER_MSEC) /* new output tries again no sooner than this after a failure */

_Static_assert(LINES_SIZE >= LINE_SIZE_MIN, "a line's beginning fits");
_Static_assert(BUFFER_SIZE >= LINES_SIZE && BUFFER_SIZE >= MOVE_SIZE, "all pieces fit");

/* -- open files -------------------------------------------------------------- */

/* A file on its way to being closed, which may hang as all else. */
struct closing {
	struct work work;
	int fd;
};

static void
close_cb(struct work *w)
{
	(void) close(container_of(w, struct closing, work)->fd);
}

static void
closed_cb(struct work *w)
{
	free(container_of(w, struct closing, work));
}

static void
close_fd(struct sinks *ss, int fd)
{
	struct closing *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void) close(fd);
		return;
	}
	*c = (struct closing){ { .run = close_cb, .finished = closed_cb }, fd };
	if (workers_run(ss->workers, &c->work))
		free(c);
}

/* Keep the list of open files in step with the file, which is nobody's now. */
static void
note_open(struct sink *s)
{
	struct sinks *ss = s->sinks;

	/* To the end in any case: the least recently written one is the first to be closed. */
	if (s->open) {
		DL_DELETE2(ss->open, s, open_prev, open_next);
		ss->n_open--;
	}
	s->open = s->file.fd >= 0;
	if (s->open) {
		DL_APPEND2(ss->open, s, open_prev, open_next);
		ss->n_open++;
	}
}

void
sink_close(struct sink *s)
{
	if (s->busy) {
		s->closing = true;
		return;
	}
	if (s->file.fd >= 0)
		close_fd(s->sinks, steal_fd(&s->file.fd));
	note_open(s);
}

/* -- failure and recovery ---------------------------------------------------- */

/* Keep the list of waiting sinks in step with the queue. */
void
sink_update_waiting(struct sink *s)
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
	sink_update_waiting(s);
}

/* Waiting won't mend it: somebody has put something else where the file should be. */
bool
sink_error_is_final(int r)
{
	return r == -ELOOP || r == -EISDIR || r == -ENAMETOOLONG || r == FILE_ERROR_KIND;
}

static const char *
reason(int r)
{
	return r == -ELOOP ? "it is a symbolic link" : r == FILE_ERROR_KIND ? "it is not a regular file" : strerror(-r);
}

static void
note_failure(struct sink *s, int r, usec_t now)
{
	struct sinks *ss = s->sinks;

	s->error = r;
	s->delay = backoff_next(s->delay, RETRY_MIN, RETRY_MAX);
	s->tried = now;
	s->retry = sink_error_is_final(r) ? UINT64_MAX : now + s->delay;
	if (s->retry < ss->next_retry)
		ss->next_retry = s->retry;
	if (s->failing)
		return;
	s->failing = true;
	if (!sinks_may_warn(ss, now))
		return;
	log_warn("Failed to write to log file %s: %s; its output is kept until %s", s->path, reason(r),
		 sink_error_is_final(r) ? "its job ends" : "it can be written");
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
	char stamp[LINE_STAMP_SIZE];

	line_stamp(s->sinks->wall(), stamp);
	if (s->limits.format == MSG_LOG_JSON)
		return snprintf(line, size, "{\"time\":\"%s\",\"dropped\":%llu}\n", stamp,
				(unsigned long long) dropped);
	if (s->limits.format != MSG_LOG_TIME)
		stamp[0] = '\0';
	return snprintf(line, size, "%s%s%llu bytes of output were dropped\n", stamp, *stamp != '\0' ? " " : "",
			(unsigned long long) dropped);
}

/* -- writing ----------------------------------------------------------------- */

static struct sink *
sink_of(struct work *w)
{
	return container_of(w, struct sink, work);
}

static void
write_cb(struct work *w)
{
	struct sink *s = sink_of(w);

	file_write(&s->file, &s->op);
}

/* The file is ours again: see what came of it. */
static void
settle(struct sink *s, usec_t now)
{
	note_open(s);
	s->owed = s->op.fresh && s->op.error < 0 && s->op.done == 0;
	if (s->op.rotated && s->limits.compress && s->limits.keep > 0)
		old_files_compress(s->sinks->old, s->path, s->names);
	if (s->op.rotate_error < 0 && sinks_may_warn(s->sinks, now))
		log_warn("Log file %s grows on: unable to begin another: %s", s->path, strerror(-s->op.rotate_error));
	if (s->sinks->closes)
		sink_close(s);
}

/* It takes its time: its bytes stay where they are, others have another buffer. */
static void
begin_busy(struct sink *s, usec_t now)
{
	struct sinks *ss = s->sinks;

	s->in_hand = steal(&ss->buffer);
	ss->buffer = steal(&ss->spare);
	s->busy = true;
	s->since = now;
	DL_APPEND2(ss->busy, s, busy_prev, busy_next);
}

static void
end_busy(struct sink *s)
{
	struct sinks *ss = s->sinks;

	s->busy = s->hangs = false;
	DL_DELETE2(ss->busy, s, busy_prev, busy_next);
	if (ss->spare == NULL)
		ss->spare = steal(&s->in_hand);
	free(steal(&s->in_hand));
}

/* Make room for one more open file. */
static void
limit_open(struct sink *s)
{
	struct sinks *ss = s->sinks;

	if (s->file.fd >= 0)
		return;
	while (ss->n_open >= ss->max_open && sinks_close_oldest(ss))
		continue;
}

/*
 * Have p[0..n), at most BUFFER_SIZE bytes, written. 0: it is; -EINPROGRESS: it will be, or will come back; another
 * negative errno, and *done says how much of it was.
 */
static int
hand_over(struct sink *s, const char *p, size_t n, size_t *done, usec_t now)
{
	struct sinks *ss = s->sinks;

	*done = 0;
	if (ss->spare == NULL)
		ss->spare = malloc(BUFFER_SIZE);
	if (ss->spare == NULL)
		return -ENOMEM;
	if (p != ss->buffer)
		memcpy(ss->buffer, p, n);
	if (s->limits_changed)
		file_set_limits(&s->file, &s->limits);
	s->limits_changed = false;
	do {
		limit_open(s);
		s->op = (struct file_write){ .p = ss->buffer + *done,
					     .n = n - *done,
					     .fresh = s->fresh || s->owed,
					     .limits = s->limits,
					     .wall = ss->wall() };
		s->fresh = false;
		if (!workers_run(ss->workers, &s->work)) {
			begin_busy(s, now);
			return -EINPROGRESS;
		}
		settle(s, now);
		*done += s->op.done;
	} while ((s->op.error == -EMFILE || s->op.error == -ENFILE) && sinks_close_oldest(ss));
	return s->op.error;
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
	n = print_dropped(s, dropped, line, sizeof(line));
	s->fresh = true;
	r = hand_over(s, line, (size_t) n, &done, now);
	if (r == 0 || r == -EINPROGRESS)
		store_queue_clear_dropped(&s->queue);
	return r;
}

/* Write what waits in a sink. 0, -EINPROGRESS, or the error that keeps the rest waiting. */
int
sink_flush(struct sink *s, usec_t now)
{
	int r = 0;

	if (s->busy)
		return -EINPROGRESS;
	while (r == 0 && !store_queue_is_empty(&s->queue)) {
		size_t n, done;

		r = write_dropped(s, now);
		if (r < 0)
			break;
		n = store_queue_peek(&s->queue, s->sinks->buffer, MOVE_SIZE);
		if (n == 0)
			continue; /* nothing left, or some more was dropped */
		r = hand_over(s, s->sinks->buffer, n, &done, now);
		store_queue_consume(&s->queue, r == -EINPROGRESS ? n : done);
	}
	sink_update_waiting(s);
	if (r == 0)
		note_success(s, now);
	else if (r != -EINPROGRESS)
		note_failure(s, r, now);
	return r;
}

/* -- sinks ------------------------------------------------------------------- */

static void finished_cb(struct work *w);

struct sink *
sink_new(struct sinks *ss, const char *path)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sinks = ss;
	s->path = strdup(path);
	s->names = names_new();
	if (s->path == NULL || s->names == NULL || map_put(&ss->by_path, s->path, s) < 0) {
		if (s->names != NULL)
			names_unref(s->names);
		free(s->path);
		free(s);
		return NULL;
	}
	s->file = (struct file){ .path = s->path, .names = s->names, .fd = -1 };
	s->work = (struct work){ .run = write_cb, .finished = finished_cb };
	store_queue_init(&s->queue, ss->store, s->path);
	DL_APPEND(ss->all, s);
	return s;
}

void
sink_free(struct sink *s)
{
	struct sinks *ss = s->sinks;

	sink_close(s);
	store_queue_deinit(&s->queue);
	sink_update_waiting(s);
	map_del(&ss->by_path, s->path);
	DL_DELETE(ss->all, s);
	names_unref(s->names);
	free(s->path);
	free(s);
}

/* No job writes there any more, and the last error is a final one: nothing waits for ever. */
void
sink_give_up_if_final(struct sink *s, usec_t now)
{
	size_t n = s->queue.bytes;

	if (s->users > 0 || !s->failing || !sink_error_is_final(s->error) || store_queue_is_empty(&s->queue))
		return;
	store_queue_deinit(&s->queue);
	store_queue_init(&s->queue, s->sinks->store, s->path);
	sink_update_waiting(s);
	if (sinks_may_warn(s->sinks, now))
		log_warn("%zu bytes of output for %s are given up: %s", n, s->path, reason(s->error));
}

void
sink_free_if_unused(struct sink *s)
{
	if (s->users == 0 && !s->busy && store_queue_is_empty(&s->queue))
		sink_free(s);
}

/* What came back goes before all that waits. */
static void
keep_before(struct sink *s, const char *p, size_t n)
{
	size_t behind = s->queue.bytes;
	auto_free char *others = behind > 0 ? malloc(behind) : NULL;

	if (behind > 0 && others == NULL) {
		store_queue_drop(&s->queue, behind);
		behind = 0;
	}
	/* Reading may drop what can't be read; then there is less. */
	behind = behind > 0 ? store_queue_peek(&s->queue, others, behind) : 0;
	store_queue_consume(&s->queue, behind);
	store_queue_add(&s->queue, p, n);
	if (behind > 0)
		store_queue_add(&s->queue, others, behind);
	sink_update_waiting(s);
}

/* What took its time is done. */
static void
finished_cb(struct work *w)
{
	struct sink *s = sink_of(w);
	struct sinks *ss = s->sinks;
	usec_t now = ss->now;

	settle(s, now);
	if (s->op.error < 0) {
		keep_before(s, s->op.p + s->op.done, s->op.n - s->op.done);
		end_busy(s);
		note_failure(s, s->op.error, now);
	} else {
		end_busy(s);
		note_success(s, now);
	}
	if (ss->released || s->closing)
		sink_close(s);
	s->closing = false;
	if (!ss->released && s->op.error == 0)
		(void) sink_flush(s, now);
	if (!s->busy && s->users > 0 && ss->resume != NULL)
		ss->resume(s, ss->resume_data);
	sink_give_up_if_final(s, now);
	sink_free_if_unused(s);
}

bool
sink_is_busy(const struct sink *s)
{
	return s->busy && !s->hangs;
}

void
sink_limit(struct sink *s, const struct file_limits *limits)
{
	s->limits = *limits;
	s->limits_changed = true;
}

void
sink_put(struct sink *s)
{
	s->users--;
	sink_give_up_if_final(s, s->tried);
	sink_free_if_unused(s);
}

/* Behind what waits already. */
static void
write_behind(struct sink *s, const char *p, size_t n, usec_t now)
{
	s->fresh = false; /* it is not what is written next */
	keep(s, p, n);
	if (!s->sinks->released && now >= s->tried + RETRY_DATA)
		(void) sink_flush(s, now);
}

void
sink_write(struct sink *s, const char *p, size_t n, usec_t now)
{
	while (n > 0) {
		size_t piece = n < BUFFER_SIZE ? n : BUFFER_SIZE, done;
		int r;

		if (s->busy || s->sinks->released || !store_queue_is_empty(&s->queue)) {
			write_behind(s, p, n, now);
			return;
		}
		r = hand_over(s, p, piece, &done, now);
		if (r == -EINPROGRESS) {
			done = piece;
		} else if (r < 0) {
			keep(s, p + done, n - done);
			note_failure(s, r, now);
			return;
		}
		p += done;
		n -= done;
	}
	if (!s->busy)
		note_success(s, now);
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
