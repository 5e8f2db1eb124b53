/* SPDX-License-Identifier: MIT */
#include "initctl/commands.h"

#include <string.h>

const char *const command_groups[GROUP_COUNT] = {
	[GROUP_JOB] = N_("Job commands:"),
	[GROUP_EVENT] = N_("Event commands:"),
	[GROUP_STATE] = N_("State commands:"),
	[GROUP_ENVIRONMENT] = N_("Environment commands:"),
	[GROUP_OTHER] = N_("Other commands:"),
};

const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
	NULL,
};

const struct command *
command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
	}
	return NULL;
}
