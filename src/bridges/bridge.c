/* SPDX-License-Identifier: MIT */
/*
 * The life of a bridge: options, connection, loop until ready, daemon, loop until the end. Becoming a daemon forks, so
 * it is done outside the loop, which is stopped for it and made anew in the child.
 */
#include "bridges/bridge.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bridges/daemon.h"
#include "bridges/peer.h"
#include "bridges/queue.h"
#include "bridges/scan.h"
#include "bridges/sender.h"
#include "bus/library.h"
#include "common/log.h"
#include "common/private.h"

#define INIT_LIMIT (10 * USEC_PER_SEC) /* how long a lost init is waited for */
#define START_LIMIT_SECONDS 60         /* until everything must be ready */
#define DRAIN_LIMIT_SECONDS 1          /* for events still to be sent when told to end */
#define QUEUE_MOST 1000000

enum bridge_phase {
	BRIDGE_STARTING,
	BRIDGE_READY,    /* it was stopped to become a daemon */
	BRIDGE_RUNNING,
	BRIDGE_DRAINING, /* told to end */
	BRIDGE_ENDED,
};

struct bridge {
	struct tool tool;
	const struct bridge_program *program; /* borrowed */
	struct bridge_options *options;       /* borrowed */
	void *data;                           /* borrowed: the program's */
	enum bridge_phase phase;
	int status;
	unsigned holds;
	bool known; /* what the jobs ask for was told */

	const char *address; /* of init; borrowed */
	char *pid_path;      /* owned; NULL unless a daemon */
	bool pid_written;
	enum daemon_ready ready;
	int ready_fd;

	struct event_base *base;           /* owned, as all below */
	struct event *term, *interrupt;    /* signals */
	struct event *limit;               /* time is up: to start, to drain */
	struct peer *init;
	struct terms terms;
	struct scan *scan;
	struct queue queue;
	struct sender *sender;
	struct filter filter;
};

const struct option_spec bridge_options_common[] = {
	{ 0, "daemon", NULL, N_("detach and run in the background"), OPTION_FLAG,
	  offsetof(struct bridge_options, daemon) },
	{ 0, "ready", "HOW",
	  N_("tell when ready: `stop' raises SIGSTOP, a number gets a newline written to that descriptor"),
	  OPTION_VALUE, offsetof(struct bridge_options, ready) },
	{ 0, "queue", "EVENTS", N_("keep at most so many events that init has not taken yet (default: 4096)"),
	  OPTION_VALUE, offsetof(struct bridge_options, queue) },
	OPTIONS_END,
};

const struct option_spec bridge_options_user[] = {
	{ 0, "user", NULL, N_("serve the session init at $UPSTART_SESSION"), OPTION_FLAG,
	  offsetof(struct bridge_options, user) },
	OPTIONS_END,
};

struct event_base *
bridge_base(struct bridge *bridge)
{
	return bridge->base;
}

const struct terms *
bridge_terms(const struct bridge *bridge)
{
	return &bridge->terms;
}

struct filter *
bridge_filter(struct bridge *bridge)
{
	return &bridge->filter;
}

void
bridge_end(struct bridge *bridge, int status)
{
	if (bridge->phase == BRIDGE_ENDED)
		return;
	bridge->phase = BRIDGE_ENDED;
	bridge->status = status;
	(void) event_base_loopbreak(bridge->base);
}

void
bridge_hold(struct bridge *bridge)
{
	bridge->holds++;
}

void
bridge_release(struct bridge *bridge)
{
	if (bridge->holds == 0 || --bridge->holds > 0 || bridge->phase != BRIDGE_STARTING)
		return;
	bridge->phase = BRIDGE_READY;
	(void) event_base_loopbreak(bridge->base);
}

const char *
bridge_address(const struct bridge *bridge)
{
	return bridge->address;
}

int
bridge_call(struct bridge *bridge, DBusMessage *message, peer_reply_fn reply, void *data, void (*release)(void *data))
{
	return peer_call(bridge->init, message, reply, data, release);
}

