/* SPDX-License-Identifier: MIT */
/*
 * reboot, halt, poweroff: one program by three names (control.md 12.5).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/reboot_argument.h"
#include "common/str.h"
#include "initctl/tool.h"
#include "sysv/argument.h"
#include "sysv/change.h"
#include "sysv/power.h"

#define SHUTDOWN UPSTART_SBINDIR "/shutdown"

struct reboot {
	struct tool tool;
	enum power power;
	bool force;
	bool no_sync;
	bool power_off;
	bool wtmp_only;
	const char *argument; /* borrowed; NULL: none */
};

static const struct option_spec options[] = {
	{ 'n', "no-sync", NULL, N_("don't write what is in memory to the disks first"), OPTION_FLAG,
	  offsetof(struct reboot, no_sync) },
	{ 'f', "force", NULL, N_("at once, without stopping anything"), OPTION_FLAG, offsetof(struct reboot, force) },
	{ 'p', "poweroff", NULL, N_("power off where halt was asked for"), OPTION_FLAG,
	  offsetof(struct reboot, power_off) },
	{ 'w', "wtmp-only", NULL, N_("only write the login record"), OPTION_FLAG, offsetof(struct reboot, wtmp_only) },
	{ 'd', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'i', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'h', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "[ARGUMENT]",
	.summary = N_("Reboot, halt or power off the machine."),
	.text = N_("What is done is in the name of the program. All is brought down in order by shutdown, unless -f is given or "
		   "the machine is already in runlevel 0 or 6.\n"
		   "ARGUMENT, for reboot, is told to the firmware."),
	.tables = tables,
};

static int
orderly(const struct reboot *reboot)
{
	int r = argument_leave(reboot->power == POWER_REBOOT ? reboot->argument : NULL);

	if (r < 0 && reboot->argument) {
		tool_error(&reboot->tool, _("Unable to write %s: %s"), REBOOT_ARGUMENT_FILE, strerror(-r));
		return EXIT_FAILURE;
	}
	tool_verbose(&reboot->tool, _("Calling shutdown\n"));
	(void) fflush(stdout);
	/* Others put programs of their own there: what is not needed is not passed. */
	if (reboot->power == POWER_REBOOT && reboot->argument)
		(void) execl(SHUTDOWN, "shutdown", "--keep-argument", "-r", "now", (char *) NULL);
	else if (reboot->power == POWER_REBOOT)
		(void) execl(SHUTDOWN, "shutdown", "-r", "now", (char *) NULL);
	else
		(void) execl(SHUTDOWN, "shutdown", "-h", reboot->power == POWER_OFF ? "-P" : "-H", "now", (char *) NULL);
	tool_error(&reboot->tool, _("Unable to execute shutdown: %m"));
	return EXIT_FAILURE;
}

static int
forced(const struct reboot *reboot, const struct record_files *files)
{
	char left[REBOOT_ARGUMENT_MAX];
	const char *argument = reboot->argument ? reboot->argument : reboot_argument_left(left);
	int r;

	(void) record_shutdown_utmp(files->utmp);
	(void) record_shutdown_wtmp(files->wtmp);
	if (reboot->wtmp_only)
		return EXIT_SUCCESS;
	if (!reboot->no_sync)
		sync();
	if (reboot->power == POWER_HALT)
		tool_verbose(&reboot->tool, _("Halting\n"));
	else if (reboot->power == POWER_OFF)
		tool_verbose(&reboot->tool, _("Powering off\n"));
	else if (argument)
		tool_verbose(&reboot->tool, _("Rebooting with %s\n"), argument);
	else
		tool_verbose(&reboot->tool, _("Rebooting\n"));
	(void) fflush(stdout);
	r = power_act(reboot->power, argument);
	tool_error(&reboot->tool, _("The kernel refuses: %s"), strerror(-r));
	return EXIT_FAILURE;
}

static int
act(struct reboot *reboot)
{
	const struct record_files files = record_files_get(); /* before: a caller's variables don't count for root */
	char level;

	if (!change_become_root(&reboot->tool))
		return EXIT_FAILURE;
	level = change_current_level(&files);
	if (reboot->power == POWER_HALT && reboot->power_off)
		reboot->power = POWER_OFF;
	if (level == '0' || level == '6')
		reboot->force = true;
	return reboot->force || reboot->wtmp_only ? forced(reboot, &files) : orderly(reboot);
}

static int
run(struct reboot *reboot, struct options_scan *scan)
{
	enum options_result r;
	const char *word;

	while ((r = options_next(scan, tables, reboot, &word)) == OPTIONS_OPERAND) {
		if (!reboot->argument)
			reboot->argument = word;
	}
	reboot->tool.level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(&reboot->tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(&reboot->tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(&reboot->tool, scan);
	if (reboot->argument && strlen(reboot->argument) >= REBOOT_ARGUMENT_MAX)
		return tool_misuse(&reboot->tool, _("argument too long: %s"), reboot->argument);
	return act(reboot);
}

int
main(int argc, char **argv)
{
	struct reboot reboot = { .power = POWER_REBOOT };
	struct options_scan scan;
	int status;

	tool_init(&reboot.tool, argv[0]);
	if (strcmp(reboot.tool.name, "halt") == 0)
		reboot.power = POWER_HALT;
	else if (strcmp(reboot.tool.name, "poweroff") == 0)
		reboot.power = POWER_OFF;
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	status = run(&reboot, &scan);
	options_deinit(&scan);
	return tool_finish(&reboot.tool, status);
}
