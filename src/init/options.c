/* SPDX-License-Identifier: MIT */
#include "init/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum option_kind { FLAG, TEXT, LIST };

struct option_row {
	char letter; /* 0: none */
	const char *name;
	enum option_kind kind;
	size_t offset;
	bool once;	  /* belongs to this image alone: not handed to the next */
	const char *arg;  /* its name in --help */
	const char *help; /* NULL: not shown */
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
	{ 0, "absent-is-unequal", FLAG, AT(absent_is_unequal), false, NULL, "KEY!=VALUE matches events without KEY" },
	{ 0, "append-confdir", LIST, AT(append), false, "DIR", "search this directory after all others" },
	{ 0, "apparmor-must-load", FLAG, AT(apparmor_must_load), false, NULL,
	  "a profile that cannot be loaded fails the start" },
	{ 0, "check", FLAG, AT(check), true, NULL, "read job files and directories, tell what is wrong, and exit" },
	{ 0, "chroot-sessions", FLAG, AT(chroot_sessions), false, NULL,
	  "jobs of their own for whoever calls from a chroot" },
	{ 0, "confdir", LIST, AT(confdirs), false, "DIR", "search this directory instead of the usual ones" },
	{ 0, "container", FLAG, AT(container), false, NULL, "be process 1 of a container" },
	{ 0, "crash", TEXT, AT(crash), true, NULL, NULL },
	{ 0, "default-console", TEXT, AT(console), false, "VALUE",
	  "console of jobs that name none: none, log, output or owner" },
	{ 0, "default-oom-score", TEXT, AT(oom_score), false, "N", "oom score of jobs that set none" },
	{ 0, "down", TEXT, AT(down), true, NULL, NULL },
	{ 'b', "emergency", FLAG, AT(emergency), true, NULL, "emit this instead of startup, for a shell before the boot" },
	{ 0, "exit-with", TEXT, AT(exit_with), false, "JOB", "end with that job, and its status (containers)" },
	{ 0, "fix", FLAG, AT(fix), true, NULL, "with --check: rewrite events that say `while' in other words" },
	{ 0, "forks-across-exec", FLAG, AT(forks_across_exec), false, NULL,
	  "with expect fork and daemon an exec ends no counting" },
	{ 0, "import-policy", TEXT, AT(import_policy), false, "all|listed",
	  "which variables of events and requests enter jobs" },
	{ 0, "json", FLAG, AT(json), true, NULL, "with --check: tell it as JSON" },
	{ 0, "logdir", TEXT, AT(logdir), false, "DIR", "directory of the jobs' log files" },
	{ 0, "lost", FLAG, AT(lost), true, NULL, NULL },
	{ 0, "log-stdout", FLAG, AT(log_stdout), false, NULL,
	  "print what jobs print, with their names (containers, sessions)" },
	{ 0, "no-cgroups", FLAG, AT(no_cgroups), false, NULL, "make no control groups" },
	{ 0, "no-dbus", FLAG, AT(no_dbus), false, NULL, "do not connect to a D-Bus bus" },
	{ 0, "no-inherit-env", FLAG, AT(no_inherit_env), false, NULL,
	  "jobs get neither environment nor umask of init (sessions)" },
	{ 0, "no-log", FLAG, AT(no_log), false, NULL, "do not log the output of jobs" },
	{ 0, "no-startup-event", FLAG, AT(no_startup_event), false, NULL, "emit no startup event (for testing)" },
	{ 0, "prepend-confdir", LIST, AT(prepend), false, "DIR", "search this directory before all others" },
	{ 0, "record", TEXT, AT(record), false, "FILE", "write all that happens to FILE, for upstart-replay" },
	{ 0, "rescue", FLAG, AT(rescue), true, NULL, "only reap, and run a shell on the console (process 1)" },
	{ 0, "restart", FLAG, AT(restart), true, NULL, NULL },
	{ 0, "session", FLAG, AT(session), false, NULL, "use the session bus and do not act as PID 1 (for testing)" },
	{ 0, "settings", TEXT, AT(settings), true, NULL, NULL },
	{ 0, "shell", FLAG, AT(shell), true, NULL, "with --check: let the shell look at scripts" },
	{ 0, "shutdown-timeout", TEXT, AT(shutdown_timeout), false, "SECONDS",
	  "on the way down kill what is left after so long (300)" },
	{ 0, "startup-event", TEXT, AT(startup_event), false, "NAME", "emit this instead of startup" },
	{ 0, "state-fd", TEXT, AT(state_fd_text), true, NULL, NULL },
	{ 0, "user", FLAG, AT(user), false, NULL, "supervise a user's session" },
	{ 0, "write-state-file", FLAG, AT(write_state_file), false, NULL, NULL },
	{ 0, "zero-exit-fails", FLAG, AT(zero_exit_fails), false, NULL,
	  "a service that ends with status 0 has failed" },
	{ 'q', "quiet", FLAG, AT(quiet), true, NULL, "log errors only" },
	{ 'v', "verbose", FLAG, AT(verbose), true, NULL, "log what happens to jobs" },
	{ 0, "debug", FLAG, AT(debug), true, NULL, NULL },
	{ 0, "help", FLAG, AT(help), false, NULL, "display this help and exit" },
	{ 0, "version", FLAG, AT(version), false, NULL, "output version information and exit" },
};

