/* SPDX-License-Identifier: MIT */
#include "initctl/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/str.h"

#define FIRST_SECONDS 1 /* before that nothing is shown */
#define LIMIT_MS 5000	/* for an answer: else the line stays as it is */

/* Never comes back: the command that waits, `parent`, ends this process. */
static _Noreturn void
show(struct initctl *ctl, pid_t parent, const char *job, char *const *env)
{
	const struct timespec second = { .tv_sec = 1 };
	char *job_path auto_free = NULL;

	ctl->upstart = NULL; /* that of the command stays its own */
	ctl->tool.level = TOOL_QUIET;
	for (unsigned seconds = FIRST_SECONDS;; seconds++) {
		struct upstart_instance *instance = NULL;
		char *path auto_free = NULL;
		struct strbuf name auto_strbuf = STRBUF_INIT;

		(void) nanosleep(&second, NULL);
		if (getppid() != parent || (!ctl->upstart && initctl_connect(ctl) != EXIT_SUCCESS))
			_exit(EXIT_FAILURE);
		upstart_set_limits(ctl->upstart, LIMIT_MS, LIMIT_MS);
		if ((!job_path && upstart_get_job(ctl->upstart, job, &job_path, NULL) < 0) ||
		    upstart_job_instance(ctl->upstart, job_path, env, &path, NULL) < 0 ||
		    upstart_instance_properties(ctl->upstart, path, &instance, NULL) < 0)
			continue;
		tool_add_visible(&name, job);
		if (*instance->name) {
			strbuf_add(&name, " (");
			tool_add_visible(&name, instance->name);
			strbuf_addc(&name, ')');
		}
		if (!name.failed)
			(void) fprintf(stderr, _("\r\033[K%s %s/%s for %u s"), name.p, instance->goal, instance->state,
				       seconds);
		upstart_instance_free(instance);
	}
}

pid_t
progress_begin(const struct initctl *ctl, const char *job, char *const *env)
{
	struct initctl copy = *ctl;
	pid_t parent = getpid(), pid;

	if (!tool_is_watched() || ctl->tool.level == TOOL_QUIET)
		return -1;
	(void) fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid; /* without it the command works as well */
	show(&copy, parent, job, env);
}

void
progress_end(pid_t progress)
{
	if (progress <= 0)
		return;
	(void) kill(progress, SIGKILL);
	while (waitpid(progress, NULL, 0) < 0 && errno == EINTR)
		;
	(void) fputs("\r\033[K", stderr);
}
