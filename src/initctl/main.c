/* SPDX-License-Identifier: MIT */
/*
 * Which command is meant, and which init.
 */
#include "initctl/initctl.h"

#include <string.h>

#include "common/str.h"

const struct option_spec options_global[] = {
	{ 0, "user", NULL, N_("use the init of this session, named by $UPSTART_SESSION"), OPTION_FLAG,
	  offsetof(struct initctl, user) },
	{ 0, "session", NULL, N_("use the D-Bus session bus"), OPTION_FLAG, offsetof(struct initctl, session) },
	{ 0, "system", NULL, N_("use the D-Bus system bus"), OPTION_FLAG, offsetof(struct initctl, system) },
	{ 0, "dest", "NAME", N_("name of init on the bus"), OPTION_VALUE, offsetof(struct initctl, dest) },
	OPTIONS_END,
};

const struct option_spec options_none[] = { OPTIONS_END };

bool
initctl_is_user(const struct initctl *ctl)
{
	const char *address = getenv("UPSTART_SESSION");

	return ctl->user || (address && *address && !ctl->system && !ctl->session);
}

static int
connected(struct initctl *ctl, int r, struct upstart_error *err, const char *to_what)
{
	if (r == 0)
		return EXIT_SUCCESS;
	tool_error(&ctl->tool, _("Unable to connect to %s: %s"), to_what, err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

int
initctl_connect(struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const char *address = NULL;
	int r;

	if (initctl_is_user(ctl)) {
		address = getenv("UPSTART_SESSION");
		if (!address) {
			tool_error(&ctl->tool, _("UPSTART_SESSION isn't set in the environment. "
						 "Unable to locate the Upstart instance."));
			return EXIT_FAILURE;
		}
	} else if (ctl->system || ctl->session || getuid() != 0) {
		enum upstart_transport bus = ctl->session && !ctl->system ? UPSTART_SESSION_BUS : UPSTART_SYSTEM_BUS;

		r = upstart_connect(&ctl->upstart, bus, ctl->dest, &err);
		return connected(ctl, r, &err, bus == UPSTART_SESSION_BUS ? _("session bus") : _("system bus"));
	} else if (ctl->dest) {
		return tool_misuse(&ctl->tool, _("--dest given without --system"));
	}
	r = upstart_connect(&ctl->upstart, UPSTART_PRIVATE, address, &err);
	return connected(ctl, r, &err, "Upstart");
}

int
initctl_failed(const struct initctl *ctl, struct upstart_error *err)
{
	tool_error(&ctl->tool, "%s", err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

static int
show_help(struct initctl *ctl, const struct command *command, bool alias)
{
	const struct option_spec *const tables[] = { command ? command->options : options_none, options_global,
						     options_common, NULL };
	const struct tool_help help = {
		.command = command && !alias ? command->name : "",
		.operands = command ? command->operands : "COMMAND [OPTION]... [ARG]...",
		.summary = command ? command->summary : N_("Control the init daemon."),
		.text = command ? command->help : N_("For a list of the commands, try `initctl help'."),
		.tables = tables,
	};

	return tool_help(&ctl->tool, &help);
}

/* Read the command line and do what it says. */
static int
dispatch(struct initctl *ctl, struct options_scan *scan, const char **operands)
{
	const struct command *command = command_find(ctl->tool.name);
	const bool alias = command != NULL;
	const struct option_spec *tables[] = { options_common, options_global, alias ? command->options : NULL, NULL };
	enum options_result r;
	const char *word;
	size_t n = 0;

	while ((r = options_next(scan, tables, ctl, &word)) == OPTIONS_OPERAND) {
		if (command) {
			operands[n++] = word;
			continue;
		}
		command = command_find(word);
		if (!command)
			return tool_misuse(&ctl->tool, _("invalid command: %s"), word);
		tables[2] = command->options;
	}
	ctl->tool.level = scan->level;
	switch (r) {
	case OPTIONS_HELP:
		return show_help(ctl, command, alias);
	case OPTIONS_VERSION:
		return tool_version(&ctl->tool);
	case OPTIONS_INVALID:
		return tool_invalid_option(&ctl->tool, scan);
	case OPTIONS_DONE:
	case OPTIONS_OPERAND:
		break;
	}
	if (!command)
		return tool_misuse(&ctl->tool, _("missing command"));
	return command->run(ctl, (char *const *) operands);
}

int
main(int argc, char **argv)
{
	struct initctl ctl = { 0 };
	struct options_scan scan;
	const char **operands;
	int status;

	tool_init(&ctl.tool, argv[0]);
	operands = calloc((size_t) argc + 1, sizeof(*operands));
	if (!operands || !options_init(&scan, argc, argv))
		tool_nomem();
	status = dispatch(&ctl, &scan, operands);
	ctl.upstart = upstart_free(ctl.upstart);
	strv_free(ctl.ignore_events);
	options_deinit(&scan);
	free(operands);
	return tool_finish(&ctl.tool, status);
}
