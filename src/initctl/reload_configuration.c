/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return upstart_reload_configuration(ctl->upstart, &err) < 0 ? initctl_failed(ctl, &err) : EXIT_SUCCESS;
}

const struct command command_reload_configuration = {
	.name = "reload-configuration",
	.group = GROUP_OTHER,
	.operands = "",
	.lenient = true,
	.summary = N_("Read all job files again."),
	.help =
	    N_("Hardly ever needed: changes are normally noticed at once. Running instances keep the definition they "
	       "were started with."),
	.options = options_none,
	.run = run,
};
