/* SPDX-License-Identifier: MIT */
/*
 * Which command is meant.
 */
#include "initctl/initctl.h"

#include <string.h>

#include "common/str.h"
#include "initctl/suggest.h"

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

static int
unknown_command(const struct initctl *ctl, const char *word)
{
	int status = tool_misuse(&ctl->tool, _("invalid command: %s"), word);
	const char **names;
	size_t n = 0;

	while (commands[n])
		n++;
	names = calloc(n + 1, sizeof(*names));
	if (!names)
		tool_nomem();
	while (n-- > 0)
		names[n] = commands[n]->name;
	suggest_name(word, names);
	free(names);
	return status;
}

/* How many operands a synopsis names; SIZE_MAX: there may be any number. */
static size_t
most_operands(const char *synopsis)
{
	size_t n = *synopsis != '\0';

	if (strstr(synopsis, "..."))
		return SIZE_MAX;
	for (; *synopsis; synopsis++)
		n += *synopsis == ' ';
	return n;
}

/* More operands than there may be: those of old commands were ignored always, which only people are told. */
static int
check_operands(const struct initctl *ctl, const struct command *command, const char *const *operands, size_t n)
{
	size_t most = most_operands(command->operands);

	if (n <= most)
		return EXIT_SUCCESS;
	if (!command->lenient)
		return tool_misuse(&ctl->tool, _("unexpected operand: %s"), operands[most]);
	if (tool_is_watched())
		tool_warn(&ctl->tool, _("unexpected operand is ignored: %s"), operands[most]);
	return EXIT_SUCCESS;
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
			return unknown_command(ctl, word);
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
	if (check_operands(ctl, command, operands, n) != EXIT_SUCCESS)
		return EXIT_FAILURE;
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
	strv_free(ctl.filters);
	strv_free(ctl.only);
	options_deinit(&scan);
	free(operands);
	return tool_finish(&ctl.tool, status);
}
