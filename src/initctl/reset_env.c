/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/target.h"

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *job, *instance;

	if (target_environment(ctl, &job, &instance) != EXIT_SUCCESS || initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_reset_env(ctl->upstart, job, instance, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_GLOBAL(N_("reset the environment of all jobs")),
	OPTIONS_END,
};

const struct command command_reset_env = {
	.name = "reset-env",
	.group = GROUP_ENVIRONMENT,
	.operands = "",
	.lenient = true,
	.summary = N_("Undo all changes of the environment that jobs get."),
	.help =
	    N_("Inside a job only its instance is changed: it gets what a job started now would get. Not allowed for "
	       "process 1."),
	.options = options,
	.run = run,
};