void
bridge_emit(struct bridge *bridge, const char *name, char *const *env)
{
	bridge_emit_to(bridge, name, env, NULL);
}

void
bridge_emit_to(struct bridge *bridge, const char *name, char *const *env, const char *only)
{
	struct strbuf text auto_strbuf = STRBUF_INIT;
	char **clean auto_strv = NULL;

	(void) filter_value(&bridge->filter, span_of(name), &text);
	if (!text.failed && text.len == 0)
		return; /* an event without a name is none */
	if (text.failed || filter_env(&bridge->filter, name, env, &clean) < 0) {
		log_error("Out of memory: an event is lost");
		return;
	}
	log_debug("Event %s", text.p);
	/* That it was dropped is counted, and said by the sender. */
	(void) !queue_push(&bridge->queue, text.p, clean, only);
	sender_pump(bridge->sender);
}

/* -- what init tells ---------------------------------------------------------- */

static void
init_up_cb(void *data)
{
	struct bridge *bridge = data;

	scan_start(bridge->scan);
	sender_up(bridge->sender);
	if (bridge->program->up)
		bridge->program->up(bridge, bridge->data);
}

static void
init_down_cb(void *data, bool was_up)
{
	struct bridge *bridge = data;

	sender_down(bridge->sender);
}

static void
init_gone_cb(void *data)
{
	log_write(LOG_LEVEL_FATAL, "%s", _("Disconnected from Upstart"));
	bridge_end(data, EXIT_FAILURE);
}

static void
init_signal_cb(void *data, DBusMessage *message)
{
	struct bridge *bridge = data;
	const char *name;
	char **env;
	int count;

	scan_signal(bridge->scan, message);
	if (!bridge->program->event || !dbus_message_is_signal(message, MANAGER_INTERFACE, "EventEmitted") ||
	    !dbus_message_has_path(message, MANAGER_PATH) ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &env, &count,
				   DBUS_TYPE_INVALID))
		return;
	bridge->program->event(bridge, bridge->data, name, env);
	dbus_free_string_array(env);
}

static const struct peer_ops init_ops = { init_up_cb, init_down_cb, init_gone_cb, init_signal_cb };

static void
scanned_cb(void *data, bool changed)
{
	struct bridge *bridge = data;
	bool first = !bridge->known;

	bridge->known = true;
	if ((changed || first) && bridge->program->jobs_changed)
		bridge->program->jobs_changed(bridge, bridge->data);
	if (first)
		bridge_release(bridge);
}

static void
scan_failed_cb(void *data, const char *why)
{
	struct bridge *bridge = data;

	log_error(_("Unable to learn which jobs there are: %s"), why);
	if (!bridge->known)
		bridge_end(bridge, EXIT_FAILURE);
}

static const struct scan_ops scan_ops = { scanned_cb, scan_failed_cb };

static void
idle_cb(void *data)
{
	struct bridge *bridge = data;

	if (bridge->phase == BRIDGE_DRAINING)
		bridge_end(bridge, EXIT_SUCCESS);
}

/* -- signals and limits ------------------------------------------------------- */

static void
terminate_cb(evutil_socket_t signo, short what, void *data)
{
	static const struct timeval limit = { DRAIN_LIMIT_SECONDS, 0 };
	struct bridge *bridge = data;

	/* The second one is not asked to wait; and what is not running has promised nothing. */
	if (bridge->phase != BRIDGE_RUNNING || bridge->queue.count == 0 || event_add(bridge->limit, &limit) < 0) {
		bridge_end(bridge, EXIT_SUCCESS);
		return;
	}
	log_debug("Sending the last %zu events", bridge->queue.count);
	bridge->phase = BRIDGE_DRAINING;
}

static void
limit_cb(evutil_socket_t fd, short what, void *data)
{
	struct bridge *bridge = data;

	if (bridge->phase == BRIDGE_DRAINING) {
		log_warn("%zu events were not sent", bridge->queue.count);
		bridge_end(bridge, EXIT_SUCCESS);
	} else if (bridge->phase == BRIDGE_STARTING) {
		log_error(_("Upstart does not answer"));
		bridge_end(bridge, EXIT_FAILURE);
	}
}

