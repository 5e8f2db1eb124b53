/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "initctl/commands.h"
#include "initctl/status_line.h"
#include "initctl/target.h"
#include "initctl/why.h"

/* Where the job comes from; NULL from an init that does not tell, or not us. */
static struct upstart_job_file *
get_file(const struct initctl *ctl, const struct target *target)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job_file *file = NULL;

	if (upstart_job_file(ctl->upstart, target->job_path, &file, &err) < 0)
		upstart_error_clear(&err);
	return file;
}

/* That another definition lies in the file than is in use is said beside the status, which scripts read word by word. */
static void
warn_of_file(const struct initctl *ctl, const char *job, const struct upstart_job_file *file)
{
	if (*file->fault)
		tool_warn(&ctl->tool, _("%s keeps its last good definition, the file is wrong: %s"), job, file->fault);
	else if (strcmp(file->successor, "changed") == 0)
		tool_warn(&ctl->tool, _("%s runs with an older definition than that in %s"), job, file->path);
	else if (strcmp(file->successor, "deleted") == 0)
		tool_warn(&ctl->tool, _("%s runs with a definition whose file is gone: %s"), job, file->path);
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
	struct upstart_job_file *file;
	int status;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	/* Without variables a job that has no instance is simply stopped. */
	if (target_find_instance(&target, ctl, &err) < 0 &&
	    (target.env[0] || !upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_INSTANCE)))
		return why_failed(ctl, &target, &err);
	upstart_error_clear(&err);
	file = get_file(ctl, &target);
	status = status_line_show_with(ctl, target.job, target.instance_path, file);
	if (status == EXIT_SUCCESS) {
		if (file)
			warn_of_file(ctl, target.job, file);
		show_degraded(ctl);
	}
	upstart_job_file_free(file);
	return status;
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
