/* SPDX-License-Identifier: MIT */
#include "sysv/records.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <utmpx.h>

#ifndef _PATH_UTMP
#define _PATH_UTMP "/var/run/utmp"
#endif
#ifndef _PATH_WTMP
#define _PATH_WTMP "/var/log/wtmp"
#endif

#define CHUNK 64 /* records read at once */
#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 100000000L

static const char *
path_or(const char *variable, const char *path)
{
	const char *given = getuid() == geteuid() ? getenv(variable) : NULL;

	return given && *given ? given : path;
}

struct record_files
record_files_get(void)
{
	return (struct record_files){ path_or("UPSTART_UTMP", _PATH_UTMP), path_or("UPSTART_WTMP", _PATH_WTMP) };
}

static struct record_level
level_of(const struct utmpx *record)
{
	unsigned int pid = (unsigned int) record->ut_pid;
	struct record_level level = { (char) (pid % 256), (char) (pid / 256 % 256) };

	if (!level.level)
		level.level = LEVEL_NONE;
	if (!level.previous)
		level.previous = LEVEL_NONE;
	return level;
}

/* Read up to CHUNK records at `offset`: their number, or negative errno. */
static ssize_t
read_chunk(int fd, struct utmpx *records, size_t wanted, off_t offset)
{
	size_t size = wanted * sizeof(*records), got = 0;

	while (got < size) {
		ssize_t n = pread(fd, (char *) records + got, size - got, offset + (off_t) got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t) n;
	}
	return (ssize_t) (got / sizeof(*records));
}

/* The place of the first record of a type, or of where it belongs: behind the last whole record. */
static int
find(int fd, short type, struct utmpx *found, off_t *offset, bool *there)
{
	struct utmpx records[CHUNK];
	ssize_t n;

	*there = false;
	for (*offset = 0;; *offset += n * (off_t) sizeof(*records)) {
		n = read_chunk(fd, records, CHUNK, *offset);
		if (n < 0)
			return (int) n;
		for (ssize_t i = 0; i < n; i++) {
			if (records[i].ut_type != type)
				continue;
			*found = records[i];
			*offset += i * (off_t) sizeof(*records);
			*there = true;
			return 0;
		}
		if (n < CHUNK) {
			*offset += n * (off_t) sizeof(*records);
			return 0;
		}
	}
}

int
record_read_utmp(const char *path, struct record_level *level)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC);
	struct utmpx record;
	off_t offset;
	bool there;
	int r;

	if (fd < 0)
		return -errno;
	r = find(fd, RUN_LVL, &record, &offset, &there);
	if (r < 0)
		return r;
	*level = there ? level_of(&record) : (struct record_level){ LEVEL_NONE, LEVEL_NONE };
	return 0;
}

int
record_read_wtmp(const char *path, struct record_level *level)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC);
	struct utmpx records[CHUNK];
	struct stat st;
	off_t left;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Backwards: the file may have years in it. */
	for (left = st.st_size / (off_t) sizeof(*records); left > 0;) {
		size_t wanted = left < CHUNK ? (size_t) left : CHUNK;
		ssize_t n = read_chunk(fd, records, wanted, (left - (off_t) wanted) * (off_t) sizeof(*records));

		if (n < 0)
			return (int) n;
		while (n-- > 0) {
			if (records[n].ut_type == RUN_LVL) {
				*level = level_of(&records[n]);
				return 0;
			}
		}
		left -= (off_t) wanted;
	}
	*level = (struct record_level){ LEVEL_NONE, LEVEL_NONE };
	return 0;
}

static struct utmpx
make(short type, const char *user, unsigned int pid)
{
	struct utmpx record;
	struct utsname uts;
	struct timespec now;

	memset(&record, 0, sizeof(record));
	record.ut_type = type;
	record.ut_pid = (pid_t) pid;
	memcpy(record.ut_line, "~", 1);
	memcpy(record.ut_id, "~~", 2);
	memcpy(record.ut_user, user, strnlen(user, sizeof(record.ut_user)));
	if (uname(&uts) == 0)
		memcpy(record.ut_host, uts.release,
		       strnlen(uts.release, MIN(sizeof(uts.release), sizeof(record.ut_host))));
	(void) clock_gettime(CLOCK_REALTIME, &now);
	record.ut_tv.tv_sec = (__typeof__(record.ut_tv.tv_sec)) now.tv_sec;
	record.ut_tv.tv_usec = (__typeof__(record.ut_tv.tv_usec)) (now.tv_nsec / 1000);
	return record;
}

/* The lock that libc takes; whoever sits on it must not keep the machine from going down. */
static int
lock(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(fd, F_SETLK, &whole) == 0)
			return 0;
		if (errno != EACCES && errno != EAGAIN)
			return -errno;
		(void) nanosleep(&pause, NULL);
	}
	return -EAGAIN;
}

/* All of it, or the file as it was. */
static int
write_at(int fd, const struct utmpx *record, off_t offset, bool append)
{
	ssize_t n = pwrite(fd, record, sizeof(*record), offset);

	if (n == (ssize_t) sizeof(*record))
		return 0;
	if (append && ftruncate(fd, offset) < 0)
		return -errno;
	return n < 0 ? -errno : -EIO;
}

static int
put_utmp(const char *path, struct utmpx record)
{
	int fd auto_close = open(path, O_RDWR | O_CLOEXEC);
	struct utmpx old;
	off_t offset = 0;
	bool there = false;
	int r;

	if (fd < 0)
		return -errno;
	r = lock(fd);
	if (r == 0)
		r = find(fd, record.ut_type, &old, &offset, &there);
	return r < 0 ? r : write_at(fd, &record, offset, !there);
}

static int
put_wtmp(const char *path, struct utmpx record)
{
	int fd auto_close = open(path, O_WRONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = lock(fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Half a record at the end would shift all that follow. */
	return write_at(fd, &record, st.st_size - st.st_size % (off_t) sizeof(record), true);
}

static struct utmpx
make_level(struct record_level level)
{
	unsigned int previous = level.previous == LEVEL_NONE ? 0 : (unsigned char) level.previous;

	return make(RUN_LVL, "runlevel", (unsigned char) level.level + 256 * previous);
}

int
record_boot_utmp(const char *path)
{
	return put_utmp(path, make(BOOT_TIME, "reboot", 0));
}

int
record_boot_wtmp(const char *path)
{
	return put_wtmp(path, make(BOOT_TIME, "reboot", 0));
}

int
record_level_utmp(const char *path, struct record_level level)
{
	return put_utmp(path, make_level(level));
}

int
record_level_wtmp(const char *path, struct record_level level)
{
	return put_wtmp(path, make_level(level));
}

int
record_shutdown_utmp(const char *path)
{
	return put_utmp(path, make(RUN_LVL, "shutdown", 0));
}

int
record_shutdown_wtmp(const char *path)
{
	return put_wtmp(path, make(RUN_LVL, "shutdown", 0));
}

int
record_each_user(const char *path, void (*found)(const char *line, void *data), void *data)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC);
	struct utmpx records[CHUNK];
	off_t offset = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read_chunk(fd, records, CHUNK, offset);
		for (ssize_t i = 0; i < n; i++) {
			char line[sizeof(records[i].ut_line) + 1] = "";

			if (records[i].ut_type != USER_PROCESS || records[i].ut_user[0] == '\0')
				continue;
			memcpy(line, records[i].ut_line, sizeof(records[i].ut_line));
			found(line, data);
		}
		offset += n * (off_t) sizeof(*records);
	} while (n == CHUNK);
	return n < 0 ? (int) n : 0;
}
