/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/target.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *job, *instance;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing variable value"));
	if (target_environment(ctl, &job, &instance) != EXIT_SUCCESS || initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_set_env(ctl->upstart, job, instance, operands, !ctl->retain, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_GLOBAL(N_("change the environment of all jobs")),
	{ 'r', "retain", NULL, N_("keep the values of variables that are set already"), OPTION_FLAG,
	  offsetof(struct initctl, retain) },
	OPTIONS_END,
};

const struct command command_set_env = {
	.name = "set-env",
	.group = GROUP_ENVIRONMENT,
	.operands = "VARIABLE[=VALUE]...",
	.summary = N_("Set variables that jobs get."),
	.help =
	    N_("Without a VALUE the variable becomes empty. Processes that are started later get the change. Inside a "
	       "job only its instance is changed. Not allowed for process 1."),
	.options = options,
	.run = run,
};