/* -- making and unmaking ------------------------------------------------------ */

static void
bridge_deinit(struct bridge *bridge)
{
	if (bridge->pid_written)
		(void) unlink(bridge->pid_path);
	bridge->init = peer_free(bridge->init);
	bridge->scan = scan_free(bridge->scan);
	bridge->sender = sender_free(bridge->sender);
	terms_deinit(&bridge->terms);
	queue_deinit(&bridge->queue);
	filter_deinit(&bridge->filter);
	if (bridge->term)
		event_free(bridge->term);
	if (bridge->interrupt)
		event_free(bridge->interrupt);
	if (bridge->limit)
		event_free(bridge->limit);
	if (bridge->base)
		event_base_free(bridge->base);
	free(bridge->pid_path);
	if (bridge->ready_fd >= 0)
		(void) close(bridge->ready_fd);
}

static struct event_base *
loop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

/* 0, or -ENOMEM with a text. */
static int
bridge_make(struct bridge *bridge, struct error *err)
{
	static const struct timeval limit = { START_LIMIT_SECONDS, 0 };

	library_prepare();
	bridge->base = loop_new();
	if (!bridge->base)
		return error_set(err, -ENOMEM, NULL, "Unable to make an event loop");
	bridge->term = evsignal_new(bridge->base, SIGTERM, terminate_cb, bridge);
	bridge->interrupt = evsignal_new(bridge->base, SIGINT, terminate_cb, bridge);
	bridge->limit = event_new(bridge->base, -1, 0, limit_cb, bridge);
	bridge->init = peer_new(bridge->base, PEER_PRIVATE, bridge->address, "Upstart", INIT_LIMIT, &init_ops, bridge);
	if (bridge->init) {
		bridge->scan = scan_new(bridge->base, bridge->init, &bridge->terms, bridge->program->details,
					&scan_ops, bridge);
		bridge->sender = sender_new(bridge->base, bridge->init, &bridge->queue, idle_cb, bridge);
	}
	if (!bridge->term || !bridge->interrupt || !bridge->limit || !bridge->scan || !bridge->sender ||
	    event_add(bridge->term, NULL) < 0 || event_add(bridge->interrupt, NULL) < 0 ||
	    event_add(bridge->limit, &limit) < 0)
		return error_nomem(err);
	return 0;
}

/* -- the phases --------------------------------------------------------------- */

/* Loop until the phase changes. */
static int
bridge_loop(struct bridge *bridge, struct error *err)
{
	enum bridge_phase phase = bridge->phase;

	while (bridge->phase == phase || bridge->phase == BRIDGE_DRAINING) {
		if (event_base_dispatch(bridge->base) < 0)
			return error_set(err, -EIO, NULL, "The event loop failed");
	}
	return 0;
}

/* Ready: leave the terminal if asked to, and say so to whom it concerns. */
static int
bridge_settle(struct bridge *bridge, struct error *err)
{
	int r;

	(void) event_del(bridge->limit);
	if (bridge->options->daemon) {
		r = daemon_detach(bridge->tool.name, bridge->pid_path, !bridge->options->user, err);
		if (r < 0)
			return r;
		bridge->pid_written = true;
		if (event_reinit(bridge->base) < 0)
			return error_set(err, -EIO, NULL, "Unable to go on with the event loop as a daemon");
		(void) event_del(bridge->interrupt);
	}
	bridge->phase = BRIDGE_RUNNING;
	daemon_ready_tell(bridge->ready, &bridge->ready_fd);
	log_info("Ready");
	return 0;
}

static int
bridge_run(struct bridge *bridge, struct error *err)
{
	struct error why = ERROR_INIT;
	int r;

	bridge_hold(bridge); /* for the jobs */
	r = peer_connect(bridge->init, &why);
	if (r < 0)
		return error_set(err, r, NULL, _("Unable to connect to Upstart: %s"), why.text);
	r = bridge->program->open(bridge, bridge->data, err);
	if (r == 0)
		r = bridge_loop(bridge, err);
	if (r == 0 && bridge->phase == BRIDGE_READY)
		r = bridge_settle(bridge, err);
	if (r == 0 && bridge->phase == BRIDGE_RUNNING)
		r = bridge_loop(bridge, err);
	bridge->program->close(bridge, bridge->data);
	return r;
}

