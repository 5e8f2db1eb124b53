/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/json.h"

#define SESSION_PREFIX "UPSTART_SESSION="
#define SESSION_SUFFIX ".session"

/* The folder, made if need be; NULL when there can be none. */
static char *
sessions_folder(const char *runtime)
{
	char *upstart auto_free = tool_must(str_printf("%s/upstart", runtime));
	char *sessions = tool_must(str_printf("%s/sessions", upstart));

	if ((mkdir(upstart, 0700) < 0 && errno != EEXIST) || (mkdir(sessions, 0700) < 0 && errno != EEXIST)) {
		free(sessions);
		return NULL;
	}
	return sessions;
}

/* The process id that the name of a session file begins with; 0 when it is not one. */
static pid_t
name_to_pid(const char *name)
{
	size_t digits = strspn(name, "0123456789");
	unsigned long pid;

	if (!digits || strcmp(name + digits, SESSION_SUFFIX) != 0)
		return 0;
	errno = 0;
	pid = strtoul(name, NULL, 10);
	return errno || pid > INT_MAX ? 0 : (pid_t) pid;
}

static int
is_session(const struct dirent *entry)
{
	return name_to_pid(entry->d_name) > 0;
}

static int
by_pid(const struct dirent **a, const struct dirent **b)
{
	pid_t x = name_to_pid((*a)->d_name), y = name_to_pid((*b)->d_name);

	return (x > y) - (x < y);
}

/* Print the session, unless its file says nothing of use. */
static void
show(const struct initctl *ctl, const char *path, pid_t pid, json_t *all)
{
	char *line auto_free = NULL;
	size_t size = 0;
	FILE *file;

	/* Somebody else's session counts: it is alive, even if it may not be signalled. */
	if (kill(pid, 0) < 0 && errno != EPERM) {
		tool_verbose(&ctl->tool, "%s: %s\n", _("Ignoring stale session file"), path);
		return;
	}
	file = fopen(path, "re");
	if (!file)
		return;
	if (getline(&line, &size, file) > 0 && strncmp(line, SESSION_PREFIX, strlen(SESSION_PREFIX)) == 0) {
		line[strcspn(line, "\n")] = '\0';
		if (all)
			(void) json_array_append_new(all, json_pack("{s:i, s:o}", "pid", (int) pid, "address",
								    json_text(line + strlen(SESSION_PREFIX))));
		else
			tool_print(&ctl->tool, "%ld %s\n", (long) pid, line + strlen(SESSION_PREFIX));
	}
	(void) fclose(file);
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct dirent **entries = NULL;
	char *folder auto_free = NULL;
	json_t *all;
	int n;

	if (!runtime || runtime[0] != '/') {
		tool_error(&ctl->tool, _("Unable to query session directory"));
		return EXIT_FAILURE;
	}
	folder = sessions_folder(runtime);
	n = folder ? scandir(folder, &entries, is_session, by_pid) : -1;
	if (n < 0) {
		tool_error(&ctl->tool, _("unable to determine sessions"));
		return EXIT_FAILURE;
	}
	all = ctl->json ? json_array() : NULL;
	for (int i = 0; i < n; i++) {
		char *path auto_free = tool_must(str_printf("%s/%s", folder, entries[i]->d_name));

		show(ctl, path, name_to_pid(entries[i]->d_name), all);
		free(entries[i]);
	}
	free(entries);
	return all ? json_show(&ctl->tool, all) : EXIT_SUCCESS;
}

const struct command command_list_sessions = {
	.name = "list-sessions",
	.group = GROUP_OTHER,
	.operands = "",
	.lenient = true,
	.summary = N_("List the session inits that are running."),
	.help = N_(
	    "Each with its process id and the address that belongs into UPSTART_SESSION. With -v also what is left of "
	    "sessions that have ended."),
	.options = options_json,
	.run = run,
};
