/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"
#include "initctl/json.h"

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *version auto_free = NULL;
	char *why auto_free = NULL;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_version(ctl->upstart, &version, &err) < 0)
		return initctl_failed(ctl, &err);
	/* Behind what scripts take of the line. An older init does not know. */
	if (upstart_degraded(ctl->upstart, &why, &err) < 0)
		upstart_error_clear(&err);
	if (ctl->json)
		return json_show(&ctl->tool, json_pack("{s:o, s:o}", "version", json_text(version), "degraded",
						       why && *why ? json_text(why) : json_null()));
	if (why && *why)
		tool_print(&ctl->tool, _("%s degraded: %s\n"), version, why);
	else
		tool_print(&ctl->tool, "%s\n", version);
	return EXIT_SUCCESS;
}

const struct command command_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.operands = "",
	.lenient = true,
	.summary = N_("Show the version of the running init."),
	.help =
	    N_("If init has found a rule of its own broken, and done without what broke it, it is degraded: that is "
	       "said behind the version, and by `status'."),
	.options = options_json,
	.run = run,
};