/* -- the command line --------------------------------------------------------- */

static int
read_queue(struct bridge *bridge, struct error *err)
{
	const char *text = bridge->options->queue;
	char *end;
	long n;

	bridge->queue.limit = QUEUE_DEFAULT;
	if (!text)
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 1 || n > QUEUE_MOST)
		return error_set(err, -EINVAL, NULL, _("Not a number of events from 1 to %d: %s"), QUEUE_MOST, text);
	bridge->queue.limit = (size_t) n;
	return 0;
}

/* What the options mean, once all are read. */
static int
bridge_configure(struct bridge *bridge, struct error *err)
{
	struct bridge_options *options = bridge->options;
	int r = read_queue(bridge, err);

	options->user |= bridge->program->session_only;
	bridge->address = PRIVATE_SYSTEM;
	if (options->user) {
		bridge->address = getenv("UPSTART_SESSION");
		if (!bridge->address || !*bridge->address)
			return error_set(err, -EINVAL, NULL, _("UPSTART_SESSION isn't set in environment"));
	}
	if (r == 0 && options->ready)
		r = daemon_ready_parse(options->ready, &bridge->ready, &bridge->ready_fd, err);
	if (r == 0 && options->daemon)
		r = daemon_pid_path(&bridge->pid_path, bridge->tool.name, options->user ? bridge->address : NULL, err);
	return r;
}

static void
set_log(const struct tool *tool)
{
	static const enum log_level levels[] = {
		[TOOL_QUIET] = LOG_LEVEL_ERROR,
		[TOOL_NORMAL] = LOG_LEVEL_MESSAGE,
		[TOOL_VERBOSE] = LOG_LEVEL_INFO,
		[TOOL_DEBUG] = LOG_LEVEL_DEBUG,
	};

	log_set_program(tool->name);
	log_set_level(levels[tool->level]);
}

/* Returns true if the program is to go on; else *status is how it ends. */
static bool
read_options(struct bridge *bridge, struct options_scan *scan, int *status)
{
	const struct tool_help *help = bridge->program->help;
	const char *word;
	enum options_result r = options_next(scan, help->tables, bridge->data, &word);

	bridge->tool.level = scan->level;
	switch (r) {
	case OPTIONS_DONE:
		return true;
	case OPTIONS_HELP:
		*status = tool_help(&bridge->tool, help);
		break;
	case OPTIONS_VERSION:
		*status = tool_version(&bridge->tool);
		break;
	case OPTIONS_OPERAND:
		*status = tool_misuse(&bridge->tool, "%s: %s", _("unexpected argument"), word);
		break;
	case OPTIONS_INVALID:
		*status = tool_invalid_option(&bridge->tool, scan);
		break;
	}
	return false;
}

/* All after the command line. */
static int
bridge_live(struct bridge *bridge)
{
	struct error err = ERROR_INIT;
	int r = bridge_configure(bridge, &err);

	set_log(&bridge->tool);
	if (r == 0)
		r = bridge_make(bridge, &err);
	if (r == 0)
		r = bridge_run(bridge, &err);
	if (r < 0)
		log_write(LOG_LEVEL_FATAL, "%s", err.text);
	bridge_deinit(bridge);
	return r < 0 ? EXIT_FAILURE : bridge->status;
}

int
bridge_main(int argc, char **argv, const struct bridge_program *program, void *data)
{
	struct bridge bridge = { .program = program, .options = data, .data = data, .ready_fd = -1 };
	struct options_scan scan;
	int status = EXIT_FAILURE;

	tool_init(&bridge.tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	bridge.filter.flags = program->filter;
	if (read_options(&bridge, &scan, &status))
		status = bridge_live(&bridge);
	options_deinit(&scan);
	return tool_finish(&bridge.tool, status);
}
