/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/target.h"

static int
collate(const void *a, const void *b)
{
	const char *x = *(char *const *) a, *y = *(char *const *) b;
	int r = strcoll(x, y);

	return r ? r : strcmp(x, y);
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **env auto_strv = NULL;
	const char *job, *instance;

	if (target_environment(ctl, &job, &instance) != EXIT_SUCCESS || initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_list_env(ctl->upstart, job, instance, &env, &err) < 0)
		return initctl_failed(ctl, &err);
	qsort(env, strv_len(env), sizeof(*env), collate);
	if (ctl->json)
		return json_show(&ctl->tool, json_env(env));
	for (size_t i = 0; env[i]; i++)
		tool_print(&ctl->tool, "%s\n", env[i]);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_GLOBAL(N_("show the environment of all jobs")),
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_list_env = {
	.name = "list-env",
	.group = GROUP_ENVIRONMENT,
	.operands = "",
	.lenient = true,
	.summary = N_("Show the environment that jobs get."),
	.help = N_("Inside a job: that of its instance."),
	.options = options,
	.run = run,
};
