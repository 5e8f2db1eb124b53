/* SPDX-License-Identifier: MIT */
/*
 * telinit: change the runlevel, or have init read its configuration or itself again.
 */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/str.h"
#include "initctl/tool.h"
#include "sysv/argument.h"
#include "sysv/change.h"

#define RECONNECT_PAUSE_NS 100000000L
#define LIMIT_MS 60000 /* for init to execute itself, and to answer again */
#define RUNLEVELS "0123456SsQqUu"

struct telinit {
	struct tool tool;
	char **env; /* owned */
	bool user;
	bool system;
};

static const struct option_spec options[] = {
	{ 'e', NULL, "KEY=VALUE", N_("put this into the environment of the event; may be repeated"), OPTION_LIST,
	  offsetof(struct telinit, env) },
	{ 't', NULL, "SECONDS", N_("ignored"), OPTION_IGNORE, 0 },
	{ 0, "user", NULL, N_("for U: the init of this session"), OPTION_FLAG,
	  offsetof(struct telinit, user) },
	{ 0, "system", NULL, N_("for U: process 1, whatever $UPSTART_SESSION says"), OPTION_FLAG,
	  offsetof(struct telinit, system) },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "RUNLEVEL",
	.summary = N_("Change the runlevel."),
	.text =
	    N_("RUNLEVEL is one of 0123456S, s being the same as S; or Q (or q) to have init read its configuration "
	       "again; or U (or u) to have it execute itself again without losing its jobs."),
	.tables = tables,
};

static int
failed(const struct telinit *telinit, struct upstart_error *err)
{
	tool_error(&telinit->tool, "%s", err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is there an init that answers? Its version is what others know as well. */
static bool
answers(const char *address, int64_t left)
{
	struct upstart *conn = NULL;
	char *priority auto_free = NULL;
	bool yes = false;

	if (upstart_connect(&conn, UPSTART_PRIVATE, address, NULL) == 0) {
		upstart_set_limits(conn, (unsigned) left, 1);
		yes = upstart_log_priority(conn, &priority, NULL) == 0;
	}
	upstart_free(conn);
	return yes;
}

/* NULL: the init of the machine. A foreign init can't be connected to and is left alone. */
static int
reexec(const struct telinit *telinit, const char *address)
{
	const struct timespec pause = { .tv_nsec = RECONNECT_PAUSE_NS };
	struct upstart_error err = UPSTART_ERROR_INIT;
	const int64_t deadline = now_ms() + LIMIT_MS;
	struct upstart *conn = NULL;
	int r = upstart_connect(&conn, UPSTART_PRIVATE, address, &err);

	if (r == 0) {
		upstart_set_limits(conn, LIMIT_MS, 0);
		r = upstart_reexec(conn, &err);
	}
	upstart_free(conn);
	if (r < 0)
		return failed(telinit, &err);
	for (int64_t left = deadline - now_ms(); left > 0; left = deadline - now_ms()) {
		if (answers(address, left))
			return EXIT_SUCCESS;
		(void) nanosleep(&pause, NULL);
	}
	tool_error(&telinit->tool, _("Init does not answer"));
	return EXIT_FAILURE;
}

/*
 * With U others than root mean the init of their session inside one, and its owner may do that. Root means process 1: su keeps
 * the variable, and the scripts of packages don't look at it.
 */
static int
reexec_session(const struct telinit *telinit, bool *done)
{
	const char *address = getenv("UPSTART_SESSION");

	*done = telinit->user || (getuid() != 0 && address && *address && !telinit->system);
	if (!*done)
		return EXIT_SUCCESS;
	/* The address comes from whoever called: only their own rights go there. */
	if (setuid(getuid()) < 0) {
		tool_error(&telinit->tool, _("Unable to drop privileges: %m"));
		return EXIT_FAILURE;
	}
	if (address)
		return reexec(telinit, address);
	tool_error(&telinit->tool, _("UPSTART_SESSION isn't set in the environment. "
				     "Unable to locate the Upstart instance."));
	return EXIT_FAILURE;
}

static int
change(const struct telinit *telinit, const struct record_files *files, char level)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	argument_forget();
	return change_level(files, level, telinit->env, &err) < 0 ? failed(telinit, &err) : EXIT_SUCCESS;
}

static int
reload(const struct telinit *telinit)
{
	if (kill(1, SIGHUP) == 0)
		return EXIT_SUCCESS;
	tool_error(&telinit->tool, _("Unable to signal init: %m"));
	return EXIT_FAILURE;
}

static int
act(const struct telinit *telinit, char level)
{
	const struct record_files files = record_files_get();
	const bool is_reexec = level == 'U' || level == 'u';

	if (is_reexec) {
		bool done;
		int status = reexec_session(telinit, &done);

		if (done)
			return status;
	}
	if (!change_become_root(&telinit->tool))
		return EXIT_FAILURE;
	if (is_reexec)
		return reexec(telinit, NULL);
	if (level == 'Q' || level == 'q')
		return reload(telinit);
	return change(telinit, &files, level == 's' ? 'S' : level);
}

static int
run(struct telinit *telinit, struct options_scan *scan)
{
	const char *runlevel = NULL, *word;
	enum options_result r;

	while ((r = options_next(scan, tables, telinit, &word)) == OPTIONS_OPERAND) {
		if (!runlevel)
			runlevel = word;
	}
	telinit->tool.level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(&telinit->tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(&telinit->tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(&telinit->tool, scan);
	if (!runlevel)
		return tool_misuse(&telinit->tool, _("missing runlevel"));
	if (strlen(runlevel) != 1 || !strchr(RUNLEVELS, runlevel[0]))
		return tool_misuse(&telinit->tool, _("illegal runlevel: %s"), runlevel);
	return act(telinit, runlevel[0]);
}

int
main(int argc, char **argv)
{
	struct telinit telinit = { 0 };
	struct options_scan scan;
	int status;

	tool_init(&telinit.tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	status = run(&telinit, &scan);
	strv_free(telinit.env);
	options_deinit(&scan);
	return tool_finish(&telinit.tool, status);
}
