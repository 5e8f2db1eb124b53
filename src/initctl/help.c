/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "initctl/commands.h"

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
run(struct initctl *ctl, char *const *operands unused)
{
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
	.summary = N_("List all commands."),
	.options = options_none,
	.run = run,
};
