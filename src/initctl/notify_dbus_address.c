/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing D-Bus address"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_notify_dbus_address(ctl->upstart, operands[0], &err) < 0)
		return initctl_failed(ctl, &err);
	return EXIT_SUCCESS;
}

const struct command command_notify_dbus_address = {
	.name = "notify-dbus-address",
	.group = GROUP_OTHER,
	.operands = "ADDRESS",
	.lenient = true,
	.summary = N_("Tell a session init which D-Bus to join."),
	.options = options_none,
	.run = run,
};
