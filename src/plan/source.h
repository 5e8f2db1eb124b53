/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a prediction begins with: a snapshot of a running init, or a directory of job files.
 */

#include "core/core.h"
#include "init/definitions.h"
#include "init/record.h"

struct source {
	struct definitions *definitions; /* owned */
	struct record_config config;	 /* owned */
	struct strbuf core;		 /* owned: the core, packed; empty: there is none, only definitions */
	struct u64v ids;		 /* owned: of a directory, the definitions in the order of their files */
	size_t wrong;			 /* files of a directory that say nothing that makes sense */
};

#define SOURCE_INIT                                                                                                    \
	{                                                                                                              \
		0                                                                                                      \
	}
void source_deinit(struct source *source); /* idempotent */
#define auto_source __attribute__((cleanup(source_deinit)))

/* Takes `fd`. 0; -EBADMSG: that is no snapshot of this release; or another negative errno. */
int must_check source_read_snapshot(struct source *source, int fd);
/* Files with faults are told of on the standard error and left out, or read without their override. 0 or a negative
 * errno. */
int must_check source_read_directory(struct source *source, const char *dir);

/* The configuration for a core over these definitions; borrowed. */
struct core_config source_config(const struct source *source);
