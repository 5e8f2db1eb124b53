/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/status_line.h"
#include "initctl/target.h"
#include "initctl/why.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct target target auto_target = TARGET_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	int r;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	r = target_find_instance(&target, ctl, &err);
	if (r == 0 && target.instance)
		r = upstart_instance_reset(ctl->upstart, target.instance_path, false, &err);
	else if (r == 0)
		r = upstart_job_reset(ctl->upstart, target.job_path, target.env, !ctl->no_wait, &err);
	if (r < 0)
		return why_failed(ctl, &target, &err);
	return status_line_show(ctl, target.job, target.instance_path);
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the job to stop")),
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_reset = {
	.name = "reset",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("End the quarantine of a job."),
	.help =
	    N_("A job over which init crashed twice is quarantined: nothing is done about it, and its processes are "
	       "let be. This kills what is left of them and stops the job, as one whose main process has died: its "
	       "post-stop process runs, and it can be started again. KEY=VALUE pairs select the instance. Returns "
	       "when the job has stopped.\n"
	       "\n"
	       "Inside a job, without JOB, the instance of that job is meant and nothing is waited for."),
	.options = options,
	.run = run,
};
