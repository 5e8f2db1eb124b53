/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/json.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *priority auto_free = NULL;
	int r;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (operands[0])
		r = upstart_set_log_priority(ctl->upstart, operands[0], &err);
	else
		r = upstart_log_priority(ctl->upstart, &priority, &err);
	if (r < 0)
		return initctl_failed(ctl, &err);
	if (ctl->json)
		return json_show(&ctl->tool,
				 json_pack("{s:o}", "log_priority", json_text(priority ? priority : operands[0])));
	if (priority)
		tool_print(&ctl->tool, "%s\n", priority);
	return EXIT_SUCCESS;
}

const struct command command_log_priority = {
	.name = "log-priority",
	.group = GROUP_OTHER,
	.operands = "[PRIORITY]",
	.lenient = true,
	.summary = N_("Show or change how much init logs."),
	.help = N_("PRIORITY is one of debug, info, message, warn, error and fatal: messages below it are not logged."),
	.options = options_json,
	.run = run,
};
