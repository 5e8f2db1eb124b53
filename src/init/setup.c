/* SPDX-License-Identifier: MIT */
#include "init/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/env.h"
#include "common/error.h"
#include "common/invariant.h"
#include "init/brain.h"
#include "init/check.h"
#include "init/condemn.h"
#include "init/container.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/down.h"
#include "init/events.h"
#include "init/fdtable.h"
#include "init/last.h"
#include "init/logs.h"
#include "init/own.h"
#include "init/places.h"
#include "init/reaper.h"
#include "init/reexec.h"
#include "init/rlimits.h"
#include "init/second.h"
#include "init/servants.h"
#include "init/session.h"
#include "init/shutdown.h"
#include "init/sources.h"
#include "init/spawn.h"
#include "init/strays.h"
#include "init/state.h"
#include "init/timers.h"
#include "system/boot.h"
#include "system/listen.h"
#include "system/memfile.h"
#include "system/process.h"

#define DEFAULT_UMASK 022u
#define ADDRESS_TRIES 50
#define ADDRESS_PAUSE (20 * 1000) /* microseconds */
#define LISTEN_TRIES 100
#define WANT_PAUSE (20 * 1000)	/* microseconds */
#define LISTEN_PAUSE (10 * 1000) /* microseconds */

extern char **environ;

/* -- who we are ------------------------------------------------------------------------------ */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	path = slash != NULL ? slash + 1 : path;
	return *path == '-' ? path + 1 : path;
}

static int
print_version(const struct init *init)
{
	(void) printf("%s (upstart " UPSTART_VERSION ")\n"
		      "Copyright (C) the Upstart authors\n"
		      "\n"
		      "This is free software under the MIT licence.\n"
		      "There is NO warranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.\n",
		      init->program);
	return 0;
}

static int
print_help(const struct init *init)
{
	auto_free char *text = options_help(init->program);

	if (text != NULL)
		(void) fputs(text, stdout);
	return text == NULL;
}

static enum log_level
level_of(const struct options *o)
{
	if (o->debug)
		return LOG_LEVEL_DEBUG;
	if (o->verbose)
		return LOG_LEVEL_INFO;
	return o->quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_MESSAGE;
}

/* Not the first process of anything, and no session asked for: the administrator meant telinit. */
static int
become_telinit(char **argv)
{
	auto_free char *own = NULL;
	auto_free char *beside = NULL;

	if (geteuid() != 0) {
		log_write(LOG_LEVEL_FATAL, "Need to be root");
		return 1;
	}
	/* That of its own tree, as with the servants. */
	own = process_own_path(argv[0]);
	if (own != NULL && strrchr(own, '/') != NULL)
		beside = str_printf("%.*s/telinit", (int) (strrchr(own, '/') - own), own);
	if (beside != NULL)
		(void) execv(beside, argv);
	(void) execv(UPSTART_SBINDIR "/telinit", argv);
	log_write(LOG_LEVEL_FATAL, "Not being executed as init");
	return 1;
}

/* Nothing but the last resort: by hand, or after too many crashes. */
static int
rescue(void)
{
	const char *container = getenv("container");

	if (getpid() != 1) {
		log_write(LOG_LEVEL_FATAL, "Only process 1 can come to the rescue");
		return 1;
	}
	if (container == NULL || *container == '\0')
		boot_prepare(false, false);
	crash_rescue();
}

/* Process 1 can't leave, nor may an image that follows another: there are jobs to look after. */
static bool
may_leave(int argc, char **argv)
{
	bool again = false;

	for (int i = 1; i < argc; i++)
		again = again || strcmp(argv[i], "--restart") == 0;
	return getpid() != 1 && !again;
}

static int
parse_options(struct init *init, int argc, char **argv, struct error *err)
{
	int r = options_parse(&init->options, argc, argv, err);

	while (r == -ENOMEM && !may_leave(argc, argv)) {
		options_deinit(&init->options);
		(void) usleep(WANT_PAUSE);
		r = options_parse(&init->options, argc, argv, err);
	}
	return r;
}

