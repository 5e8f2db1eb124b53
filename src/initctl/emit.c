/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing event name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_emit(ctl->upstart, operands[0], operands + 1, !ctl->no_wait, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_NO_WAIT(N_("do not wait for the event to finish")),
	OPTIONS_END,
};

const struct command command_emit = {
	.name = "emit",
	.group = GROUP_EVENT,
	.operands = "EVENT [KEY=VALUE]...",
	.summary = N_("Emit an event."),
	.help =
	    N_("Jobs whose conditions wait for EVENT are started or stopped, and get the KEY=VALUE pairs in their "
	       "environment. Returns when all of them are running or, for tasks and stopped jobs, have finished; fails "
	       "if one of them failed."),
	.options = options,
	.run = run,
};
