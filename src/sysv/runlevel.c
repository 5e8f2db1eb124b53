/* SPDX-License-Identifier: MIT */
/*
 * runlevel: print the previous and the present runlevel.
 */
#include <stdio.h>
#include <string.h>

#include "initctl/tool.h"
#include "sysv/records.h"

static const struct option_spec *const tables[] = { options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "[UTMP]",
	.summary = N_("Print the previous and the present runlevel."),
	.text = N_(
	    "They are taken from the variables PREVLEVEL and RUNLEVEL if the latter is set, else from the file UTMP, "
	    "by "
	    "default /var/run/utmp. N stands for a level that is not known; if that is the present one, `unknown' is "
	    "printed and the exit status is 1."),
	.tables = tables,
};

static char
first(const char *text)
{
	return text && *text ? *text : LEVEL_NONE;
}

static int
show(const struct tool *tool, const char *path)
{
	struct record_level level = { first(getenv("RUNLEVEL")), first(getenv("PREVLEVEL")) };

	if (!getenv("RUNLEVEL")) {
		int r = record_read_utmp(path, &level);

		if (r < 0) {
			tool_error(tool, "%s: %s", path, strerror(-r));
			return EXIT_FAILURE;
		}
	}
	if (level.level == LEVEL_NONE) {
		tool_print(tool, "%s\n", _("unknown"));
		return EXIT_FAILURE;
	}
	tool_print(tool, "%c %c\n", level.previous, level.level);
	return EXIT_SUCCESS;
}

static int
run(struct tool *tool, struct options_scan *scan)
{
	const char *path = NULL, *word;
	enum options_result r;

	while ((r = options_next(scan, tables, tool, &word)) == OPTIONS_OPERAND) {
		if (!path)
			path = word;
	}
	tool->level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(tool, scan);
	return show(tool, path ? path : record_files_get().utmp);
}

int
main(int argc, char **argv)
{
	struct options_scan scan;
	struct tool tool;
	int status;

	tool_init(&tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	status = run(&tool, &scan);
	options_deinit(&scan);
	return tool_finish(&tool, status);
}
