/* SPDX-License-Identifier: MIT */
#include "init/scopes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/env.h"
#include "common/scope.h"
#include "init/sources.h"
#include "system/process.h"

bool
scopes_are_on(const struct init *init)
{
	return init->options.chroot_sessions && env_get(init->own_env, "UPSTART_NO_SESSIONS") == NULL;
}

int
scopes_root_of(pid_t pid, char **root)
{
	char link[64], target[PATH_MAX];
	uid_t uid;
	ssize_t n;
	int r;

	*root = NULL;
	r = process_user(pid, &uid);
	if (r < 0)
		return r == -ESRCH ? r : 0;
	if (uid != 0 && uid != geteuid())
		return -EPERM;
	(void) snprintf(link, sizeof(link), "/proc/%d/root", (int) pid);
	n = readlink(link, target, sizeof(target));
	if (n < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : 0;
	if (n < 2 || target[0] != '/' || (size_t) n == sizeof(target))
		return 0;
	*root = span_dup((struct span){ target, (size_t) n });
	return *root != NULL ? 0 : -ENOMEM;
}

/* How a request speaks of a job, and what somebody in a chroot session gets. */
enum speech {
	DENIED_TO_SESSIONS, /* what is not in the table, too */
	SPEAKS_OF_NONE,	    /* or looks at the session itself */
	BY_OBJECT,	    /* by the path of an object, which has the session in it; reading is for everybody */
	CHANGES,	    /* the same, but it changes something */
	BY_NAME,	    /* by the name as users know it */
	NOT_FOR_SESSIONS,   /* it succeeds and does nothing */
};

static const uint8_t speeches[REQUEST_ACTION_COUNT] = {
	[REQUEST_EMIT] = SPEAKS_OF_NONE,
	[REQUEST_STATE_SET] = SPEAKS_OF_NONE,
	[REQUEST_STATE_CLEAR] = SPEAKS_OF_NONE,
	[REQUEST_STATE_REPLACE] = SPEAKS_OF_NONE,
	[REQUEST_STATE_ENDED] = SPEAKS_OF_NONE,
	[REQUEST_GET_STATES] = SPEAKS_OF_NONE,
	[REQUEST_RELOAD_CONFIG] = SPEAKS_OF_NONE,
	[REQUEST_SET_LOG_PRIORITY] = SPEAKS_OF_NONE,
	[REQUEST_GET_JOBS] = SPEAKS_OF_NONE,
	[REQUEST_GET_LOG_PRIORITY] = SPEAKS_OF_NONE,
	[REQUEST_GET_FAULTS] = SPEAKS_OF_NONE,
	[REQUEST_GET_ROOT] = SPEAKS_OF_NONE,
	[REQUEST_GET_OBJECTS] = SPEAKS_OF_NONE,
	[REQUEST_JOB_START] = CHANGES,
	[REQUEST_JOB_STOP] = CHANGES,
	[REQUEST_JOB_RESTART] = CHANGES,
	[REQUEST_INSTANCE_START] = CHANGES,
	[REQUEST_INSTANCE_STOP] = CHANGES,
	[REQUEST_INSTANCE_RESTART] = CHANGES,
	[REQUEST_INSTANCE_RELOAD] = CHANGES,
	[REQUEST_JOB_RESET] = CHANGES,
	[REQUEST_INSTANCE_RESET] = CHANGES,
	[REQUEST_REEXEC] = NOT_FOR_SESSIONS,
	[REQUEST_END_SESSION] = NOT_FOR_SESSIONS,
	[REQUEST_SET_ENV] = NOT_FOR_SESSIONS,
	[REQUEST_UNSET_ENV] = NOT_FOR_SESSIONS,
	[REQUEST_RESET_ENV] = NOT_FOR_SESSIONS,
	[REQUEST_NOTIFY_DISK] = NOT_FOR_SESSIONS,
	[REQUEST_BUS_ADDRESS] = NOT_FOR_SESSIONS,
	[REQUEST_GET_JOB] = BY_NAME,
	[REQUEST_GET_INSTANCE] = BY_OBJECT,
	[REQUEST_GET_INSTANCE_BY_NAME] = BY_OBJECT,
	[REQUEST_GET_INSTANCES] = BY_OBJECT,
	[REQUEST_JOB_PROPERTIES] = BY_OBJECT,
	[REQUEST_INSTANCE_PROPERTIES] = BY_OBJECT,
	[REQUEST_GET_STATE] = DENIED_TO_SESSIONS,
	[REQUEST_GET_ENV] = DENIED_TO_SESSIONS,
	[REQUEST_EXPLAIN] = DENIED_TO_SESSIONS,
	[REQUEST_GET_WAITS] = DENIED_TO_SESSIONS,
	[REQUEST_GET_HISTORY] = DENIED_TO_SESSIONS,
	[REQUEST_GET_SNAPSHOT] = DENIED_TO_SESSIONS,
	[REQUEST_LIST_ENV] = BY_NAME,
	[REQUEST_LOG_PATH] = BY_NAME,
};

/* A name given by a user, made that of a job of his session. */
static int
admit_name(const struct msg_request *m, char **name)
{
	if (m->job == NULL)
		return SCOPE_GO_ON;
	if (m->root == NULL)
		return scope_root(m->job).n > 0 ? SCOPE_UNKNOWN : SCOPE_GO_ON;
	*name = scope_join(scope_of(m->root), m->job);
	return *name != NULL ? SCOPE_GO_ON : -ENOMEM;
}

/*
 * control says in what chroot session its client is. Somebody may have taken it over: what init has not seen itself of
 * those who may ask it does not believe, or files that anybody can write would become jobs. A client that has left was seen when it came
 * (GET_ROOT). SCOPE_GO_ON, SCOPE_DENIED or -ENOMEM.
 */
static int
check_root(struct init *init, const struct msg_request *m)
{
	auto_free char *root = NULL;
	int r;

	if (!scopes_are_on(init))
		return SCOPE_DENIED;
	if (sources_has_session(init, m->root))
		return SCOPE_GO_ON;
	r = m->pid > 0 ? scopes_root_of(m->pid, &root) : -ESRCH;
	if (r == -ENOMEM)
		return r;
	if (root == NULL || strcmp(root, m->root) != 0)
		return SCOPE_DENIED;
	return sources_add_session(init, m->root) ? SCOPE_GO_ON : -ENOMEM;
}

int
scopes_admit(struct init *init, const struct msg_request *m, char **name)
{
	enum speech speech = m->action < REQUEST_ACTION_COUNT ? speeches[m->action] : DENIED_TO_SESSIONS;

	int r = m->root != NULL ? check_root(init, m) : SCOPE_GO_ON;

	if (r != SCOPE_GO_ON)
		return r;
	switch (speech) {
	case SPEAKS_OF_NONE:
	case BY_OBJECT:
		return SCOPE_GO_ON;
	case CHANGES:
		return m->job == NULL || scope_equal(scope_root(m->job), scope_of(m->root)) ? SCOPE_GO_ON
											    : SCOPE_FOREIGN;
	case BY_NAME:
		return admit_name(m, name);
	case NOT_FOR_SESSIONS:
		if (m->root == NULL)
			return admit_name(m, name);
		if (m->action != REQUEST_NOTIFY_DISK)
			log_warn("A request from the chroot session %s is ignored", m->root);
		return SCOPE_IGNORED;
	case DENIED_TO_SESSIONS:
		return m->root != NULL ? SCOPE_DENIED : admit_name(m, name);
	}
	return SCOPE_GO_ON;
}
