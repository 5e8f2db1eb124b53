/* SPDX-License-Identifier: MIT */
/*
 * initctl monitor: events, and what becomes of jobs, as init tells of it.
 */
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/json.h"

struct monitor {
	const struct initctl *ctl;
	bool colour;
};

/* Red, green … of terminals, in the order of enum paint. */
enum paint { PAINT_NONE, PAINT_TIME, PAINT_EVENT, PAINT_JOB, PAINT_GOOD, PAINT_BAD };

static const char *const paints[] = {
	[PAINT_NONE] = "",	 [PAINT_TIME] = "\033[2m",  [PAINT_EVENT] = "\033[36m",
	[PAINT_JOB] = "\033[1m", [PAINT_GOOD] = "\033[32m", [PAINT_BAD] = "\033[31m",
};

/* Lines are written whole, and nothing is held that would have to be undone. */
static void
interrupt_cb(int number unused)
{
	_exit(EXIT_SUCCESS);
}

static bool
wants_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

static void
add_painted(struct strbuf *b, const struct monitor *m, enum paint paint, const char *text)
{
	if (m->colour)
		strbuf_add(b, paints[paint]);
	tool_add_visible(b, text);
	if (m->colour && paint != PAINT_NONE)
		strbuf_add(b, "\033[0m");
}

/* Local time, to the microsecond; with date and offset for programs. */
static void
format_time(char *text, size_t size, bool whole)
{
	struct timespec now;
	char micro[32], zone[16] = "";
	struct tm tm;
	size_t n;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm))
		tm = (struct tm){ 0 };
	(void) snprintf(micro, sizeof(micro), ".%06ld", now.tv_nsec / 1000);
	n = strftime(text, size, whole ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	if (whole && strftime(zone, sizeof(zone), "%z", &tm) == 5) /* +hhmm, to RFC 3339's +hh:mm */
		memmove(zone + 4, zone + 3, 3), zone[3] = ':';
	(void) snprintf(text + n, size - n, "%s%s", micro, zone);
}

/* -- what is shown ------------------------------------------------------------- */

static const struct {
	const char *name; /* in JSON */
	const char *text; /* behind a job's name, before what the signal says */
} shown[] = {
	[UPSTART_SIGNAL_EVENT] = { "event", NULL },
	[UPSTART_SIGNAL_JOB_ADDED] = { "job-added", "is known" },
	[UPSTART_SIGNAL_JOB_REMOVED] = { "job-removed", "is no longer known" },
	[UPSTART_SIGNAL_INSTANCE_ADDED] = { "instance-added", "begins" },
	[UPSTART_SIGNAL_INSTANCE_REMOVED] = { "instance-removed", "is gone" },
	[UPSTART_SIGNAL_GOAL] = { "goal", "goal" },
	[UPSTART_SIGNAL_STATE] = { "state", "state" },
	[UPSTART_SIGNAL_FAILED] = { "failed", "failed" },
	[UPSTART_SIGNAL_RESTARTED] = { "restarted", "init has replaced itself" },
	[UPSTART_SIGNAL_STATE_SET] = { "state-set", NULL },
	[UPSTART_SIGNAL_STATE_CLEARED] = { "state-cleared", NULL },
	[UPSTART_SIGNAL_EVENT_QUEUED] = { "event-queued", NULL },
	[UPSTART_SIGNAL_OTHER] = { "signal", NULL },
};

/* Only what is filtered for: names of events and jobs. */
static bool
is_wanted(const struct monitor *m, const struct upstart_signal *signal)
{
	const char *name = signal->job ? signal->job : signal->text;
	char **filters = m->ctl->filters;

	if (!filters || !name)
		return true;
	for (; *filters; filters++) {
		if (fnmatch(*filters, name, 0) == 0)
			return true;
	}
	/* A job event is about its job too. */
	for (char *const *e = signal->env; e && *e; e++) {
		for (filters = m->ctl->filters; strncmp(*e, "JOB=", 4) == 0 && *filters; filters++) {
			if (fnmatch(*filters, *e + 4, 0) == 0)
				return true;
		}
	}
	return false;
}

static enum paint
paint_of(const struct upstart_signal *signal)
{
	if (signal->type == UPSTART_SIGNAL_FAILED)
		return PAINT_BAD;
	if (signal->text && strcmp(signal->text, "running") == 0)
		return PAINT_GOOD;
	return PAINT_NONE;
}

