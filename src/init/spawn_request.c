/* SPDX-License-Identifier: MIT */
#include "init/spawn_request.h"

#include <errno.h>
#include <string.h>

#include "common/ipc.h"
#include "common/scope.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/rlimits.h"
#include "init/servants.h"

_Static_assert(JOB_FDS_MAX + 2 <= IPC_MAX_FDS, "descriptors of events go along with two pipes");

#define TMPFILES "systemd-tmpfiles" /* looked for in the job's PATH */

char *
spawn_display(const struct effect_spawn *e)
{
	const char *kind = process_kind_name((enum process_kind) e->kind);

	if (e->instance == NULL || *e->instance == '\0')
		return str_printf("%s %s", e->job, kind);
	return str_printf("%s (%s) %s", e->job, e->instance, kind);
}

static uint32_t
flags_of(const struct init *init, const struct effect_spawn *e, const struct job_class *cls)
{
	return (init_is_session(init) ? SPAWN_FLAG_SESSION : 0) |
	       (init_is_session(init) && !init->options.no_inherit_env ? SPAWN_FLAG_FOREIGN : 0) |
	       (e->kind == PROCESS_SECURITY ? SPAWN_FLAG_SECURITY : 0) |
	       (cls->debug && init->options.debug ? SPAWN_FLAG_DEBUG : 0) |
	       (cls->user_environment ? SPAWN_FLAG_USER_ENV : 0);
}

static int
add_limit(struct u64v *limits, uint64_t which, uint64_t soft, uint64_t hard)
{
	return u64v_add(limits, which) < 0 || u64v_add(limits, soft) < 0 || u64v_add(limits, hard) < 0 ? -ENOMEM : 0;
}

static uint64_t
limit_value(rlim_t v)
{
	return v == RLIM_INFINITY ? UINT64_MAX : v;
}

static int
fill_limits(const struct init *init, const struct job_class *cls, struct u64v *limits)
{
	for (size_t i = 0; i < JOB_LIMIT_COUNT; i++) {
		const struct job_limit *l = &cls->limits[i];
		const struct rlimit *given = limits_given(init, job_limit_names[i]);

		if (l->set && add_limit(limits, i, l->soft, l->hard) < 0)
			return -ENOMEM;
		/* A process made here would get what init has raised for itself. */
		if (!l->set && given != NULL && servants_hopeless(init, SERVANT_SPAWNER) &&
		    add_limit(limits, i, limit_value(given->rlim_cur), limit_value(given->rlim_max)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
fill_attributes(const struct effect_spawn *e, const struct job_class *cls, struct msg_spawn *msg)
{
	const struct job_process *process = &cls->process[e->kind];
	const char *user = process->setuid != NULL ? process->setuid : cls->setuid;
	/* The job's group is for the job's user. */
	const char *group = process->setgid != NULL || process->setuid != NULL ? process->setgid : cls->setgid;
	struct error err = ERROR_INIT;

	if (scope_root(cls->name).n > 0) {
		msg->root = span_dup(scope_root(cls->name));
		if (msg->root == NULL)
			return -ENOMEM;
	}
	if (str_copy(&msg->chroot, cls->chroot) < 0 || str_copy(&msg->chdir, cls->chdir) < 0 ||
	    str_copy(&msg->setuid, user) < 0 || str_copy(&msg->setgid, group) < 0)
		return -ENOMEM;
	if (cls->apparmor_switch == NULL || e->kind != PROCESS_MAIN)
		return 0;
	return env_expand(&msg->apparmor_switch, cls->apparmor_switch, e->env, &err);
}

/* Descriptors of events: those that are still there. */
static int
fill_fds(const struct init *init, const struct effect_spawn *e, struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	for (size_t i = 0; i + 1 < e->fds.n && *n_fds < IPC_MAX_FDS; i += 2) {
		int fd = fdtable_get(init, e->fds.p[i]);

		if (fd < 0)
			continue;
		if (u64v_add(&msg->fds, e->fds.p[i + 1]) < 0)
			return -ENOMEM;
		fds[(*n_fds)++] = fd;
	}
	return 0;
}

/*
 * `tmpfiles` before what loads a profile, if anything does. Where the helper is not there the job goes on without.
 * 0 or -ENOMEM.
 */
static int
fill_tmpfiles(const struct job_class *cls, const char *then, struct msg_spawn *msg)
{
	static const char script[] =
	    "if command -v " TMPFILES " >/dev/null; then " TMPFILES " --create --remove \"$@\" || exit; "
	    "else echo '" TMPFILES " is not there: nothing is done for tmpfiles' >&2; fi";
	const char *const shell[] = { "/bin/sh", "-c" };

	for (size_t i = 0; i < ARRAY_SIZE(shell); i++)
		if (strv_add(&msg->argv, shell[i]) < 0)
			return -ENOMEM;
	if (strv_take(&msg->argv, str_printf("%s%s%s", script, *then != '\0' ? "\nexec " : "", then)) < 0 ||
	    strv_add(&msg->argv, "tmpfiles") < 0)
		return -ENOMEM;
	return strv_extend(&msg->argv, cls->tmpfiles);
}

static int
fill_command(const struct effect_spawn *e, const struct job_class *cls, struct msg_spawn *msg)
{
	const struct job_process *process = &cls->process[e->kind];

	if (e->kind == PROCESS_SECURITY && cls->tmpfiles != NULL)
		return fill_tmpfiles(cls, process->command, msg);
	return job_process_command(process, &msg->argv, &msg->script);
}

int
spawn_request_fill(const struct init *init, const struct effect_spawn *e, const struct job_class *cls, const char *name,
		   struct msg_spawn *msg, int *fds, size_t *n_fds)
{
	int r;

	if (e->kind >= PROCESS_KIND_COUNT || cls->process[e->kind].command == NULL)
		return -EINVAL;
	msg->process = e->process;
	msg->flags = flags_of(init, e, cls);
	msg->console = logs_console(init, cls);
	msg->umask = cls->umask != JOB_UMASK_UNSET ? cls->umask : init->umask;
	msg->nice = cls->nice;
	msg->oom_score_adj = cls->oom_score_adj != JOB_OOM_UNSET ? cls->oom_score_adj : init->settings.oom_score;
	if (str_copy(&msg->name, name != NULL ? name : "job") < 0 || strv_dup(&msg->env, e->env) < 0 ||
	    fill_command(e, cls, msg) < 0 ||
	    fill_limits(init, cls, &msg->limits) < 0)
		return -ENOMEM;
	r = fill_attributes(e, cls, msg);
	return r < 0 ? r : fill_fds(init, e, msg, fds, n_fds);
}
