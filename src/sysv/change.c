/* SPDX-License-Identifier: MIT */
#include "sysv/change.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/str.h"

bool
change_become_root(const struct tool *tool)
{
	/* What the caller of a set-user-ID program says is not what root says. */
	if (getuid() != geteuid())
		(void) unsetenv("RUNLEVEL");
	if (setuid(geteuid()) == 0 && getuid() == 0)
		return true;
	tool_error(tool, _("Need to be root"));
	return false;
}

char
change_current_level(const struct record_files *files)
{
	const char *variable = getenv("RUNLEVEL");
	struct record_level stored;

	if (variable)
		return *variable ? *variable : LEVEL_NONE;
	return record_read_utmp(files->utmp, &stored) == 0 ? stored.level : LEVEL_NONE;
}

/* A stored level that is not the present one was stored before a boot that nobody noted. */
static bool
missed_boot(int r, struct record_level stored, char present)
{
	return present == LEVEL_NONE || r < 0 || stored.level != present;
}

/* Whatever can't be written is not worth failing for. */
static void
write_records(const struct record_files *files, struct record_level level)
{
	struct record_level stored = { LEVEL_NONE, LEVEL_NONE };
	int r = record_read_utmp(files->utmp, &stored);

	if (missed_boot(r, stored, level.previous))
		(void) record_boot_utmp(files->utmp);
	(void) record_level_utmp(files->utmp, level);

	r = record_read_wtmp(files->wtmp, &stored);
	if (missed_boot(r, stored, level.previous))
		(void) record_boot_wtmp(files->wtmp);
	(void) record_level_wtmp(files->wtmp, level);
}

int
change_level(const struct record_files *files, char level, char *const *extra, struct upstart_error *err)
{
	const struct record_level levels = { level, change_current_level(files) };
	char **env auto_strv = NULL;
	struct upstart *conn = NULL;
	int r;

	if (strv_take(&env, str_printf("RUNLEVEL=%c", levels.level)) < 0 ||
	    strv_take(&env, str_printf("PREVLEVEL=%c", levels.previous)) < 0 || strv_extend(&env, extra) < 0)
		tool_nomem();
	r = upstart_connect(&conn, UPSTART_PRIVATE, NULL, err);
	if (r < 0)
		return r;
	write_records(files, levels);
	r = upstart_emit(conn, "runlevel", env, false, err);
	upstart_free(conn);
	return r;
}
