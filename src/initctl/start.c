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

	if (ctl->when_ready && !operands[0])
		return tool_misuse(&ctl->tool, _("missing job name"));
	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	progress = ctl->no_wait || target.instance ? -1 : progress_begin(ctl, target.job, target.env);
	if (target.instance)
		r = upstart_instance_start(ctl->upstart, target.instance_path, false, &err);
	else if (ctl->when_ready)
		r = upstart_job_start_when_ready(ctl->upstart, target.job_path, target.env, !ctl->no_wait,
						 &target.instance_path, &err);
	else
		r = upstart_job_start(ctl->upstart, target.job_path, target.env, !ctl->no_wait, &target.instance_path,
				      &err);
	progress_end(progress);
	if (r < 0)
		return why_failed(ctl, &target, &err);
	return status_line_show(ctl, target.job, target.instance_path);
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the job to start")),
	{ 0, "when-ready", NULL, N_("do not fail while its states do not hold, but wait until they do"), OPTION_FLAG,
	  offsetof(struct initctl, when_ready) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_start = {
	.name = "start",
	.alias = "start",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Start a job."),
	.help = N_("JOB is the name of the job; KEY=VALUE pairs go into its environment and may select or name the "
		   "instance. Returns when the job is running, or when a task has finished.\n"
		   "\n"
		   "A job whose `while' does not hold comes up as soon as it does. The command fails then, or with --when-ready "
		   "waits for that.\n"
		   "\n"
		   "Inside a job, without JOB, the instance of that job is meant and nothing is waited for."),
	.options = options,
	.run = run,
};
