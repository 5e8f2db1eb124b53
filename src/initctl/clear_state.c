/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	unsigned int flags = (ctl->all ? UPSTART_STATE_ALL : 0) | (ctl->wait ? UPSTART_STATE_WAIT : 0);

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing state name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_clear_state(ctl->upstart, operands[0], operands + 1, flags, &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	{ 'a', "all", NULL, N_("also what others hold"), OPTION_FLAG, offsetof(struct initctl, all) },
	{ 'w', "wait", NULL, N_("wait for the jobs that stop by it"), OPTION_FLAG, offsetof(struct initctl, wait) },
	OPTIONS_END,
};

const struct command command_clear_state = {
	.name = "clear-state",
	.group = GROUP_STATE,
	.operands = "NAME [KEY=PATTERN]...",
	.summary = N_("Let go of states."),
	.help = N_("Those of NAME are meant whose variables match all the pairs, as in a `while'; and of these what "
		   "`initctl set-state' by the same job, or outside of jobs by the same user, has set. A state holds until "
		   "everybody who has set it has let go of it."),
	.options = options,
	.run = run,
};