static void
add_text(struct strbuf *b, const struct monitor *m, const struct upstart_signal *signal)
{
	char time[64];

	format_time(time, sizeof(time), false);
	add_painted(b, m, PAINT_TIME, time);
	if (signal->env) {
		strbuf_add(b, signal->type == UPSTART_SIGNAL_EVENT	 ? "  event  "
			      : signal->type == UPSTART_SIGNAL_EVENT_QUEUED ? "  queued "
			      : signal->type == UPSTART_SIGNAL_STATE_SET ? "  set    "
									 : "  clear  ");
		add_painted(b, m, PAINT_EVENT, signal->text);
		for (char *const *e = signal->env; *e; e++) {
			strbuf_addc(b, ' ');
			tool_add_visible(b, *e);
		}
		return;
	}
	strbuf_add(b, signal->job ? "  job    " : "  init   ");
	if (signal->job)
		add_painted(b, m, PAINT_JOB, signal->job);
	if (signal->instance && *signal->instance) {
		strbuf_add(b, " (");
		tool_add_visible(b, signal->instance);
		strbuf_addc(b, ')');
	}
	if (shown[signal->type].text)
		strbuf_addf(b, "%s%s", signal->job ? " " : "", _(shown[signal->type].text));
	if (signal->text) {
		strbuf_addc(b, ' ');
		add_painted(b, m, paint_of(signal), signal->text);
	}
}

/* One object, in one line. */
static void
print_json(const struct upstart_signal *signal)
{
	json_t *object = json_object();
	char time[64];
	char *line auto_free = NULL;

	format_time(time, sizeof(time), true);
	(void) json_object_set_new(object, "time", json_string(time));
	(void) json_object_set_new(object, "type", json_string(shown[signal->type].name));
	if (signal->job)
		(void) json_object_set_new(object, "job", json_string(signal->job));
	if (signal->instance)
		(void) json_object_set_new(object, "instance", json_string(signal->instance));
	if (signal->text)
		(void) json_object_set_new(object,
					   signal->type == UPSTART_SIGNAL_GOAL	  ? "goal"
					   : signal->type == UPSTART_SIGNAL_STATE ? "state"
										  : "name",
					   json_string(signal->text));
	if (signal->env)
		(void) json_object_set_new(object, "env", json_strings(signal->env));
	if (signal->type == UPSTART_SIGNAL_FAILED)
		(void) json_object_set_new(object, "status", json_integer(signal->status));
	line = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	(void) puts(tool_must(line));
}

static void
signal_cb(const struct upstart_signal *signal, void *data)
{
	const struct monitor *m = data;
	struct strbuf line auto_strbuf = STRBUF_INIT;

	if (!is_wanted(m, signal))
		return;
	if (m->ctl->json) {
		print_json(signal);
		return;
	}
	add_text(&line, m, signal);
	if (line.failed)
		tool_nomem();
	(void) puts(line.p);
}

/* -- watching --------------------------------------------------------------------- */

#define PATIENCE_MS 15000
#define LINE_MAX_BYTES 65536

/* Until interrupted, until nobody reads, or until init has gone for good. */
static int
watch(const struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	upstart_set_limits(ctl->upstart, 0, PATIENCE_MS);
	for (;;) {
		struct pollfd fds[] = { { 0 }, { .fd = STDOUT_FILENO, .events = 0 } }; /* POLLERR: nobody reads it */
		int r = upstart_dispatch(ctl->upstart, 0, &err);

		if (r < 0)
			return initctl_failed(ctl, &err);
		if (r > 0)
			tool_warn(&ctl->tool, _("The connection was lost for a moment; something may be missing here"));
		if (ferror(stdout))
			return EXIT_FAILURE;
		fds[0].fd = upstart_fd(ctl->upstart);
		fds[0].events = (short) upstart_events(ctl->upstart);
		if (poll(fds, ARRAY_SIZE(fds), -1) > 0 && (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)))
			return EXIT_SUCCESS;
	}
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const struct sigaction action = { .sa_handler = interrupt_cb };
	struct monitor monitor = { ctl, wants_colour() };
	char *version auto_free = NULL;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	/* That it answers says that it will tell us too. */
	if (upstart_subscribe(ctl->upstart, signal_cb, &monitor, &err) < 0 ||
	    upstart_version(ctl->upstart, &version, &err) < 0 ||
	    (ctl->queued && upstart_subscribe_queued(ctl->upstart, &err) < 0))
		return initctl_failed(ctl, &err);
	(void) setvbuf(stdout, NULL, _IOLBF, LINE_MAX_BYTES);
	(void) sigaction(SIGINT, &action, NULL);
	(void) sigaction(SIGTERM, &action, NULL);
	return watch(ctl);
}

static const struct option_spec options[] = {
	{ 'f', "filter", "PATTERN", N_("show only events and jobs whose name matches; may be repeated"), OPTION_LIST,
	  offsetof(struct initctl, filters) },
	{ 0, "queued", NULL, N_("show events when they are queued, too, not only when they are over"), OPTION_FLAG,
	  offsetof(struct initctl, queued) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_monitor = {
	.name = "monitor",
	.group = GROUP_EVENT,
	.operands = "",
	.summary = N_("Show events and what becomes of jobs while it happens."),
	.help = N_("One line for each event that is over and each change of a job, until it is interrupted. PATTERN "
		   "may hold *, ? "
		   "and [...]; an event of a job is shown for the name of the job too."),
	.options = options,
	.run = run,
};
