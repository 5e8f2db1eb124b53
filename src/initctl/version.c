/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/json.h"

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *version auto_free = NULL;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_version(ctl->upstart, &version, &err) < 0)
		return initctl_failed(ctl, &err);
	if (ctl->json)
		return json_show(&ctl->tool, json_pack("{s:o}", "version", json_text(version)));
	tool_print(&ctl->tool, "%s\n", version);
	return EXIT_SUCCESS;
}

const struct command command_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.operands = "",
	.summary = N_("Show the version of the running init."),
	.options = options_json,
	.run = run,
};
