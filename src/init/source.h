/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What sources.c and told.c share: the files that were found, and what the core was told of them.
 */

#include "init/conffile.h"
#include "init/faults.h"
#include "init/init.h"

struct watch;

/* A conf file. */
struct conf {
	struct conf *prev, *next;
	char *name;  /* owned: the job's */
	char *path;  /* owned */
	uint64_t id; /* its last good definition; 0: it never had one */
	bool masks;  /* a link to /dev/null: hides the name below */
	bool seen;   /* in the walk under way */
	struct conffile_stamp stamp;
	char *override; /* owned: the path of the one that was applied; NULL: none */
	struct conffile_stamp override_stamp;
	struct faults faults; /* of the files as they are now */
};

struct source {
	struct source *prev, *next;
	struct init *init; /* borrowed */
	unsigned number;
	char *path; /* owned */
	char *root; /* owned: of the chroot session it is the folder of; NULL: the machine's */
	bool file;  /* the one file of global settings */
	bool missed; /* the last walk came to no end: more may lie there than is known */
	bool force; /* the walk under way reads files that have not changed, too */
	struct faults faults; /* of that file */
	struct conf *confs;
	struct map by_name;
};

/* A name the core was told of. */
struct told {
	struct told *prev, *next;
	char *name; /* owned */
	uint64_t id;
};

struct sources {
	struct source *list; /* highest priority first */
	struct told *told;
	struct map told_by_name;
	struct watch *watch;
	bool watching;	 /* an attempt was made */
	bool confinable; /* AppArmor is usable */
	struct loop_timer *retry; /* owned; something was lacking: all is looked at again then */
	usec_t delay;
};

/* The definition the core runs that file's job with, after a re-exec; 0: none. */
uint64_t conf_inherited_id(const struct init *init, const struct conf *conf);
/* Something was lacking (-ENOMEM, -EMFILE …), so that less than all was understood: all is looked at again soon. */
void sources_lack(struct init *init, int r);
