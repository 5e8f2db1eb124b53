/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Object paths: the frozen escaping of control.md section 2, both ways.
 */

#include "control/control.h"

enum object_kind {
	OBJECT_NONE, /* an intermediate path, or nothing of ours */
	OBJECT_MANAGER,
	OBJECT_JOB,
	OBJECT_INSTANCE,
};

struct object {
	enum object_kind kind;
	char *job;	/* owned; NULL for the manager */
	char *instance; /* owned; NULL unless OBJECT_INSTANCE */
};

#define OBJECT_INIT                                                                                                    \
	{                                                                                                              \
		0                                                                                                      \
	}

/* Append E(s): letters and digits stay, other bytes become _hh, the empty string becomes _. */
void path_escape(struct strbuf *b, const char *s);

/* Append E(job), of one in a chroot session (common/scope.h) E(root)/E(job). */
void path_add_job(struct strbuf *b, const char *job);

/* Paths of a job and an instance: owned; NULL when out of memory. */
char *path_job(const char *job);
char *path_instance(const char *job, const char *instance);

/*
 * What a path names. Only the one spelling path_escape() makes is taken, so that an object has one path.
 * 0 (then object_deinit() it) or -ENOMEM. A path that names nothing gives OBJECT_NONE.
 */
int must_check path_parse(const char *path, struct object *object);
void object_deinit(struct object *object); /* idempotent */
