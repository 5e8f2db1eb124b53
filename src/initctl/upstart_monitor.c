/* SPDX-License-Identifier: MIT */
/*
 * upstart-monitor: print events when they are over (control.md section 13). There is no window: it is the console mode
 * of the program of 1.13, whatever options say. `initctl monitor` shows more.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/str.h"
#include "initctl/tool.h"
#include "libupstart/upstart.h"

#define PATIENCE_MS 15000 /* with a connection that was lost */

struct arguments {
	bool no_gui;
	const char *separator, *destination;
};

static const struct option_spec options[] = {
	{ 'n', "no-gui", NULL, N_("print to standard output, as it always does"), OPTION_FLAG,
	  offsetof(struct arguments, no_gui) },
	{ 's', "separator", "STRING", N_("what stands between time and event (default: a tab)"), OPTION_VALUE,
	  offsetof(struct arguments, separator) },
	{ 'd', "destination", "WHERE",
	  N_("system-bus, session-bus, system-socket or session-socket (default: session-socket inside a session, else "
	     "system-bus)"),
	  OPTION_VALUE, offsetof(struct arguments, destination) },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "",
	.summary = N_("Print the events of an init, each when it is over."),
	.text = N_(
	    "One line each: the time, the event and its variables.\nSee also `initctl monitor', which shows jobs too."),
	.tables = tables,
};

static const struct destination {
	const char *name, *what;
	enum upstart_transport transport;
	bool session; /* the socket that UPSTART_SESSION names */
} destinations[] = {
	{ "system-bus", N_("the D-Bus system bus"), UPSTART_SYSTEM_BUS, false },
	{ "session-bus", N_("the D-Bus session bus"), UPSTART_SESSION_BUS, false },
	{ "system-socket", N_("the socket of the system's init"), UPSTART_PRIVATE, false },
	{ "session-socket", N_("the socket of the session init"), UPSTART_PRIVATE, true },
};

static const struct destination *
destination_find(const char *name)
{
	if (!name)
		name = getenv("UPSTART_SESSION") ? "session-socket" : "system-bus";
	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		if (strcmp(destinations[i].name, name) == 0)
			return &destinations[i];
	}
	return NULL;
}

static void
print_time(void)
{
	struct timespec now;
	char text[64];
	struct tm tm;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		text[0] = '\0';
	(void) printf("%s.%06ld", text, now.tv_nsec / 1000);
}

static void
signal_cb(const struct upstart_signal *signal, void *data)
{
	const struct arguments *arguments = data;
	struct strbuf line auto_strbuf = STRBUF_INIT;

	if (signal->type != UPSTART_SIGNAL_EVENT)
		return;
	tool_add_visible(&line, signal->text);
	for (char *const *e = signal->env; *e; e++) {
		char *name auto_free = tool_must(strndup(*e, strcspn(*e, "=")));

		strbuf_addc(&line, ' ');
		tool_add_visible(&line, name);
		strbuf_add(&line, "='");
		tool_add_visible(&line, (*e)[strlen(name)] ? *e + strlen(name) + 1 : "");
		strbuf_addc(&line, '\'');
	}
	if (line.failed)
		tool_nomem();
	print_time();
	(void) printf("%s%s\n", arguments->separator, line.p);
}

static void
print_head(const struct destination *destination)
{
	(void) printf("# %s\n#\n# %s %s\n#\n# %s\n\n", _("Events of Upstart"), _("Connected to"), _(destination->what),
		      _("Time, event, variables"));
}

static int
failed(const struct tool *tool, struct upstart_error *err)
{
	tool_error(tool, "%s", err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

/* Until init has gone, or nobody reads. */
static int
watch(const struct tool *tool, struct upstart *conn)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	for (;;) {
		struct pollfd fds[] = { { 0 }, { .fd = STDOUT_FILENO } };

		if (upstart_dispatch(conn, 0, &err) < 0)
			return failed(tool, &err);
		if (fflush(stdout) != 0)
			return EXIT_FAILURE;
		fds[0].fd = upstart_fd(conn);
		fds[0].events = (short) upstart_events(conn);
		if (poll(fds, ARRAY_SIZE(fds), -1) > 0 && (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)))
			return EXIT_SUCCESS;
	}
}

static int
monitor(const struct tool *tool, struct arguments *arguments, const struct destination *destination)
{
	const char *where = destination->session ? getenv("UPSTART_SESSION") : NULL;
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart *conn = NULL;
	char *version = NULL;
	int status;

	if (destination->session && !where) {
		tool_error(tool, _("UPSTART_SESSION isn't set in the environment"));
		return EXIT_FAILURE;
	}
	if (upstart_connect(&conn, destination->transport, where, &err) < 0)
		return failed(tool, &err);
	if (upstart_subscribe(conn, signal_cb, arguments, &err) < 0 || upstart_version(conn, &version, &err) < 0) {
		upstart_free(conn);
		return failed(tool, &err);
	}
	free(version);
	upstart_set_limits(conn, 0, PATIENCE_MS);
	print_head(destination);
	status = watch(tool, conn);
	upstart_free(conn);
	return status;
}

static int
run(struct tool *tool, struct options_scan *scan)
{
	struct arguments arguments = { .separator = "\t" };
	const struct destination *destination;
	enum options_result r;
	const char *word;

	r = options_next(scan, tables, &arguments, &word);
	tool->level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(tool, scan);
	if (r == OPTIONS_OPERAND)
		return tool_misuse(tool, _("unexpected argument: %s"), word);
	destination = destination_find(arguments.destination);
	if (!destination)
		return tool_misuse(tool, _("unknown destination: %s"), arguments.destination);
	return monitor(tool, &arguments, destination);
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
