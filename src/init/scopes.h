/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Chroot sessions (job-language.md 8.11, control.md 1.6): whoever calls from below another root directory has jobs of
 * his own, in ROOT/etc/init, and no others. Off unless init was told --chroot-sessions. What the jobs are called inside
 * init says common/scope.h; control finds out with REQUEST_GET_ROOT where a client is, and says so in each of its
 * requests.
 */

#include "init/init.h"

bool scopes_are_on(const struct init *init);

/*
 * The root directory of a process of those who may ask init for anything, its own user and root; owned. NULL: that of
 * init, or it can't be told. -ESRCH: it is no more; -EPERM: somebody else's, who may have any directory for his root;
 * or -ENOMEM.
 */
int must_check scopes_root_of(pid_t pid, char **root);

/* What a request or query may have of jobs. */
enum scope_verdict {
	SCOPE_GO_ON,
	SCOPE_UNKNOWN, /* it names a job of a session, whose names nobody outside knows */
	SCOPE_FOREIGN, /* it would change a job of another session: refuse it */
	SCOPE_DENIED,  /* nobody in a chroot session may ask this */
	SCOPE_IGNORED, /* it succeeds and does nothing */
};

/*
 * Look at a request or query before it is dealt with. The session of who asks is read in if it is new. `name` is left
 * alone, or becomes what the request's job, given by its plain name, is called inside init: owned, and m->job is to be
 * that then. A verdict, or -ENOMEM.
 */
int must_check scopes_admit(struct init *init, const struct msg_request *m, char **name);
