/* SPDX-License-Identifier: MIT */
/*
 * Reading one file of a log. zstd is read by its library; gzip, which only others make, by its program.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <zstd.h>

#include "initctl/log_files.h"

#define BLOCK ((size_t) 64 * 1024)

struct log_reader {
	const struct log_file *file; /* borrowed */
	off_t offset;		     /* of the next byte of the file; gzip: not used */
	/* zstd */
	ZSTD_DCtx *context; /* owned */
	char *in;	    /* owned; BLOCK bytes */
	ZSTD_inBuffer left; /* what of it is not decompressed yet */
	size_t hint;	    /* 0: a frame is complete */
	/* gzip */
	pid_t child;
	int pipe; /* owned; -1: none */
};

extern char **environ;

/* -- gzip --------------------------------------------------------------------- */

static int
gzip_spawn(struct log_reader *r, int out)
{
	static char name[] = "gzip", options[] = "-dcq";
	char *argv[] = { name, options, NULL };
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return -error;
	if (lseek(r->file->fd, 0, SEEK_SET) < 0)
		error = errno;
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, r->file->fd, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (error == 0) /* we say ourselves what is wrong */
		error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawnp(&r->child, name, &actions, NULL, argv, environ);
	(void) posix_spawn_file_actions_destroy(&actions);
	return error == ENOENT ? -ENOSYS : -error; /* not that the file is missing */
}

static int
gzip_begin(struct log_reader *r)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	error = gzip_spawn(r, ends[1]);
	(void) close(ends[1]);
	r->pipe = ends[0];
	return error;
}

/* How the program ended: 0, or -EBADMSG. */
static int
gzip_end(struct log_reader *r)
{
	int status = 0;

	fd_close(&r->pipe);
	if (r->child <= 0)
		return 0;
	while (waitpid(r->child, &status, 0) < 0 && errno == EINTR)
		continue;
	r->child = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBADMSG;
}

static ssize_t
gzip_read(struct log_reader *r, char *buf, size_t size)
{
	ssize_t n;

	do
		n = r->pipe >= 0 ? read(r->pipe, buf, size) : 0;
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? gzip_end(r) : n;
}

/* -- plain and zstd ----------------------------------------------------------- */

