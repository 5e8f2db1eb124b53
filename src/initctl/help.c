/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "initctl/commands.h"
#include "initctl/json.h"

/* Name and description in columns; part of the interface: completion reads it. */
#define NAME_WIDTH 26
#define SUMMARY_COLUMN 30

static void
show(const struct command *command)
{
	size_t length = strlen(command->name);

	(void) printf("  %s", command->name);
	if (length > NAME_WIDTH)
		(void) putchar('\n');
	tool_wrap(_(command->summary), length > NAME_WIDTH ? 0 : (int) length + 2, SUMMARY_COLUMN, 2);
}

static int
show_json(const struct initctl *ctl)
{
	json_t *all = json_array();

	for (const struct command *const *c = commands; *c; c++)
		(void) json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "command", (*c)->name, "operands",
							    (*c)->operands, "summary", _((*c)->summary)));
	return json_show(&ctl->tool, all);
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	if (ctl->json)
		return show_json(ctl);
	for (size_t group = 0; group < GROUP_COUNT; group++) {
		(void) printf("%s%s\n", group ? "\n" : "", _(command_groups[group]));
		for (const struct command *const *c = commands; *c; c++) {
			if ((*c)->group == group)
				show(*c);
		}
	}
	(void) printf(_("\nFor more about a command, try `%s COMMAND --help'.\n"), ctl->tool.name);
	return EXIT_SUCCESS;
}

const struct command command_help = {
	.name = "help",
	.group = GROUP_OTHER,
	.operands = "",
	.lenient = true,
	.summary = N_("List all commands."),
	.options = options_json,
	.run = run,
};