static const struct option_row *
row_by_name(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static const struct option_row *
row_by_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (letter != '\0' && rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int
store(struct options *o, const struct option_row *row, const char *value)
{
	void *member = (char *) o + row->offset;
	char *copy;

	switch (row->kind) {
	case FLAG:
		*(bool *) member = true;
		return 0;
	case TEXT:
		copy = strdup(value);
		if (copy == NULL)
			return -ENOMEM;
		free(*(char **) member);
		*(char **) member = copy;
		return 0;
	case LIST:
		return strv_add(member, value);
	}
	return 0;
}

/* The span of a long option's name: what stands between "--" and "=" or the end. */
static struct span
long_name(const char *arg)
{
	return (struct span){ arg + 2, strcspn(arg + 2, "=") };
}

/* One long option. *i is moved over a value of its own. */
static int
parse_long(struct options *o, int argc, char *const *argv, int *i, struct error *err)
{
	const char *arg = argv[*i];
	struct span name = long_name(arg);
	const struct option_row *row = row_by_name(name);
	const char *value = arg[2 + name.n] == '=' ? arg + 3 + name.n : NULL;

	if (row == NULL)
		return 0;
	if (row->kind == FLAG)
		return value == NULL ? store(o, row, NULL)
				     : error_set(err, -EINVAL, NULL, "unexpected argument: %s", arg);
	if (value == NULL && *i + 1 < argc)
		value = argv[++*i];
	if (value == NULL)
		return error_set(err, -EINVAL, NULL, "missing argument: %s", arg);
	return store(o, row, value);
}

static int
parse_letters(struct options *o, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const struct option_row *row = row_by_letter(*letters);

		if (row != NULL)
			(void) !store(o, row, NULL);
	}
	return 0;
}

/* What can be said only when all is read. */
static int
finish(struct options *o, struct error *err)
{
	if (o->state_fd_text != NULL) {
		char *end;
		long fd = strtol(o->state_fd_text, &end, 10);

		if (end == o->state_fd_text || *end != '\0' || fd < 0 || fd > INT_MAX)
			return error_set(err, -EINVAL, NULL, "invalid state descriptor: %s", o->state_fd_text);
		o->state_fd = (int) fd;
	}
	if (o->console != NULL && !console_mode_from_name(span_of(o->console), &o->default_console)) {
		o->default_console = CONSOLE_LOG;
		return error_set(err, -EINVAL, NULL, "invalid console type specified: %s", o->console);
	}
	return 0;
}

int
options_parse(struct options *o, int argc, char *const *argv, struct error *err)
{
	int result = 0, r;

	*o = (struct options){ .state_fd = -1, .default_console = CONSOLE_LOG };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				if (strv_add(&o->extra, argv[i]) < 0)
					return -ENOMEM;
			break;
		}
		r = 0;
		if (strncmp(argv[i], "--", 2) == 0)
			r = parse_long(o, argc, argv, &i, err);
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			r = parse_letters(o, argv[i] + 1);
		else if (strcmp(argv[i], "emergency") == 0)
			o->emergency = true; /* a word, as the kernel hands it on */
		else
			r = strv_add(&o->extra, argv[i]);
		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
	}
	r = finish(o, err);
	return r < 0 ? r : result;
}

void
options_deinit(struct options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *member = (char *) o + rows[i].offset;

		if (rows[i].kind == TEXT) {
			free(*(char **) member);
			*(char **) member = NULL;
		} else if (rows[i].kind == LIST) {
			*(char ***) member = strv_free(*(char ***) member);
		}
	}
	o->extra = strv_free(o->extra);
}

char *
options_help(const char *program)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "Usage: %s [OPTION]...\nProcess management daemon.\n\nOptions:\n", program);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char left[64];

		if (rows[i].help == NULL)
			continue;
		(void) snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", rows[i].letter ? '-' : ' ',
				rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? ',' : ' ', rows[i].name,
				rows[i].arg ? "=" : "", rows[i].arg ? rows[i].arg : "");
		if (strlen(left) > 29)
			strbuf_addf(&b, "%s\n%30s%s\n", left, "", rows[i].help);
		else
			strbuf_addf(&b, "%-30s%s\n", left, rows[i].help);
	}
	strbuf_addf(&b, "\nThis daemon is normally executed by the kernel and given process id 1 to denote\n"
			"its special status. When executed by a user process, it will actually run\n"
			"the telinit beside it, or else /sbin/telinit.\n");
	return strbuf_steal(&b);
}

/* Is argv[i] an option that the next image shall not see? *words is how many it takes. */
static bool
is_once(char *const *argv, int i, int *words)
{
	const struct option_row *row;

	*words = 1;
	if (argv[i][0] == '-' && argv[i][1] != '-' && argv[i][1] != '\0' && argv[i][2] == '\0') {
		row = row_by_letter(argv[i][1]);
		return row != NULL && row->once;
	}
	if (strncmp(argv[i], "--", 2) != 0)
		return false;
	row = row_by_name(long_name(argv[i]));
	if (row == NULL)
		return false;
	if (row->kind != FLAG && strchr(argv[i], '=') == NULL && argv[i + 1] != NULL)
		*words = 2;
	return row->once;
}

char **
options_again(char *const *argv, char *const *first)
{
	auto_strv char **made = NULL;
	bool rest = false;
	int words;

	/* In front: what follows a lone "--" is no option any more. */
	if (strv_add(&made, argv[0]) < 0 || strv_extend(&made, first) < 0)
		return NULL;
	for (int i = 1; argv[i] != NULL; i += words) {
		words = 1;
		rest = rest || strcmp(argv[i], "--") == 0;
		if (!rest && is_once(argv, i, &words))
			continue;
		for (int k = 0; k < words; k++)
			if (strv_add(&made, argv[i + k]) < 0)
				return NULL;
	}
	return steal(&made);
}
