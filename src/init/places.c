/* SPDX-License-Identifier: MIT */
#include "init/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/env.h"
#include "common/folder.h"
#include "init/sources.h"
#include "schedule/places.h"

#define PASSWORD_FILE "/etc/passwd"
#define SYSTEM_LOGDIR "/var/log/upstart"
#define SESSION_CONFDIR "/usr/share/upstart/sessions"

static const char *
variable(const struct init *init, const char *name)
{
	return env_get(init->own_env, name);
}

static const char *
absolute(const char *path)
{
	return path != NULL && path[0] == '/' ? path : NULL;
}

/* NAME:PASSWORD:UID:GID:COMMENT:HOME:SHELL: the home, if it is the user's line and has one; borrowed from the line. */
static const char *
home_in_line(char *line, uid_t uid)
{
	char *fields[7] = { NULL }, *end;
	unsigned long number;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = strsep(&line, ":");
	if (fields[6] == NULL || fields[2][0] < '0' || fields[2][0] > '9')
		return NULL;
	number = strtoul(fields[2], &end, 10);
	return *end == '\0' && number == uid ? absolute(fields[5]) : NULL;
}

/* The user's directory by the local password file alone: asking a name service could hang. NULL: it does not say. */
static char *
home_by_file(void)
{
	FILE *file = fopen(PASSWORD_FILE, "re");
	const char *found = NULL;
	char *line = NULL, *home = NULL;
	size_t size = 0;

	while (file != NULL && found == NULL && getline(&line, &size, file) >= 0)
		found = home_in_line(line, getuid());
	if (found != NULL)
		home = strdup(found);
	if (file != NULL)
		(void) fclose(file);
	free(line);
	return home;
}

/* $HOME, or where it is unset or relative what the password file says (D13). Owned; NULL: unknown, or out of memory. */
static char *
home_of(const struct init *init)
{
	const char *home = absolute(variable(init, "HOME"));

	return home != NULL ? strdup(home) : home_by_file();
}

/* $VARIABLE/rest, else $HOME/fallback/rest; *path NULL when neither is known. 0 or -ENOMEM. */
static int
below_home(const struct init *init, const char *name, const char *fallback, const char *rest, char **path)
{
	const char *base = absolute(variable(init, name));
	auto_free char *home = base == NULL ? home_of(init) : NULL;

	*path = NULL;
	if (base != NULL)
		*path = str_printf("%s/%s", base, rest);
	else if (home != NULL)
		*path = str_printf("%s/%s/%s", home, fallback, rest);
	else
		return 0;
	return *path != NULL ? 0 : -ENOMEM;
}

static int
add_all(struct init *init, char *const *dirs)
{
	for (size_t i = 0; dirs != NULL && dirs[i] != NULL; i++)
		if (sources_add(init, dirs[i], false) < 0)
			return -ENOMEM;
	return 0;
}

static int
add_user_dirs(struct init *init)
{
	auto_free char *dir = NULL;
	auto_free char *old = NULL;
	auto_free char *home = home_of(init);

	if (below_home(init, "XDG_CONFIG_HOME", ".config", "upstart", &dir) < 0)
		return -ENOMEM;
	if (dir != NULL) {
		int r = folder_make(dir, 0700);

		if (r < 0)
			log_debug("Unable to create %s: %s", dir, strerror(-r));
		if (sources_add(init, dir, false) < 0)
			return -ENOMEM;
	}
	if (home == NULL)
		return 0;
	old = str_printf("%s/.init", home);
	return old != NULL ? sources_add(init, old, false) : -ENOMEM;
}

static int
add_shared_dirs(struct init *init)
{
	const char *list = variable(init, "XDG_CONFIG_DIRS");

	if (list == NULL || *list == '\0')
		list = "/etc/xdg";
	while (*list != '\0') {
		size_t n = strcspn(list, ":");
		auto_free char *dir = str_printf("%.*s/upstart", (int) n, list);

		if (dir == NULL)
			return -ENOMEM;
		if (list[0] == '/' && sources_add(init, dir, false) < 0)
			return -ENOMEM;
		list += n + (list[n] == ':' ? 1 : 0);
	}
	return 0;
}

