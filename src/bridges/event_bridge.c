/* SPDX-License-Identifier: MIT */
/*
 * upstart-event-bridge: the events of the system's init, for the jobs of a session (bridges.md section 7).
 *
 * The system's event NAME becomes the session's event :sys:NAME, and its re-execution :sys:restarted, if some job of
 * the session asks for it. Where systemd is process 1 the events are those of upstart-local-bridge and keep their names.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "bridges/bridge.h"
#include "bridges/source.h"
#include "common/log.h"

#define PREFIX ":sys:"
#define SYSTEMD_FOLDER "/run/systemd/system"
#define LOCAL_BRIDGE_ADDRESS "unix:abstract=/com/ubuntu/upstart/local/bridge"

struct event_bridge {
	struct bridge_options common;
	bool always;
	const char *address; /* borrowed: of the system's init; NULL: find it */
	char **deny, **allow; /* owned */

	struct bridge *bridge; /* borrowed */
	struct source *source; /* owned */
	const char *prefix;    /* of forwarded events */
	struct map names;      /* what the jobs ask for, without prefix … */
	char **globs;          /* … owned: and what of it are globs */
};

static const struct option_spec event_bridge_options[] = {
	{ 0, "always", NULL, N_("forward all events, not just those that a job asks for"), OPTION_FLAG,
	  offsetof(struct event_bridge, always) },
	{ 0, "deny-env", "GLOB", N_("leave out variables whose name matches; may be given several times"), OPTION_LIST,
	  offsetof(struct event_bridge, deny) },
	{ 0, "allow-env", "GLOB",
	  N_("pass on variables whose name matches though it is reserved; may be given several times"), OPTION_LIST,
	  offsetof(struct event_bridge, allow) },
	{ 0, "system-address", "ADDRESS",
	  N_("D-Bus address of the system init's own socket, instead of the system bus"), OPTION_VALUE,
	  offsetof(struct event_bridge, address) },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = {
	event_bridge_options, bridge_options_common, options_common, NULL,
};

static const struct tool_help help = {
	.command = "",
	.operands = "",
	.summary = N_("Forward the events of the system's init to the session init at $UPSTART_SESSION."),
	.text = N_("The event NAME of the system becomes the event :sys:NAME of the session if a job of the session "
		   "has it in its start on or stop on. When the system's init has re-executed itself, :sys:restarted is emitted."),
	.tables = tables,
};

/* -- what is wanted ----------------------------------------------------------- */

static bool
is_glob(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static bool
is_wanted(const struct event_bridge *eb, const char *name)
{
	if (eb->always || map_get(&eb->names, name))
		return true;
	for (size_t i = 0; eb->globs && eb->globs[i]; i++) {
		if (fnmatch(eb->globs[i], name, 0) == 0)
			return true;
	}
	return false;
}

/* A job asks for the event `name`: add it to `names` or `globs`, once. */
static int
want_event(struct event_bridge *eb, const char *name, char ***names)
{
	size_t n = strlen(eb->prefix);

	if (strncmp(name, eb->prefix, n) != 0 || !name[n])
		return 0;
	name += n;
	if (is_glob(name) && !strv_has(eb->globs, name) && strv_add(&eb->globs, name) < 0)
		return -ENOMEM;
	/* One that looks like a glob is also the name it is. */
	if (map_get(&eb->names, name))
		return 0;
	if (strv_add(names, name) < 0)
		return -ENOMEM;
	return map_put(&eb->names, name, eb);
}

static int
collect_wants(struct event_bridge *eb, char ***names)
{
	map_deinit(&eb->names);
	eb->globs = strv_free(eb->globs);
	for (const struct terms_job *job = bridge_terms(eb->bridge)->jobs; job; job = job->next) {
		for (size_t i = 0; i < job->list.count; i++) {
			if (want_event(eb, job->list.terms[i].event, names) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void
jobs_changed(struct bridge *bridge, void *data)
{
	struct event_bridge *eb = data;
	struct source_want want = { 0 };

	if (collect_wants(eb, &want.names) < 0) {
		log_error("Out of memory: not all that the jobs ask for is forwarded");
		want.all = true;
	}
	log_debug("The jobs ask for %zu events", strv_len(want.names));
	want.all |= eb->always || eb->globs;
	want.restarted = is_wanted(eb, "restarted");
	source_set_want(eb->source, &want);
	(void) strv_free(want.names);
}

/* -- what comes --------------------------------------------------------------- */

static void
forward(struct event_bridge *eb, const char *name, char *const *env)
{
	char *text auto_free = NULL;

	/* Never twice: a session that is its own source would do it for ever. */
	if (!*name || strncmp(name, PREFIX, strlen(PREFIX)) == 0 || !is_wanted(eb, name))
		return;
	text = str_printf("%s%s", eb->prefix, name);
	if (text)
		bridge_emit(eb->bridge, text, env);
	else
		log_error("Out of memory: an event is lost");
}

static void
event_cb(void *data, const char *name, char *const *env)
{
	forward(data, name, env);
}

static void
restarted_cb(void *data)
{
	forward(data, "restarted", NULL);
}

static void
settled_cb(void *data)
{
	struct event_bridge *eb = data;

	bridge_release(eb->bridge);
}

static const struct source_ops source_ops = { event_cb, restarted_cb, settled_cb };

/* -- life --------------------------------------------------------------------- */

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
bridge_open(struct bridge *bridge, void *data, struct error *err)
{
	struct event_bridge *eb = data;
	struct filter *filter = bridge_filter(bridge);

	eb->bridge = bridge;
	eb->prefix = PREFIX;
	filter->deny = eb->deny;
	filter->allow = eb->allow;
	if (!eb->address && is_folder(SYSTEMD_FOLDER)) {
		eb->address = LOCAL_BRIDGE_ADDRESS;
		eb->prefix = "";
	}
	eb->source = source_new(bridge_base(bridge), eb->address, &source_ops, eb);
	if (!eb->source)
		return error_nomem(err);
	bridge_hold(bridge); /* until settled */
	return source_start(eb->source, err);
}

static void
bridge_close(struct bridge *bridge, void *data)
{
	struct event_bridge *eb = data;

	eb->source = source_free(eb->source);
	map_deinit(&eb->names);
	eb->globs = strv_free(eb->globs);
}

static const struct bridge_program program = {
	.help = &help,
	.session_only = true,
	.filter = FILTER_DOTS | FILTER_JOBS,
	.open = bridge_open,
	.close = bridge_close,
	.jobs_changed = jobs_changed,
};

int
main(int argc, char **argv)
{
	struct event_bridge eb = { 0 };
	int status = bridge_main(argc, argv, &program, &eb);

	(void) strv_free(eb.deny);
	(void) strv_free(eb.allow);
	return status;
}
