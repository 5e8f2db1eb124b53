/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing state name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_set_state(ctl->upstart, operands[0], operands + 1, 0, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTIONS_END,
};

const struct command command_set_state = {
	.name = "set-state",
	.group = GROUP_STATE,
	.operands = "NAME [KEY=VALUE]...",
	.summary = N_("Set a state."),
	.help = N_("Jobs whose `while' asks for NAME are started once it holds, and get the KEY=VALUE pairs in their "
		   "environment. Nothing is waited for.\n"
		   "\n"
		   "Inside a job it is the instance of that job that holds the state, until it begins to stop; else the user "
		   "does, until it is cleared. A state with the same name and pairs that holds already is held once more."),
	.options = options,
	.run = run,
};
