/* SPDX-License-Identifier: MIT */
/*
 * Where the files of zones are. TZDIR says where else to look, as for libc.
 */
#include "schedule/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "/usr/share/zoneinfo"
#define LOCAL "/etc/localtime"
#define FILE_MAX ((size_t) 1024 * 1024)

/* 0 or a negative errno; *bytes is the caller's. */
static int
read_file(const char *path, char **bytes, size_t *size)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	if (st.st_size > (off_t) FILE_MAX)
		return -EFBIG;
	*bytes = malloc((size_t) st.st_size + 1);
	if (!*bytes)
		return -ENOMEM;
	while (n < (size_t) st.st_size && got > 0) {
		got = read(fd, *bytes + n, (size_t) st.st_size - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t) got;
	}
	*size = n;
	return got < 0 ? -errno : 0;
}

/* Read and understand one file. 0, -EBADMSG, or a negative errno. */
static int
load_file(struct zone **zone, const char *path)
{
	char *bytes auto_free = NULL;
	size_t size = 0;
	int r = read_file(path, &bytes, &size);

	if (r == 0)
		r = zone_parse(zone, bytes, size);
	return r == -EINVAL ? -EBADMSG : r;
}

static int
load_local(struct zone **zone, struct error *err)
{
	int r = load_file(zone, LOCAL);

	if (r == -ENOENT || r == -ENOTDIR) {
		*zone = zone_fixed(0);
		r = *zone ? 0 : -ENOMEM;
	}
	if (r == -ENOMEM)
		return error_nomem(err);
	return r < 0 ? error_set(err, r, NULL, "Unable to read the time zone of %s: %s", LOCAL, strerror(-r)) : 0;
}

int
zone_load(struct zone **zone, const char *name, struct error *err)
{
	const char *folder = getenv("TZDIR");
	char *path auto_free = NULL;
	int r;

	if (!name || !*name)
		return load_local(zone, err);
	if (!zone_is_name(span_of(name)))
		return error_set(err, -EINVAL, NULL, "Not the name of a time zone: %s", name);
	path = str_printf("%s/%s", folder && folder[0] == '/' ? folder : FOLDER, name);
	if (!path)
		return error_nomem(err);
	r = load_file(zone, path);
	if (r == 0)
		return 0;
	if (strcmp(name, "UTC") == 0 && (r == -ENOENT || r == -ENOTDIR)) {
		*zone = zone_fixed(0);
		return *zone ? 0 : error_nomem(err);
	}
	if (r == -ENOMEM)
		return error_nomem(err);
	if (r == -ENOENT || r == -ENOTDIR)
		return error_set(err, -ENOENT, NULL, "There is no time zone %s", name);
	return error_set(err, r, NULL, "Unable to read the time zone %s: %s", name, strerror(-r));
}
