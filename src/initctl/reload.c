/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/target.h"
#include "initctl/why.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct target target auto_target = TARGET_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (target_find_instance(&target, ctl, &err) < 0 ||
	    upstart_instance_reload(ctl->upstart, target.instance_path, &err) < 0)
		return why_failed(ctl, &target, &err);
	return EXIT_SUCCESS;
}

const struct command command_reload = {
	.name = "reload",
	.alias = "reload",
	.group = GROUP_JOB,
	.operands = "JOB [KEY=VALUE]...",
	.summary = N_("Send the reload signal to a running job."),
	.help =
	    N_("The main process of the job gets the signal of its `reload signal' stanza, HUP by default. KEY=VALUE "
	       "pairs select the instance."),
	.options = options_none,
	.run = run,
};
