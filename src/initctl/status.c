/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/status_line.h"
#include "initctl/target.h"

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
	return status_line_show(ctl, target.job, target.instance_path);
}

const struct command command_status = {
	.name = "status",
	.alias = "status",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Show the goal, the state and the processes of a job."),
	.help =
	    N_("KEY=VALUE pairs select the instance. Inside a job, without JOB, the instance of that job is meant."),
	.options = options_none,
	.run = run,
};
