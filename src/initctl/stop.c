/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/progress.h"
#include "initctl/status_line.h"
#include "initctl/target.h"
#include "initctl/why.h"

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
	r = target_find_instance(&target, ctl, &err);
	/* One that follows states and does not run can be stopped all the same: init knows. */
	if (r < 0 && upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_INSTANCE)) {
		upstart_error_clear(&err);
		r = 0;
	}
	if (r == 0 && target.instance)
		r = upstart_instance_stop(ctl->upstart, target.instance_path, false, &err);
	else if (r == 0)
		r = upstart_job_stop(ctl->upstart, target.job_path, target.env, !ctl->no_wait, &err);
	progress_end(progress);
	if (r < 0)
		return why_failed(ctl, &target, &err);
	return status_line_show(ctl, target.job, target.instance_path);
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the job to stop")),
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_stop = {
	.name = "stop",
	.alias = "stop",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Stop a job."),
	.help = N_("JOB is the name of the job; KEY=VALUE pairs select the instance and go into the environment of its "
		   "pre-stop and post-stop processes. Returns when the job has stopped.\n"
		   "\n"
		   "Inside a job, without JOB, the instance of that job is meant and nothing is waited for."),
	.options = options,
	.run = run,
};
