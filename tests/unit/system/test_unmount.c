/* SPDX-License-Identifier: MIT */
/*
 * What is tried of the file systems there are, for how long, and what is told of it. The table of mounts is the test's own,
 * and so is what comes of each attempt: none is made.
 */
#include "system/unmount.h"

#include <dirent.h>
#include <errno.h>

#include "common/str.h"
#include "unit.h"

#define TRIES_MAX 100

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
DIR *__wrap_opendir(const char *path);
pid_t __wrap_fork(void);
int __wrap_unmount_attempt(struct unmount *u, const char *what, unsigned limit, int (*fn)(const void *arg), const void *arg);

struct mount {
	const char *path, *device, *type, *source;
	int unmount, read_only; /* what comes of the attempt */
	bool gone;
};

static struct mount *mounts; /* NULL behind the last */
static struct {
	const char *what; /* borrowed from the table */
	unsigned limit;
} tries[TRIES_MAX];
static size_t n_tries;
static bool resting; /* no unmounting any more */

/* -- the world ------------------------------------------------------------------------------ */

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	static char table[4096];
	size_t n = 0;

	(void) mode;
	if (strcmp(path, "/proc/self/mountinfo") != 0)
		return NULL;
	for (const struct mount *m = mounts; m->path != NULL; m++) {
		if (m->gone)
			continue;
		n += (size_t) snprintf(table + n, sizeof(table) - n, "20 1 %s / ", m->device);
		for (const char *p = m->path; *p != '\0'; p++)
			n += (size_t) snprintf(table + n, sizeof(table) - n, *p == ' ' ? "\\040" : "%c", *p);
		n += (size_t) snprintf(table + n, sizeof(table) - n, " rw,relatime shared:1 - %s %s rw\n", m->type, m->source);
	}
	return fmemopen(table, n, "r");
}

FILE *
__wrap_fopen64(const char *path, const char *mode)
{
	return __wrap_fopen(path, mode);
}

DIR *
__wrap_opendir(const char *path)
{
	(void) path;
	return NULL;
}

/* Nobody writes what is in memory. */
pid_t
__wrap_fork(void)
{
	return -1;
}

int
__wrap_unmount_attempt(struct unmount *u, const char *what, unsigned limit, int (*fn)(const void *arg), const void *arg)
{
	(void) u;
	(void) fn;
	(void) arg;
	assert_true(n_tries < TRIES_MAX);
	for (struct mount *m = mounts; m->path != NULL; m++) {
		if (strcmp(m->path, what) != 0)
			continue;
		tries[n_tries].limit = limit;
		tries[n_tries++].what = m->path;
		m->gone = !resting && m->unmount == 0;
		return resting ? m->read_only : m->unmount;
	}
	fail_msg("there is no %s", what);
	return 0;
}

static void
begin(struct unmount *u, struct mount *table)
{
	*u = (struct unmount){ 0 };
	mounts = table;
	n_tries = 0;
	resting = false;
}

static void
rest(struct unmount *u)
{
	resting = true;
	n_tries = 0;
	unmount_rest(u);
}

static void
assert_tried(size_t i, const char *what, unsigned limit)
{
	assert_true(i < n_tries);
	assert_string_equal(tries[i].what, what);
	assert_int_equal(tries[i].limit, limit);
}

static void
assert_left(const struct unmount *u, const char *lines)
{
	auto_free char *left = strv_join(u->left, "\n");

	assert_string_equal(left != NULL ? left : "", lines);
}

/* -- tests ---------------------------------------------------------------------------------- */