static ssize_t
plain_read(struct log_reader *r, char *buf, size_t size)
{
	ssize_t n;

	do
		n = pread(r->file->fd, buf, size, r->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->offset += n;
	return n;
}

static int
zstd_begin(struct log_reader *r)
{
	r->context = ZSTD_createDCtx();
	r->in = malloc(BLOCK);
	r->left = (ZSTD_inBuffer){ r->in, 0, 0 };
	return r->context != NULL && r->in != NULL ? 0 : -ENOMEM;
}

static ssize_t
zstd_read(struct log_reader *r, char *buf, size_t size)
{
	ZSTD_outBuffer out = { buf, size, 0 };

	while (out.pos == 0) {
		if (r->left.pos == r->left.size) {
			ssize_t n = plain_read(r, r->in, BLOCK);

			if (n <= 0)
				return n < 0 ? n : r->hint != 0 ? -EBADMSG : 0;
			r->left = (ZSTD_inBuffer){ r->in, (size_t) n, 0 };
		}
		r->hint = ZSTD_decompressStream(r->context, &out, &r->left);
		if (ZSTD_isError(r->hint))
			return -EBADMSG;
	}
	return (ssize_t) out.pos;
}

/* -- readers ------------------------------------------------------------------ */

int
log_reader_new(struct log_reader **reader, const struct log_file *file, off_t offset)
{
	struct log_reader *r = calloc(1, sizeof(*r));
	int error = 0;

	if (r == NULL)
		return -ENOMEM;
	r->file = file;
	r->offset = offset;
	r->pipe = -1;
	if (file->coding == LOG_ZSTD)
		error = zstd_begin(r);
	else if (file->coding == LOG_GZIP)
		error = gzip_begin(r);
	if (error < 0)
		r = log_reader_free(r);
	*reader = r;
	return error;
}

struct log_reader *
log_reader_free(struct log_reader *r)
{
	if (r == NULL)
		return NULL;
	(void) gzip_end(r);
	(void) ZSTD_freeDCtx(r->context);
	free(r->in);
	free(r);
	return NULL;
}

ssize_t
log_reader_read(struct log_reader *r, char *buf, size_t size)
{
	switch (r->file->coding) {
	case LOG_ZSTD:
		return zstd_read(r, buf, size);
	case LOG_GZIP:
		return gzip_read(r, buf, size);
	case LOG_PLAIN:
		break;
	}
	return plain_read(r, buf, size);
}

bool
log_reader_rewind(struct log_reader *r)
{
	struct stat st;

	if (r->file->coding != LOG_PLAIN || fstat(r->file->fd, &st) < 0 || st.st_size >= r->offset)
		return false;
	r->offset = 0;
	return true;
}

/* -- the last lines ----------------------------------------------------------- */

/* Look for the n-th last line from behind. */
static int
plain_tail(const struct log_file *file, uint64_t n, uint64_t *found, off_t *offset)
{
	auto_free char *buf = malloc(BLOCK);
	struct stat st;
	off_t end;

	if (buf == NULL)
		return -ENOMEM;
	if (fstat(file->fd, &st) < 0)
		return -errno;
	*found = st.st_size > 0 && n > 0 ? 1 : 0;
	*offset = n > 0 ? 0 : st.st_size;
	for (end = n > 0 ? st.st_size : 0; end > 0;) {
		size_t size = end < (off_t) BLOCK ? (size_t) end : BLOCK;
		ssize_t got = pread(file->fd, buf, size, end - (off_t) size);

		if (got < 0)
			return -errno;
		if (got == 0)
			break; /* it was cut */
		for (ssize_t i = got - 1; i >= 0; i--) {
			off_t next = end - (off_t) size + i + 1;

			if (buf[i] != '\n' || next >= st.st_size)
				continue;
			if (*found == n) {
				*offset = next;
				return 0;
			}
			++*found;
		}
		end -= (off_t) size;
	}
	return 0;
}

/* Only from the front can it be said how many there are. */
static int
coded_tail(const struct log_file *file, uint64_t n, uint64_t *found, uint64_t *skip)
{
	auto_free char *buf = malloc(BLOCK);
	struct log_reader *reader;
	uint64_t lines = 0;
	bool within = false; /* a line that has not ended */
	ssize_t got;
	int r;

	if (buf == NULL)
		return -ENOMEM;
	r = log_reader_new(&reader, file, 0);
	if (r < 0)
		return r;
	while ((got = log_reader_read(reader, buf, BLOCK)) > 0) {
		for (const char *p = buf; (p = memchr(p, '\n', (size_t) (buf + got - p))) != NULL; p++)
			lines++;
		within = buf[got - 1] != '\n';
	}
	(void) log_reader_free(reader);
	lines += within ? 1 : 0;
	*found = lines < n ? lines : n;
	*skip = lines - *found;
	return (int) got;
}

int
log_file_tail(const struct log_file *file, uint64_t n, uint64_t *found, off_t *offset, uint64_t *skip)
{
	*offset = 0;
	*skip = 0;
	return file->coding == LOG_PLAIN ? plain_tail(file, n, found, offset) : coded_tail(file, n, found, skip);
}

int
log_files_tail(const struct log_files *files, uint64_t n, size_t *first, off_t *offset, uint64_t *skip)
{
	*first = 0;
	*offset = 0;
	*skip = 0;
	for (size_t i = 0; i < files->n; i++) {
		const struct log_file *f = &files->file[i];
		uint64_t found = 0;
		int r = f->fd >= 0 ? log_file_tail(f, n, &found, offset, skip) : f->error;

		*first = i;
		if (r < 0)
			return r;
		n -= found;
		if (n == 0)
			break;
	}
	return 0;
}

/* Let go of all but the last `max` bytes. */
static void
cut_front(struct strbuf *text, size_t max)
{
	if (text->len <= max)
		return;
	memmove(text->p, text->p + text->len - max, max);
	text->len = max;
	text->p[max] = '\0';
}

/* Let go of the first lines. */
static uint64_t
skip_lines(struct span *s, uint64_t skip)
{
	while (skip > 0 && s->n > 0) {
		const char *end = memchr(s->p, '\n', s->n);
		size_t n = end ? (size_t) (end - s->p) + 1 : s->n;

		s->p += n;
		s->n -= n;
		skip -= end ? 1 : 0;
	}
	return skip;
}

/* Append one file, from there on. */
static int
read_file(const struct log_file *file, off_t offset, uint64_t skip, size_t max, struct strbuf *text)
{
	auto_free char *buf = malloc(BLOCK);
	struct log_reader *reader = NULL;
	int r = buf ? log_reader_new(&reader, file, offset) : -ENOMEM;
	ssize_t got = r;

	while (r == 0 && (got = log_reader_read(reader, buf, BLOCK)) > 0) {
		struct span s = { buf, (size_t) got };

		skip = skip_lines(&s, skip);
		strbuf_addn(text, s.p, s.n);
		if (text->failed)
			break;
		cut_front(text, max);
	}
	(void) log_reader_free(reader);
	return text->failed ? -ENOMEM : (int) got;
}

int
log_tail(const char *path, uint64_t n, size_t max, struct strbuf *text)
{
	struct log_files files auto_log_files = LOG_FILES_INIT;
	size_t first = 0;
	off_t offset = 0;
	uint64_t skip = 0;
	int r = log_files_open(&files, path);

	if (r == 0)
		r = log_files_tail(&files, n, &first, &offset, &skip);
	for (size_t i = first + 1; r == 0 && i-- > 0;) {
		r = files.file[i].fd >= 0 ? read_file(&files.file[i], offset, skip, max, text) : files.file[i].error;
		offset = 0;
		skip = 0;
	}
	return r;
}
