/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who a job runs as: setuid and setgid stanzas (runtime.md 9.3 steps 15 to 17).
 *
 * - setuid USER alone implies USER's primary group; setgid GROUP overrides it.
 * - Root's supplementary groups never stay with another user: they become those of USER plus the
 *   group in force. With setgid alone they are root's plus GROUP. With neither only gid 0, and
 *   nothing is looked up, so that a chroot needs no /etc/passwd.
 * - Both may be numbers. A number without a record in /etc/passwd needs a setgid, since its
 *   group can't be known.
 */

#include "common/msg.h"

struct spawn_identity {
	bool has_user;
	bool has_group;
	uid_t uid;
	gid_t gid;
	char *user;  /* owned; for the supplementary groups; NULL: it has no name */
	char *home;  /* owned; NULL: not known */
	char *shell; /* owned; the same */
};

#define SPAWN_IDENTITY_INIT                                                                                            \
	{                                                                                                              \
		0                                                                                                      \
	}

void spawn_identity_deinit(struct spawn_identity *id); /* idempotent */

/*
 * Have the C library load what it looks users and groups up with, and settle where they are looked up, from the root
 * directory of now: after a later chroot the files inside are read, but no code from there runs. Once per process.
 */
void spawn_identity_prepare(void);

/* Look up the names (NULL: not asked for). SPAWN_NONE, or the step that failed and *error its errno (0: no such
 * record). */
enum spawn_step must_check spawn_identity_find(struct spawn_identity *id, const char *user, const char *group,
					       int *error);

/*
 * What is known of the user that *id stands for (without one: of the caller) as variables HOME, USER, LOGNAME and
 * SHELL, added to *env, a string vector, where it has none of that name. Nothing for a number without a record.
 * SPAWN_NONE, or the step that failed and *error its errno.
 */
enum spawn_step must_check spawn_identity_environment(struct spawn_identity *id, char ***env, int *error);

/* Take it on for ever. SPAWN_NONE, or the step that failed and *error its errno. */
enum spawn_step must_check spawn_identity_assume(const struct spawn_identity *id, int *error);