int
setup_options(struct init *init, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int r;

	while ((init->program = strdup(base_name(argc > 0 ? argv[0] : "init"))) == NULL) {
		if (may_leave(argc, argv))
			return 1;
		(void) usleep(WANT_PAUSE);
	}
	log_set_program(init->program);
	r = parse_options(init, argc, argv, &err);
	init->level = level_of(&init->options);
	log_set_level(init->level);
	if (init->options.help)
		return print_help(init);
	if (init->options.version)
		return print_version(init);
	if (init->options.rescue)
		return rescue();
	if (init->options.check) {
		if (r < 0)
			log_error("%s", r == -ENOMEM ? "Out of memory" : err.text);
		return r < 0 ? 1 : check_files(&init->options);
	}
	init->mode = init->options.user							  ? MODE_USER
		     : init->options.session || getenv("UPSTART_USE_SESSION_BUS") != NULL ? MODE_SESSION
											  : MODE_SYSTEM;
	if (r < 0) {
		log_error("%s", r == -ENOMEM ? "Out of memory" : err.text);
		/* The kernel would panic: PID 1 goes on with what it has understood. */
		if (getpid() != 1)
			return 1;
	}
	if (init_is_system(init) && getpid() != 1)
		return become_telinit(argv);
	container_detect(init);
	return SETUP_GO_ON;
}

/* -- steps ------------------------------------------------------------------------------------------ */

/* One of a start: 0, or a negative errno, and then `undo` (if any) gives back what it has made so far. */
struct step {
	int (*take)(struct init *init);
	void (*undo)(struct init *init);
};

/* Process 1 must get there, however often it fails: what is done is never done again. 0 or a negative errno. */
static int
take_steps(struct init *init, const struct step *steps, size_t n, size_t *done)
{
	for (; *done < n; (*done)++) {
		int r = steps[*done].take(init);

		if (r >= 0)
			continue;
		if (steps[*done].undo != NULL)
			steps[*done].undo(init);
		return r;
	}
	return 0;
}

/* -- surroundings -------------------------------------------------------------------------------- */

static int
begin(struct init *init)
{
	init->listen_fd = init->second_fd = init->ring_fd = init->signal_fd = -1;
	init->again = init->options.state_fd >= 0 || init->options.restart;
	crash_begin(init);
	return 0;
}

static int
make_sink(struct init *init)
{
	init->sink = sink_new(init->program);
	if (init->sink == NULL)
		return -ENOMEM;
	log_set_sink(sink_write, init->sink);
	return 0;
}

static int
copy_arguments(struct init *init)
{
	for (int i = 0; i < init->setup.argc; i++)
		if (strv_add(&init->argv, init->setup.argv[i]) < 0)
			return -ENOMEM;
	return 0;
}

static void
drop_arguments(struct init *init)
{
	init->argv = strv_free(init->argv);
}

/* The table that jobs start from (runtime.md 4.1). */
static int
make_environment(struct init *init)
{
	static const char *const always[] = { "PATH", "TERM" };

	if (strv_dup(&init->own_env, environ) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		const char *value = env_get(init->own_env, always[i]);

		if (value != NULL && env_set_value(&init->job_env, always[i], value) < 0)
			return -ENOMEM;
	}
	if (!init_is_session(init) || init->options.no_inherit_env)
		return 0;
	for (size_t i = 0; init->own_env != NULL && init->own_env[i] != NULL; i++)
		if (strchr(init->own_env[i], '=') != NULL && env_set(&init->job_env, init->own_env[i]) < 0)
			return -ENOMEM;
	return 0;
}

static void
drop_environment(struct init *init)
{
	init->own_env = strv_free(init->own_env);
	init->job_env = strv_free(init->job_env);
}

static void
note_umask(struct init *init)
{
	mode_t own = umask(0);

	(void) umask(own);
	init->umask = init_is_session(init) && !init->options.no_inherit_env ? (uint32_t) own : DEFAULT_UMASK;
}