/* Jobs that programs make: upstart-time-bridge of crontabs. */
static int
add_made_in_session(struct init *init)
{
	const char *runtime = absolute(variable(init, "XDG_RUNTIME_DIR"));
	auto_free char *dir = runtime != NULL ? PLACES_SESSION_JOBS(runtime, getpid()) : NULL;

	if (runtime == NULL)
		return 0;
	return dir != NULL ? sources_add(init, dir, false) : -ENOMEM;
}

/* The folder is made here, so that /run, where all sorts of things happen, need not be watched until it is there. */
static int
add_made_in_system(struct init *init)
{
	int r = folder_make(PLACES_JOBS, 0755);

	if (r < 0)
		log_debug("Unable to create %s: %s", PLACES_JOBS, strerror(-r));
	return sources_add(init, PLACES_JOBS, false);
}

static int
add_session(struct init *init)
{
	if (init->options.confdirs != NULL)
		return add_all(init, init->options.confdirs);
	if (add_user_dirs(init) < 0 || add_shared_dirs(init) < 0)
		return -ENOMEM;
	if (variable(init, "UPSTART_NO_SYSTEM_USERCONFDIR") == NULL && sources_add(init, SESSION_CONFDIR, false) < 0)
		return -ENOMEM;
	return add_made_in_session(init);
}

static int
add_system(struct init *init)
{
	const char *told = variable(init, "UPSTART_CONFDIR");

	if (sources_add(init, SETTINGS_FILE, true) < 0)
		return -ENOMEM;
	if (init->options.confdirs != NULL)
		return add_all(init, init->options.confdirs);
	if (sources_add(init, told != NULL ? told : SYSTEM_CONFDIR, false) < 0)
		return -ENOMEM;
	return add_made_in_system(init);
}

static void
tell_lacking(char *const *dirs)
{
	struct stat st;

	for (; dirs != NULL && *dirs != NULL; dirs++) {
		int r = stat(*dirs, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

		if (r != 0)
			log_warn("%s: No job is read from here: %s", *dirs, strerror(r));
	}
}

void
places_tell_lacking(const struct init *init)
{
	struct core_counts counts;

	tell_lacking(init->options.prepend);
	tell_lacking(init->options.confdirs);
	tell_lacking(init->options.append);
	core_counts(init->core, &counts);
	if (counts.classes == 0)
		log_info("There is no job in any configuration directory");
}

int
places_sources(struct init *init)
{
	int r = add_all(init, init->options.prepend);

	if (r == 0)
		r = init_is_session(init) ? add_session(init) : add_system(init);
	return r == 0 ? add_all(init, init->options.append) : r;
}

/* The logger has another working directory: it needs whole paths. */
static char *
whole_path(const char *path)
{
	auto_free char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;

	return here != NULL ? str_printf("%s/%s", strcmp(here, "/") == 0 ? "" : here, path) : strdup(path);
}

int
places_log_dir(struct init *init)
{
	const char *told = init_is_session(init) ? NULL : variable(init, "UPSTART_LOGDIR");
	int r;

	if (init->options.no_log)
		return 0;
	if (told == NULL)
		told = init->options.logdir;
	if (told != NULL || !init_is_session(init)) {
		init->log_dir = whole_path(told != NULL ? told : SYSTEM_LOGDIR);
		return init->log_dir != NULL ? 0 : -ENOMEM;
	}
	r = below_home(init, "XDG_CACHE_HOME", ".cache", "upstart", &init->log_dir);
	if (r < 0 || init->log_dir == NULL)
		return r;
	r = folder_make(init->log_dir, 0700);
	if (r < 0)
		log_warn("Unable to create %s: %s", init->log_dir, strerror(-r));
	return 0;
}
