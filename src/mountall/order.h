/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is to be mounted, and what must be there before it: no system calls, so that tests can play every machine.
 *
 * An entry comes after those whose mount points are above its own, and after those that hold the file or folder it is
 * made of (a bind mount, a swap file, the layers of an overlay). Only then is it begun, and what depends on it waits in turn.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"

enum mount_kind {
	MOUNT_VIRTUAL, /* of the kernel's own making: proc, tmpfs */
	MOUNT_LOCAL,
	MOUNT_REMOTE, /* needs the network, or lies on one that does */
	MOUNT_SWAP,
	MOUNT_KINDS
};

enum mount_stage {
	MOUNT_WAITING, /* for others, for its device, for the network */
	MOUNT_BUSY,    /* a worker is at it */
	MOUNT_BROKEN,  /* somebody must look at it */
	MOUNT_THERE,
	MOUNT_LEFT_OUT /* given up, or without what it lies on; said so */
};

struct mount_entry {
	char *source;  /* owned: a device, a path, NAME=VALUE, or any word */
	char *device;  /* owned: which of the disks that is, if they had to be asked; or NULL */
	char *target;  /* owned: without a / at the end; of swap "none" */
	char *type;    /* owned */
	char *options; /* owned; "" for none */
	int pass;      /* of fsck; 0: never */
	enum mount_kind kind;
	bool needed;   /* what waits for all of its kind waits for it */
	bool quiet;    /* not there in every kernel: nothing is said */
	bool built_in; /* fstab may say it anew */
	bool first;    /* is or replaces a built-in one: before any disk, the root too */
	bool bound;    /* its source is a path in another: bind, move, loop */
	enum mount_stage stage;
	bool tried_again; /* after somebody has looked at it */
	bool seen;	  /* of a search */
	size_t *after;	  /* owned: numbers of entries */
	size_t after_count;
};

struct mounts {
	struct mount_entry *entries; /* owned */
	size_t count;
	bool network;		/* remote ones may be tried */
	bool told[MOUNT_KINDS]; /* that all of the kind are there */
};

/* One line of fstab. */
struct mount_line {
	const char *source, *target, *type, *options;
	int pass;
	bool pseudo; /* as the library that read it says: a file system without a device */
	bool net;    /* and one of the network */
	bool built_in, quiet;
};

/*
 * Take in a line; lines that say noauto, or are to be ignored, are left out. One for the same place as a built-in one takes
 * its place. 0 or -ENOMEM.
 */
int must_check mounts_add(struct mounts *m, const struct mount_line *line);

/*
 * Find out what comes after what, when all lines are in. Called for each source that can't be had because its way goes in a
 * circle, which is then left out. 0 or -ENOMEM.
 */
typedef void (*mounts_circle_fn)(void *data, const struct mount_entry *entry);
int must_check mounts_link(struct mounts *m, mounts_circle_fn circle, void *data);

/* An entry that waits for nothing but perhaps its device, not before number `from`; NULL: none. */
struct mount_entry *mounts_next(struct mounts *m, size_t from);
/* What it lies on was left out; that one, or NULL. */
const struct mount_entry *mounts_lacks(const struct mounts *m, const struct mount_entry *e);

/* Are all of a kind there that are needed, or given up? Never true before mounts_link(). */
bool mounts_settled(const struct mounts *m, enum mount_kind kind);
/* Is nothing left to do? */
bool mounts_over(const struct mounts *m);

/* The value of an option, "" for one without, NULL: it is not among them. Borrowed from `options`; *n is its length. */
const char *mount_option(const char *options, const char *name, size_t *n);
/* The same words without those that are not for the kernel or mount(8), but for us. Owned; NULL: out of memory. */
char *mount_options_proper(const char *options);
/* The same words with *** for the values of those that are passwords: for all to read. Owned; NULL: out of memory. */
char *mount_options_public(const char *options);

void mounts_deinit(struct mounts *m); /* idempotent */