/* What needs no memory that it could not do without. */
static int
prepare(struct init *init)
{
	int r;

	init->own_path = process_own_path(init->setup.argv[0]);
	note_umask(init);
	if (init_is_system(init)) {
		process_hide_arguments(init->setup.argc, init->setup.argv);
		if (init->container)
			container_prepare();
		else
			boot_prepare(init->again, !init->options.no_cgroups);
		if (init->own_path == NULL) /* /proc is there now */
			init->own_path = process_own_path(init->argv[0]);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	r = crash_install(init);
	if (r < 0)
		log_warn("A crash would be the end: %s", strerror(-r));
	limits_raise(init);
	return 0;
}

static int
read_settings(struct init *init)
{
	return settings_read(&init->settings, &init->options, init_is_system(init) ? SETTINGS_FILE : NULL);
}

int
setup_surroundings(struct init *init, int argc, char **argv)
{
	static const struct step steps[] = {
		{ begin, NULL },
		{ make_sink, NULL },
		{ copy_arguments, drop_arguments },
		{ prepare, NULL },
		{ read_settings, NULL },
		{ make_environment, drop_environment },
		{ places_log_dir, NULL },
	};

	init->setup.argc = argc;
	init->setup.argv = argv;
	return take_steps(init, steps, ARRAY_SIZE(steps), &init->setup.surroundings);
}

/* -- the machine ------------------------------------------------------------------------------------ */

static int
make_loop(struct init *init)
{
	init->loop = loop_new();
	return init->loop != NULL ? 0 : -ENOMEM;
}

static int
attach_sink(struct init *init)
{
	return sink_attach(init->sink, init->loop);
}

static void
invariant_cb(const char *file, int line, const char *what, void *data)
{
	char text[ERROR_TEXT_MAX];

	(void) snprintf(text, sizeof(text), "%s:%d: does not hold: %s", file, line, what);
	log_error("%s", text);
	condemn_degrade(data, text);
}

/*
 * Where clients find us; jobs are told it from the first on. Names of sockets are anybody's who comes first: a
 * session's, which holds its pid and so can be guessed, may be taken.
 */
static int
choose_address(struct init *init)
{
	if (init->core != NULL)
		return 0; /* the last image has */
	errno = 0;
	if (init->address == NULL && init->mode != MODE_SESSION)
		init->address = listen_address(init_is_session(init));
	if (init->address == NULL && errno == ENOMEM)
		return -ENOMEM;
	if (init->listen_fd >= 0 || init->address == NULL)
		return 0;
	init->listen_fd = listen_open(init->address);
	/* The control of a crashed image without a state sees the end of its link, and lets go of it. */
	for (int i = 0; i < ADDRESS_TRIES && init->listen_fd == -EADDRINUSE && init->again; i++) {
		(void) usleep(ADDRESS_PAUSE);
		init->listen_fd = listen_open(init->address);
	}
	if (init->listen_fd == -EADDRINUSE && init_is_session(init)) {
		char *other = listen_other_address();

		log_warn("Somebody else listens at %s", init->address);
		if (other != NULL) {
			free(init->address);
			init->address = other;
			init->listen_fd = listen_open(other);
		}
	}
	if (init->listen_fd < 0)
		init->listen_fd = -1; /* open_listen() tries again, and tells */
	return 0;
}

/* A core that knows nothing, unless there is one. */
static int
make_fresh(struct init *init)
{
	struct core_config config;

	if (init->core != NULL)
		return 0;
	if (init->definitions == NULL)
		init->definitions = definitions_new();
	if (init->definitions == NULL)
		return -ENOMEM;
	config = state_core_config(init);
	init->core = core_new(&config);
	if (init->core == NULL)
		return -ENOMEM;
	return state_new(init);
}

static void
drop_fresh(struct init *init)
{
	init->core = core_free(init->core);
	init->state.journal = journal_free(init->state.journal);
}

static void
open_listen(struct init *init)
{
	int fd;

	if (init->listen_fd >= 0 || init->address == NULL)
		return;
	fd = listen_open(init->address);
	/* After a crash that cost the state the dump of the last image may hold the socket for a moment. */
	for (int i = 0; fd == -EADDRINUSE && init->options.crash != NULL && i < LISTEN_TRIES; i++) {
		(void) usleep(LISTEN_PAUSE);
		fd = listen_open(init->address);
	}
	if (fd < 0)
		log_warn("Unable to listen for private connections: %s", strerror(-fd));
	else
		init->listen_fd = fd;
}

static bool
nothing_cb(int fd, void *data)
{
	(void) fd;
	(void) data;
	return false;
}

/* What the last image left. */
static int
inherit(struct init *init)
{
	int r;

	invariant_set_hook(invariant_cb, init);
	if (init->options.state_fd >= 0) {
		r = state_load(init, init->options.state_fd);
		if (r == 0) {
			log_set_level(init->level);
		} else {
			log_error("Failed to read serialisation data - reverting to stateless re-exec: %s",
				  strerror(-r));
			crash_begin_anew(); /* some of it has been read */
		}
	}
	if (init->core == NULL)
		crash_close_strangers(nothing_cb, NULL); /* servants see the end of their links and leave */
	return 0;
}

/* From here on what happens is written down. */
static int
open_books(struct init *init)
{
	int r;

	open_listen(init);
	second_open(init);
	if (init->ring_fd < 0)
		init->ring_fd = memfile_new("upstart-log");
	/* Before anything happens: what does can then be applied again. */
	r = state_snapshot(init);
	if (r < 0)
		log_error("The state would not survive: %s", strerror(-r));
	if (init->options.record != NULL) {
		r = state_record(init, init->options.record);
		if (r < 0)
			log_error("Unable to record to %s: %s", init->options.record, strerror(-r));
	}
	return 0;
}

int
setup_machine(struct init *init)
{
	static const struct step steps[] = {
		{ make_loop, NULL },
		{ brain_init, brain_deinit },
		{ own_init, own_deinit },
		{ reaper_init, reaper_deinit },
		{ timers_init, timers_deinit },
		{ fdtable_init, fdtable_deinit },
		{ strays_init, strays_deinit },
		{ spawns_init, spawns_deinit },
		{ logs_init, logs_deinit },
		{ servants_init, servants_deinit },
		{ clients_init, clients_deinit },
		{ sources_init, sources_deinit },
		{ events_init, events_deinit },
		{ reexec_init, reexec_deinit },
		{ attach_sink, NULL },
		{ inherit, NULL },
		{ shutdown_inherit, NULL },
		{ choose_address, NULL },
		{ make_fresh, drop_fresh },
		{ open_books, NULL },
		{ sources_setup, sources_drop },
	};

	return take_steps(init, steps, ARRAY_SIZE(steps), &init->setup.machine);
}

/* -- the first steps ----------------------------------------------------------------------------------- */

/* Orphans below a session are its business. True if that can't be had. */
static bool
become_reaper(const struct init *init)
{
	int r;

	if (!init_is_session(init) || getpid() == 1 || init->again)
		return false;
	r = process_become_subreaper();
	if (r < 0)
		log_warn("Unable to register as subreaper: %s", strerror(-r));
	return r < 0;
}

/* From now on nobody reads a console: what init says goes to the kernel's log, where there is one. */
static void
leave_console(struct init *init)
{
	if (init->container) {
		sink_use_stderr(init->sink);
		return;
	}
	if (!init_is_system(init) || boot_log_path() == NULL)
		return;
	boot_leave_console();
	sink_use_file(init->sink, boot_log_path());
}

/* That of an emergency, whose job emits the usual one when its shell is left. Without the job nothing would come after it. */
static const char *
first_event(const struct init *init)
{
	const struct job_class *cls;

	if (init->options.startup_event != NULL)
		return init->options.startup_event;
	if (!init->options.emergency || !init_is_system(init) || init->container)
		return "startup";
	cls = core_class(init->core, "emergency");
	if (cls != NULL && cls->start_on != NULL)
		return "emergency";
	log_error("There is no job emergency that would start: the boot goes on");
	return "startup";
}

void
setup_work(struct init *init)
{
	bool continued = init->options.state_fd >= 0 && core_seq(init->core) > 0;
	bool no_reaper = become_reaper(init);

	leave_console(init);
	second_watch(init);
	crash_report(init);
	timers_start(init);
	strays_start(init);
	spawns_start(init); /* before any input: what the outbox holds is asked for with what was kept */
	/* What arrived before the exec comes first: servants send again what was not acknowledged. */
	servants_start(init);
	clients_refuse_left_out(init);
	shutdown_rules(init);
	sources_load(init);
	brain_deliver(init);
	if (!init->again) {
		places_tell_lacking(init);
		shutdown_tell_lacking(init);
	}
	shutdown_continue(init);
	shutdown_resume(init);
	if (continued)
		log_info("Stateful re-exec completed");
	if (no_reaper)
		own_emit(init, "child-subreaper-failed");
	if (init_is_session(init))
		session_announce(init);
	if (!init->again && !init->options.no_startup_event)
		own_emit(init, first_event(init));
	if (init->options.no_dbus)
		log_info("Not connecting to %s bus", init_is_system(init) ? "system" : "session");
}

void
setup_deinit(struct init *init)
{
	second_deinit(init);
	down_deinit(init);
	shutdown_deinit(init);
	last_deinit(init);
	sources_deinit(init);
	clients_deinit(init);
	servants_deinit(init);
	logs_deinit(init);
	spawns_deinit(init);
	strays_deinit(init);
	fdtable_deinit(init);
	timers_deinit(init);
	reaper_deinit(init);
	own_deinit(init);
	brain_deinit(init);
	condemn_deinit(init);
	reexec_deinit(init);
	events_deinit(init);
	init->core = core_free(init->core);
	init->definitions = definitions_free(init->definitions);
	init->state.journal = journal_free(init->state.journal);
	init->state.record = journal_free(init->state.record);
	init->phase_timer = loop_timer_free(init->phase_timer);
	log_set_sink(NULL, NULL);
	log_set_program("init");
	init->sink = sink_free(init->sink);
	if (init->loop != NULL)
		init->loop = loop_free(init->loop);
	if (init->listen_fd >= 0)
		(void) close(init->listen_fd);
	if (init->second_fd >= 0)
		(void) close(init->second_fd);
	if (init->ring_fd >= 0)
		(void) close(init->ring_fd);
	options_deinit(&init->options);
	init->argv = strv_free(init->argv);
	init->own_env = strv_free(init->own_env);
	init->job_env = strv_free(init->job_env);
	free(init->program);
	free(init->own_path);
	free(init->address);
	free(init->session_file);
	free(init->log_dir);
	free(init->bus_address);
}
