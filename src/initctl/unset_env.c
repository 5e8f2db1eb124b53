/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/target.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *job, *instance;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing variable name"));
	if (target_environment(ctl, &job, &instance) != EXIT_SUCCESS || initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_unset_env(ctl->upstart, job, instance, operands, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_GLOBAL(N_("change the environment of all jobs")),
	OPTIONS_END,
};

const struct command command_unset_env = {
	.name = "unset-env",
	.group = GROUP_ENVIRONMENT,
	.operands = "VARIABLE...",
	.summary = N_("Remove variables that jobs get."),
	.help = N_("Inside a job only its instance is changed. Not allowed for process 1."),
	.options = options,
	.run = run,
};