static void
the_innermost_goes_first_and_what_the_kernel_shows_stays(void **state)
{
	struct mount table[] = {
		{ .path = "/", .device = "8:1", .type = "ext4", .source = "/dev/sda1" },
		{ .path = "/proc", .device = "0:2", .type = "proc", .source = "proc" },
		{ .path = "/run", .device = "0:3", .type = "tmpfs", .source = "tmpfs" },
		{ .path = "/srv", .device = "8:2", .type = "ext4", .source = "/dev/sda2" },
		{ .path = "/srv/a b", .device = "8:3", .type = "ext4", .source = "/dev/sda3" },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	assert_int_equal(n_tries, 2);
	assert_tried(0, "/srv/a b", 10);
	assert_tried(1, "/srv", 10);
	assert_left(&u, "");
	unmount_deinit(&u);
}

/* The first costs its time, the others a moment, and what lies elsewhere has all of it. */
static void
a_dead_server_is_waited_for_once(void **state)
{
	struct mount table[] = {
		{ .path = "/", .device = "8:1", .type = "ext4", .source = "/dev/sda1" },
		{ .path = "/data", .device = "8:2", .type = "ext4", .source = "/dev/sda2" },
		{ .path = "/a", .device = "0:40", .type = "nfs4", .source = "server:/a", .unmount = -ETIMEDOUT },
		{ .path = "/b", .device = "0:41", .type = "nfs4", .source = "server:/b", .unmount = -ETIMEDOUT },
		{ .path = "/other", .device = "0:42", .type = "nfs4", .source = "server2:/b" },
		{ .path = "/c", .device = "0:43", .type = "nfs4", .source = "server:/c", .unmount = -ETIMEDOUT },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	assert_int_equal(n_tries, 5);
	assert_tried(0, "/c", 10);
	assert_tried(1, "/other", 10);
	assert_tried(2, "/b", 0);
	assert_tried(3, "/a", 0);
	assert_tried(4, "/data", 10);
	assert_left(&u, "/c: Connection timed out\n/b: Connection timed out\n/a: Connection timed out");
	rest(&u);
	assert_int_equal(n_tries, 0);
	unmount_deinit(&u);
}

static void
a_dead_disk_that_is_mounted_twice_is_waited_for_once(void **state)
{
	struct mount table[] = {
		{ .path = "/a", .device = "8:2", .type = "ext4", .source = "/dev/sda2", .unmount = -ETIMEDOUT },
		{ .path = "/share", .device = "0:9", .type = "cifs", .source = "//host/share", .unmount = -ETIMEDOUT },
		{ .path = "/more", .device = "0:10", .type = "cifs", .source = "//host/more", .unmount = -ETIMEDOUT },
		{ .path = "/b", .device = "8:2", .type = "ext4", .source = "/dev/sda2", .unmount = -ETIMEDOUT },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	assert_int_equal(n_tries, 4);
	assert_tried(0, "/b", 10);
	assert_tried(1, "/more", 10);
	assert_tried(2, "/share", 0);
	assert_tried(3, "/a", 0);
	unmount_deinit(&u);
}

static void
a_dead_server_whose_mounts_are_in_use_is_waited_for_once(void **state)
{
	struct mount table[] = {
		{ .path = "/a", .device = "0:40", .type = "nfs", .source = "server:/a", .unmount = -EBUSY, .read_only = -ETIMEDOUT },
		{ .path = "/b", .device = "0:41", .type = "nfs", .source = "server:/b", .unmount = -EBUSY, .read_only = -ETIMEDOUT },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	rest(&u);
	assert_int_equal(n_tries, 2);
	assert_tried(0, "/b", 10);
	assert_tried(1, "/a", 0);
	unmount_deinit(&u);
}

/* It is not known to hang: it is no longer waited for, but made read-only like what is in use. */
static void
what_there_was_no_time_for_is_made_read_only(void **state)
{
	struct mount table[] = {
		{ .path = "/", .device = "8:1", .type = "ext4", .source = "/dev/sda1" },
		{ .path = "/late", .device = "8:2", .type = "ext4", .source = "/dev/sda2", .unmount = -ECANCELED },
		{ .path = "/hangs", .device = "8:3", .type = "ext4", .source = "/dev/sda3", .unmount = -ETIMEDOUT },
		{ .path = "/free", .device = "8:4", .type = "ext4", .source = "/dev/sda4" },
		{ .path = "/slow", .device = "8:2", .type = "ext4", .source = "/dev/sda2", .unmount = -ECANCELED },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	assert_int_equal(n_tries, 4); /* each once, though one of them has moved */
	rest(&u);
	assert_int_equal(n_tries, 2);
	assert_tried(0, "/slow", 10);
	assert_tried(1, "/late", 10);
	assert_left(&u, "/hangs: Connection timed out\n/slow: no time was left for it, read-only now\n"
			"/late: no time was left for it, read-only now");
	unmount_deinit(&u);
}

/* The record of it may lie on one of them, and is written in between. */
static void
what_is_in_use_is_known_before_it_is_made_read_only(void **state)
{
	struct mount table[] = {
		{ .path = "/", .device = "8:1", .type = "ext4", .source = "/dev/sda1" },
		{ .path = "/var", .device = "8:2", .type = "ext4", .source = "/dev/sda2", .unmount = -EBUSY },
		{ .path = "/tmp", .device = "0:9", .type = "tmpfs", .source = "tmpfs", .unmount = -EBUSY },
		{ .path = "/late", .device = "8:6", .type = "ext4", .source = "/dev/sda6", .unmount = -EBUSY, .read_only = -ECANCELED },
		{ .path = "/mute", .device = "8:5", .type = "ext4", .source = "/dev/sda5", .unmount = -EBUSY, .read_only = -ETIMEDOUT },
		{ .path = "/hangs", .device = "8:3", .type = "ext4", .source = "/dev/sda3", .unmount = -ETIMEDOUT },
		{ .path = "/srv", .device = "8:4", .type = "ext4", .source = "/dev/sda4", .unmount = -EBUSY, .read_only = -EBUSY },
		{ 0 },
	};
	struct unmount u;

	(void) state;
	begin(&u, table);
	unmount_all(&u);
	assert_int_equal(n_tries, 6);
	assert_left(&u, "/hangs: Connection timed out\n/srv: Device or resource busy\n/mute: Device or resource busy\n"
			"/late: Device or resource busy\n/var: Device or resource busy");
	rest(&u);
	assert_left(&u, "/hangs: Connection timed out\n/srv: Device or resource busy, and it can't be made read-only\n"
			"/mute: Device or resource busy, and it can't be made read-only: Connection timed out\n"
			"/late: Device or resource busy, and it can't be made read-only: no time was left for it\n"
			"/var: Device or resource busy, read-only now");
	unmount_deinit(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_innermost_goes_first_and_what_the_kernel_shows_stays),
		cmocka_unit_test(a_dead_server_is_waited_for_once),
		cmocka_unit_test(a_dead_disk_that_is_mounted_twice_is_waited_for_once),
		cmocka_unit_test(a_dead_server_whose_mounts_are_in_use_is_waited_for_once),
		cmocka_unit_test(what_there_was_no_time_for_is_made_read_only),
		cmocka_unit_test(what_is_in_use_is_known_before_it_is_made_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
