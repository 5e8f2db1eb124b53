/* SPDX-License-Identifier: MIT */

#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/target.h"

static int
run(struct initctl *ctl, char *const *operands)
{
	struct target target auto_target = TARGET_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *usage auto_free = NULL;

	if (target_find(&target, ctl, operands) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_job_usage(ctl->upstart, target.job_path, &usage, &err) < 0)
		return initctl_failed(ctl, &err);
	if (ctl->json)
		return json_show(&ctl->tool,
				 json_pack("{s:o, s:o}", "job", json_text(target.job), "usage", json_text(usage)));
	tool_print(&ctl->tool, "%s: %s\n", _("Usage"), usage);
	if (!*usage && tool_is_watched())
		tool_warn(&ctl->tool, _("%s has no `usage' stanza"), target.job);
	return EXIT_SUCCESS;
}

const struct command command_usage = {
	.name = "usage",
	.group = GROUP_OTHER,
	.operands = "JOB",
	.lenient = true,
	.summary = N_("Show how a job wants to be started."),
	.help = N_("Prints the text of the job's `usage' stanza. Inside a job, without JOB, that job is meant."),
	.options = options_json,
	.run = run,
};
