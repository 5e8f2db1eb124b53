/* SPDX-License-Identifier: MIT */
#include "mountall/fstab.h"

#include <errno.h>
#include <libmount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/log.h"
#include "common/str.h"

/* init has mounted most of them; who waits for one is told all the same. */
static const struct mount_line built_in[] = {
	{ .source = "proc", .target = "/proc", .type = "proc", .options = "nodev,noexec,nosuid" },
	{ .source = "sysfs", .target = "/sys", .type = "sysfs", .options = "nodev,noexec,nosuid" },
	{ .source = "devtmpfs", .target = "/dev", .type = "devtmpfs", .options = "mode=0755,nosuid" },
	{ .source = "devpts", .target = "/dev/pts", .type = "devpts", .options = "noexec,nosuid,gid=5,mode=0620" },
	{ .source = "tmpfs", .target = "/dev/shm", .type = "tmpfs", .options = "nosuid,nodev,mode=1777" },
	{ .source = "tmpfs", .target = "/run", .type = "tmpfs", .options = "nosuid,nodev,size=20%,mode=0755" },
	{ .source = "tmpfs", .target = "/run/lock", .type = "tmpfs", .options = "nosuid,nodev,noexec,size=5m,mode=1777" },
	{ .source = "securityfs", .target = "/sys/kernel/security", .type = "securityfs", .quiet = true },
	{ .source = "debugfs", .target = "/sys/kernel/debug", .type = "debugfs", .options = "mode=0700", .quiet = true },
};

static int
fault_cb(struct libmnt_table *table, const char *path, int line)
{
	(void) table;
	log_warn("%s:%d: this is no line of fstab(5)", path, line);
	return 1;
}

static int
add_fs(struct mounts *m, struct libmnt_fs *fs)
{
	struct mount_line line = {
		.source = mnt_fs_get_source(fs),
		.target = mnt_fs_get_target(fs),
		.type = mnt_fs_get_fstype(fs),
		.options = mnt_fs_get_options(fs),
		.pass = mnt_fs_get_passno(fs),
		.pseudo = mnt_fs_is_pseudofs(fs),
		.net = mnt_fs_is_netfs(fs),
	};

	if (line.source == NULL)
		line.source = "none";
	if (line.target == NULL)
		line.target = "none";
	if (line.type == NULL)
		line.type = "auto";
	return mounts_add(m, &line);
}

static int
add_table(struct mounts *m, struct libmnt_table *table)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = iter != NULL ? 0 : -ENOMEM;

	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0)
		r = add_fs(m, fs);
	mnt_free_iter(iter);
	return r;
}

int
fstab_read(struct mounts *m, const char *path, struct error *err)
{
	struct libmnt_table *table = mnt_new_table();
	int r = table != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(built_in); i++) {
		struct mount_line line = built_in[i];

		line.built_in = line.pseudo = true;
		r = mounts_add(m, &line);
	}
	if (r == 0) {
		(void) mnt_table_set_parser_errcb(table, fault_cb);
		r = mnt_table_parse_fstab(table, path);
		if (r < 0 && r != -ENOMEM && r != -ENOENT)
			r = error_set(err, r, NULL, "%s: %s", path, strerror(-r));
		r = r == -ENOENT ? 0 : r; /* a machine without one has what every machine has */
		if (r == 0)
			r = add_table(m, table);
	}
	mnt_unref_table(table);
	return r == -ENOMEM ? error_nomem(err) : r;
}

/* -- what is there ------------------------------------------------------------------- */

/* Of a disk another one may be mounted there: not the one that is asked for. */
static bool
is_another_disk(struct libmnt_fs *fs, const struct stat *disk)
{
	dev_t device = mnt_fs_get_devno(fs);

	/* Some file systems, of several disks, have no number of one; the 0 of these says nothing. */
	return S_ISBLK(disk->st_mode) && major(device) != 0 && device != disk->st_rdev;
}

static bool
has_target(struct libmnt_table *table, const struct mount_entry *e)
{
	struct libmnt_cache *cache = mnt_new_cache();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	auto_free char *source = e->bound ? NULL : fstab_find_source(e);
	struct stat disk = { 0 };
	struct libmnt_fs *fs;
	bool has = false;

	if (source != NULL && strcmp(e->target, "/") != 0 && stat(source, &disk) < 0)
		disk.st_mode = 0;
	while (iter != NULL && !has && mnt_table_next_fs(table, iter, &fs) == 0)
		has = mnt_fs_match_target(fs, e->target, cache) && !is_another_disk(fs, &disk);
	mnt_free_iter(iter);
	mnt_unref_cache(cache);
	return has;
}

static bool
table_has(struct libmnt_table *table, const struct mount_entry *e)
{
	auto_free char *source = NULL;

	if (e->kind != MOUNT_SWAP)
		return has_target(table, e);
	source = fstab_find_source(e);
	return source != NULL && mnt_table_find_srcpath(table, source, MNT_ITER_FORWARD) != NULL;
}

bool
fstab_is_mounted(const struct mount_entry *e)
{
	struct libmnt_table *table = mnt_new_table();
	bool has = false;

	if (table != NULL) {
		int r = e->kind == MOUNT_SWAP ? mnt_table_parse_swaps(table, NULL) : mnt_table_parse_mtab(table, NULL);

		has = r == 0 && table_has(table, e);
	}
	mnt_unref_table(table);
	return has;
}

/* "UUID=" and the like as the name that udev gives, e.g. /dev/disk/by-uuid/X. NULL: it is no such name. */
static char *
udev_name(const char *source)
{
	static const struct {
		const char *tag, *folder;
	} tags[] = {
		{ "UUID=", "by-uuid" },		{ "LABEL=", "by-label" }, { "PARTUUID=", "by-partuuid" },
		{ "PARTLABEL=", "by-partlabel" }, { "ID=", "by-id" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t n = strlen(tags[i].tag);

		if (strncmp(source, tags[i].tag, n) == 0)
			return str_printf("/dev/disk/%s/%s", tags[i].folder, source + n);
	}
	return NULL;
}

int
fstab_look(const struct mount_entry *e)
{
	auto_free char *name = udev_name(e->source);
	const char *path = name != NULL ? name : e->source;
	struct stat st;

	if (strncmp(path, "/dev/", 5) != 0 || stat(path, &st) == 0)
		return 1;
	return name != NULL ? -EAGAIN : 0;
}

char *
fstab_find_source(const struct mount_entry *e)
{
	auto_free char *name = udev_name(e->source);
	struct stat st;

	if (name != NULL && stat(name, &st) == 0)
		return steal(&name);
	/* Without udev, or with a label that udev writes in another way, the disks were asked themselves. */
	if (name != NULL)
		return e->device != NULL ? strdup(e->device) : NULL;
	if (strncmp(e->source, "/dev/", 5) == 0 && stat(e->source, &st) < 0)
		return NULL;
	return strdup(e->source);
}
