/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "initctl/commands.h"
#include "initctl/progress.h"
#include "initctl/status_line.h"
#include "initctl/target.h"
#include "initctl/why.h"

/* Can the newest definition take over? 1: yes; 0: it is in use already; -1: no, and it was said why. */
static int
can_renew(const struct initctl *ctl, const struct target *target)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job_file *file;
	int r = 0;

	if (upstart_job_file(ctl->upstart, target->job_path, &file, &err) < 0) {
		(void) initctl_failed(ctl, &err);
		return -1;
	}
	if (*file->fault) {
		tool_error(&ctl->tool, _("%s cannot be renewed, its file is wrong: %s"), target->job, file->fault);
		r = -1;
	} else if (strcmp(file->successor, "deleted") == 0) {
		tool_error(&ctl->tool, _("%s cannot be renewed, its file is gone: %s"), target->job, file->path);
		r = -1;
	} else if (strcmp(file->successor, "changed") == 0) {
		r = 1;
	}
	upstart_job_file_free(file);
	return r;
}

/*
 * Stop, which lets the newest definition take over when no other instance runs, and start. 0 or a negative errno; 1:
 * not done, and it was said why.
 */
static int
renew(struct initctl *ctl, struct target *target, struct upstart_error *err)
{
	int can = target->instance ? -1 : can_renew(ctl, target);

	if (target->instance)
		tool_error(&ctl->tool, _("%s cannot renew itself: nobody would start it again"), target->job);
	if (can < 0)
		return 1;
	if (can == 0)
		return upstart_job_restart(ctl->upstart, target->job_path, target->env, !ctl->no_wait,
					   &target->instance_path, err);
	if (upstart_job_stop(ctl->upstart, target->job_path, target->env, true, err) < 0 ||
	    upstart_job_start(ctl->upstart, target->job_path, target->env, !ctl->no_wait, &target->instance_path, err) <
		0)
		return -1;
	if (can_renew(ctl, target) > 0)
		tool_warn(&ctl->tool, _("Other instances of %s run with the older definition, so this one does too"),
			  target->job);
	return 0;
}

static int
restart(struct initctl *ctl, struct target *target, struct upstart_error *err)
{
	if (ctl->renew)
		return renew(ctl, target, err);
	if (target->instance)
		return upstart_instance_restart(ctl->upstart, target->instance_path, false, err);
	return upstart_job_restart(ctl->upstart, target->job_path, target->env, !ctl->no_wait, &target->instance_path,
				   err);
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct target target auto_target = TARGET_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	pid_t progress;
	int r;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	progress = ctl->no_wait || target.instance ? -1 : progress_begin(ctl, target.job, target.env);
	r = restart(ctl, &target, &err);
	progress_end(progress);
	if (r < 0)
		return why_failed(ctl, &target, &err);
	return r > 0 ? EXIT_FAILURE : status_line_show(ctl, target.job, target.instance_path);
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the job to restart")),
	{ 'r', "renew", NULL, N_("go on with the newest definition"), OPTION_FLAG, offsetof(struct initctl, renew) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_restart = {
	.name = "restart",
	.alias = "restart",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Restart a running job."),
	.help = N_(
	    "Stops the job and starts it again, with the definition it was started with; a job that is not running "
	    "is not started. KEY=VALUE pairs select the instance and are its new environment. Returns when the "
	    "job is running again.\n"
	    "\n"
	    "With --renew a job whose file has changed is stopped and then started, so that it runs with what the file "
	    "says now. Nothing is done if the file is wrong or gone.\n"
	    "\n"
	    "Inside a job, without JOB, the instance of that job is meant and nothing is waited for."),
	.options = options,
	.run = run,
};
