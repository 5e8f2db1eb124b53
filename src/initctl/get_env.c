/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/target.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *job, *instance;
	char *value auto_free = NULL;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing variable name"));
	if (target_environment(ctl, &job, &instance) != EXIT_SUCCESS || initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_get_env(ctl->upstart, job, instance, operands[0], &value, &err) < 0)
		return initctl_failed(ctl, &err);
	if (ctl->json)
		return json_show(&ctl->tool,
				 json_pack("{s:o, s:o}", "name", json_text(operands[0]), "value", json_text(value)));
	tool_print(&ctl->tool, "%s\n", value);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_GLOBAL(N_("look in the environment of all jobs")),
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_get_env = {
	.name = "get-env",
	.group = GROUP_ENVIRONMENT,
	.operands = "VARIABLE",
	.lenient = true,
	.summary = N_("Show the value of a variable that jobs get."),
	.help = N_("Inside a job: that of its instance."),
	.options = options,
	.run = run,
};
