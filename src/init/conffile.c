/* SPDX-License-Identifier: MIT */
#include "init/conffile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/log.h"

#define FILE_MAX ((off_t) 64 * 1024 * 1024)
#define DEPTH_MAX 64

/* -- names ---------------------------------------------------------------------------- */

static bool
ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && strcmp(s + n - m, suffix) == 0;
}

enum conffile_kind
conffile_kind_of(const char *name)
{
	if (name[0] == '.')
		return CONFFILE_OTHER;
	if (ends_with(name, CONF_SUFFIX))
		return CONFFILE_CONF;
	return ends_with(name, OVERRIDE_SUFFIX) ? CONFFILE_OVERRIDE : CONFFILE_OTHER;
}

/* ";" and eight hexadecimal digits at the end: what rpm leaves behind. */
static bool
is_rpm_leftover(const char *name)
{
	size_t n = strlen(name);

	if (n < 9 || name[n - 9] != ';')
		return false;
	for (size_t i = n - 8; i < n; i++)
		if (!isxdigit((unsigned char) name[i]))
			return false;
	return true;
}

bool
conffile_enter(const char *name)
{
	static const char *const names[] = {
		"RCS", "CVS", "CVS.adm", "SCCS", "BitKeeper", "{arch}", "_darcs",
	};
	static const char *const suffixes[] = {
		"~", ".bak", ".BAK", ".swp", ".swo", ".swn", ",v", ".rpmsave", ".rpmorig", ".rpmnew",
	};
	const char *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if (name[0] == '.' || (name[0] == '#' && n > 1 && name[n - 1] == '#'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (ends_with(name, suffixes[i]))
			return false;
	return !(dot != NULL && strncmp(dot, ".dpkg-", 6) == 0) && !is_rpm_leftover(name);
}

char *
conffile_job_name(const char *dir, const char *path)
{
	size_t n = strlen(dir);
	const char *dot;

	if (strncmp(path, dir, n) != 0)
		return NULL;
	path += n;
	while (*path == '/')
		path++;
	dot = strrchr(path, '.');
	return span_dup((struct span){ path, dot != NULL ? (size_t) (dot - path) : strlen(path) });
}

/* -- files ------------------------------------------------------------------------------ */

static bool
is_null_device(const struct stat *st)
{
	struct stat null;

	return S_ISCHR(st->st_mode) && stat("/dev/null", &null) == 0 && null.st_rdev == st->st_rdev;
}

static const char *
name_of_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFDIR:
		return "a directory";
	default:
		return "a device";
	}
}

const char *
conffile_other(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? name_of_type(st.st_mode) : NULL;
}

enum conffile_state
conffile_look(const char *path, struct conffile_stamp *stamp)
{
	struct stat st, self;

	*stamp = (struct conffile_stamp){ 0 };
	if (lstat(path, &self) < 0)
		return CONFFILE_ABSENT;
	if (stat(path, &st) < 0) {
		log_warn("%s: %s", path, strerror(errno));
		return CONFFILE_ABSENT;
	}
	if (S_ISLNK(self.st_mode) && is_null_device(&st))
		return CONFFILE_EMPTIED;
	if (!S_ISREG(st.st_mode)) {
		log_warn("%s: This is %s, no regular file, and is left out", path, name_of_type(st.st_mode));
		return CONFFILE_ABSENT;
	}
	*stamp = (struct conffile_stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
	return CONFFILE_PRESENT;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
conffile_stamp_equal(const struct conffile_stamp *a, const struct conffile_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->mtime, &b->mtime) &&
	       same_time(&a->ctime, &b->ctime);
}

int
conffile_read(const char *path, char **text, size_t *len)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char piece[8192];
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		strbuf_addn(&b, piece, (size_t) n);
		if (b.failed)
			return -ENOMEM;
		if (b.len > (size_t) FILE_MAX)
			return -EFBIG;
	}
	*len = b.len;
	*text = strbuf_steal(&b);
	return *text != NULL ? 0 : -ENOMEM;
}

/* -- directories -------------------------------------------------------------------------- */

static bool
is_directory(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Names in a directory that count: those of files of that kind, and of directories with a slash at the end. */
static int
list(const char *path, enum conffile_kind kind, char ***names)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);
	int r = 0;

	if (dir == NULL)
		return -errno;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (is_directory(dirfd(dir), entry)) {
			if (conffile_enter(entry->d_name))
				r = strv_take(names, str_printf("%s/", entry->d_name));
		} else if (conffile_kind_of(entry->d_name) == kind) {
			r = strv_add(names, entry->d_name);
		}
	}
	(void) closedir(dir);
	return r;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static int walk(const char *dir, const struct conffile_walk *w, int depth);

/* A directory below. One that vanished meanwhile is none. */
static int
walk_below(const char *dir, const struct conffile_walk *w, int depth)
{
	int r = depth < DEPTH_MAX ? walk(dir, w, depth) : 0;

	if (r >= 0 || r == -ENOMEM)
		return r;
	return r == -ENOENT || r == -ENOTDIR ? 0 : w->unreadable(dir, -r, w->data);
}

static int
walk(const char *dir, const struct conffile_walk *w, int depth)
{
	auto_strv char **names = NULL;
	int r = list(dir, w->kind, &names);

	if (r < 0)
		return r;
	if (names != NULL)
		qsort(names, strv_len(names), sizeof(*names), compare);
	for (size_t i = 0; r == 0 && names != NULL && names[i] != NULL; i++) {
		auto_free char *path = str_printf("%s/%s", dir, names[i]);
		size_t n = path != NULL ? strlen(path) : 0;

		if (path == NULL)
			return -ENOMEM;
		if (path[n - 1] != '/') {
			r = w->file(path, w->data);
			continue;
		}
		path[n - 1] = '\0';
		r = walk_below(path, w, depth + 1);
	}
	return r;
}

int
conffile_walk(const char *dir, const struct conffile_walk *w)
{
	return walk(dir, w, 0);
}
