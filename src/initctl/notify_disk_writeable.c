/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return upstart_notify_disk_writeable(ctl->upstart, &err) < 0 ? initctl_failed(ctl, &err) : EXIT_SUCCESS;
}

const struct command command_notify_disk_writeable = {
	.name = "notify-disk-writeable",
	.group = GROUP_OTHER,
	.operands = "",
	.lenient = true,
	.summary = N_("Tell init that logs can be written now."),
	.help = N_("What jobs printed before is then written. Called once while booting."),
	.options = options_none,
	.run = run,
};
