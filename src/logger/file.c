/* SPDX-License-Identifier: MIT */
#include "logger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MODE 0640

void
file_close(struct file *f)
{
	fd_close(&f->fd);
}

void
file_set_limits(struct file *f, const struct file_limits *limits)
{
	f->rotate_at = limits->max_size;
}

/* -- opening ------------------------------------------------------------------ */

/* 0, or why this is nothing to write a log to. Others might get what is written, or act on being opened. */
static int
check_kind(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return S_ISLNK(st->st_mode) ? -ELOOP : S_ISDIR(st->st_mode) ? -EISDIR : FILE_ERROR_KIND;
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

/* Does the file end in the middle of a line? A logger that died may have left it so. */
static bool
ends_mid_line(const struct file *f, const struct stat *st)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	auto_close int fd = st->st_size > 0 ? open(f->path, flags) : -1;
	char last;

	return fd >= 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* Another file than the last one has been opened. */
static void
begin(struct file *f, const struct stat *st, const struct file_limits *limits)
{
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->mid_line = ends_mid_line(f, st);
	f->rotate_at = limits->max_size;
	f->begun = birth_of(f->fd, st);
}

static int
open_file(struct file *f, const struct file_limits *limits)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	auto_close int fd = -1;
	struct stat st;
	int r;

	r = lstat(f->path, &st) == 0 ? check_kind(&st) : 0;
	if (r < 0)
		return r;
	do
		fd = open(f->path, flags, FILE_MODE);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = check_kind(&st);
	if (r < 0)
		return r;
	f->size = (uint64_t) st.st_size;
	f->fd = steal_fd(&fd);
	if (st.st_dev != f->dev || st.st_ino != f->ino)
		begin(f, &st, limits);
	return 0;
}

/* Make sure that the file behind the name is open. 0 or a negative errno. */
static int
ensure_open(struct file *f, const struct file_limits *limits)
{
	struct stat st;

	if (f->fd >= 0) {
		/* An open file keeps its inode number, so equal numbers are the same file. */
		if (lstat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino) {
			if (st.st_size == 0)
				f->mid_line = false;
			f->size = (uint64_t) st.st_size; /* another may have cut it */
			return 0;
		}
		file_close(f);
	}
	return open_file(f, limits);
}

/* -- rotation ----------------------------------------------------------------- */

/* Is the first line of the file so old that the next one begins another? A clock that was set back is no reason. */
static bool
has_aged(const struct file *f, const struct file_write *w)
{
	usec_t age = w->limits.max_age * USEC_PER_SEC;

	return w->limits.max_age > 0 && f->size > 0 && w->wall / USEC_PER_SEC >= w->limits.max_age &&
	       f->begun <= w->wall - age;
}

/* How much of the output still goes to the open file, at the end of a line where possible. 0: none, it has become old.
 */
static size_t
room_for(const struct file *f, const struct file_write *w, const char *p, size_t n)
{
	uint64_t left = f->rotate_at > f->size ? f->rotate_at - f->size : 0;
	const char *end;

	if (has_aged(f, w)) {
		end = f->mid_line ? memchr(p, '\n', n) : NULL;
		return !f->mid_line ? 0 : end != NULL ? (size_t) (end - p) + 1 : n;
	}
	if (f->rotate_at == 0 || n <= left)
		return n;
	end = left > 0 ? memrchr(p, '\n', (size_t) left) : NULL;
	if (end == NULL) {
		/* A line that was begun, or is longer than a file may be, stays whole: within reason. */
		if ((!f->mid_line && f->size > 0) || f->size / 2 >= f->rotate_at)
			return 0;
		end = memchr(p, '\n', n);
	}
	return end != NULL ? (size_t) (end - p) + 1 : n;
}

/* Make the open file an old one and open another. When it can't be moved it goes on growing. */
static int
rotate(struct file *f, struct file_write *w)
{
	struct stat st;
	bool known = fstat(f->fd, &st) == 0;
	int r = old_shift(f->names, f->path, w->limits.keep);

	if (r < 0) {
		f->rotate_at = w->limits.max_size > 0 ? f->size + w->limits.max_size : 0;
		f->begun = w->wall;
		w->rotate_error = r;
		return 0;
	}
	file_close(f);
	f->dev = 0;
	f->ino = 0;
	w->rotated = true;
	r = open_file(f, &w->limits);
	if (r == 0 && known)
		(void) fchmod(f->fd, st.st_mode & 0777);
	return r;
}

/* -- writing ------------------------------------------------------------------ */

/* A line begins, but the one before it, of a logger that died, has no end. */
static int
end_line(struct file *f)
{
	ssize_t n;

	do
		n = write(f->fd, "\n", 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	f->mid_line = false;
	return 0;
}

/* Write the next piece, or make room for it. 0 or a negative errno. */
static int
write_piece(struct file *f, struct file_write *w)
{
	const char *p = w->p + w->done;
	size_t piece = room_for(f, w, p, w->n - w->done);
	ssize_t got;

	if (piece == 0)
		return rotate(f, w);
	got = write(f->fd, p, piece);
	if (got <= 0)
		return got == 0 ? -EIO : errno == EINTR ? 0 : -errno;
	if (f->size == 0)
		f->begun = w->wall;
	w->done += (size_t) got;
	f->size += (uint64_t) got;
	f->mid_line = p[got - 1] != '\n';
	return 0;
}

void
file_write(struct file *f, struct file_write *w)
{
	int r = ensure_open(f, &w->limits);

	w->done = 0;
	w->rotated = false;
	w->rotate_error = 0;
	if (r == 0 && w->fresh && f->mid_line)
		r = end_line(f);
	while (r == 0 && w->done < w->n)
		r = write_piece(f, w);
	/* A full disk does not spoil the descriptor; anything else may have. */
	if (r < 0 && r != -ENOSPC && r != -EDQUOT && r != -EAGAIN)
		file_close(f);
	w->error = r;
}
