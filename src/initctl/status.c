/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "initctl/commands.h"
#include "initctl/status_line.h"
#include "initctl/target.h"

/*
 * That another definition lies in the file than is in use is said beside the status, which scripts read word by word.
 * An init that does not tell, or not us, has nothing to say.
 */
static void
show_file(const struct initctl *ctl, const struct target *target)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job_file *file;

	if (upstart_job_file(ctl->upstart, target->job_path, &file, &err) < 0) {
		upstart_error_clear(&err);
		return;
	}
	if (*file->fault)
		tool_warn(&ctl->tool, _("%s keeps its last good definition, the file is wrong: %s"), target->job,
			  file->fault);
	else if (strcmp(file->successor, "changed") == 0)
		tool_warn(&ctl->tool, _("%s runs with an older definition than that in %s"), target->job, file->path);
	else if (strcmp(file->successor, "deleted") == 0)
		tool_warn(&ctl->tool, _("%s runs with a definition whose file is gone: %s"), target->job, file->path);
	upstart_job_file_free(file);
}

/* That init itself is not quite well is said beside the status, too. */
static void
show_degraded(const struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *why auto_free = NULL;

	if (upstart_degraded(ctl->upstart, &why, &err) < 0)
		upstart_error_clear(&err);
	else if (*why)
		tool_warn(&ctl->tool, _("init is degraded: %s"), why);
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct target target auto_target = TARGET_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	/* Without variables a job that has no instance is simply stopped. */
	if (target_find_instance(&target, ctl, &err) < 0 &&
	    (target.env[0] || !upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_INSTANCE)))
		return initctl_failed(ctl, &err);
	upstart_error_clear(&err);
	if (status_line_show(ctl, target.job, target.instance_path) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	show_file(ctl, &target);
	show_degraded(ctl);
	return EXIT_SUCCESS;
}

const struct command command_status = {
	.name = "status",
	.alias = "status",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Show the goal, the state and the processes of a job."),
	.help =
	    N_("KEY=VALUE pairs select the instance. Inside a job, without JOB, the instance of that job is meant.\n"
	       "\n"
	       "If the job's file has changed but what is in use is an older definition, because the file is wrong or "
	       "instances still run, that is said on the standard error."),
	.options = options_json,
	.run = run,
};
