/* SPDX-License-Identifier: MIT */
/*
 * After the jobs: strays get a signal and a moment, then the servants leave (session.c), then init does. In a container
 * the kernel ends what is left when process 1 has gone; a machine is ended by down.c.
 */
#include "init/shutdown.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "init/crash.h"
#include "init/down.h"
#include "init/last.h"
#include "init/omit.h"
#include "init/own.h"
#include "init/reexec.h"
#include "init/servants.h"
#include "init/session.h"
#include "system/boot.h"
#include "system/clock.h"
#include "system/process.h"

#define LIMIT_DEFAULT (300 * USEC_PER_SEC)
#define STRAY_LOOK (50 * USEC_PER_MSEC)
#define STRAY_WAIT (5 * USEC_PER_SEC)
#define STRAY_KILL (2 * USEC_PER_SEC) /* until the kernel has ended those that were killed */
#define OMIT_LOOK USEC_PER_SEC	      /* what others say of whom to spare is read once in so long */

struct shutdown {
	struct loop_timer *timer; /* owned: the next look at strays */
	struct u64v spared;	  /* owned: whom nobody shall kill, */
	usec_t spared_at;	  /* as was said then */
	usec_t since, until;
	unsigned told; /* seconds */
	bool asked; /* SIGTERM was sent */
	bool killing;
	int status;
};

/* -- what the core is told ------------------------------------------------------------- */

static usec_t
limit_of(const struct init *init)
{
	const char *text = init->options.shutdown_timeout;
	char *end;
	unsigned long seconds;

	if (text == NULL)
		return LIMIT_DEFAULT;
	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || seconds == 0 || seconds > UINT32_MAX) {
		log_error("invalid value for --shutdown-timeout: %s", text);
		return LIMIT_DEFAULT;
	}
	return seconds * USEC_PER_SEC;
}

int
shutdown_fill(const struct init *init, enum shutdown_action what, struct input_shutdown *in)
{
	in->what = what;
	if (what != SHUTDOWN_RULES)
		return 0;
	in->limit = limit_of(init);
	in->assist = !init->container;
	return str_copy(&in->job, init->container ? init->options.exit_with : NULL);
}

void
shutdown_rules(struct init *init)
{
	init->last.closes = init->again; /* the last image may have told the logger to, and not yet that it is over */
	(void) !str_copy(&init->last.handed_on, init->options.down);
	if (init->options.exit_with != NULL && !init->container)
		log_error("--exit-with is for containers: no machine ends with a job");
	/* Process 1 of a bare namespace has no machine to end: it lives on after a runlevel 0, as ever, unless it is told how long. */
	if (init_is_system(init) && (init->container || init->options.shutdown_timeout != NULL || boot_owns_machine()))
		own_shutdown(init, SHUTDOWN_RULES);
	/* The core knows of no way down then: nobody shall start anything meanwhile. */
	if (init->last.level != NULL)
		own_shutdown(init, SHUTDOWN_LOST);
}

void
shutdown_tell_lacking(const struct init *init)
{
	const char *job = init->options.exit_with;

	if (job != NULL && init->container && core_class(init->core, job) == NULL)
		log_error("--exit-with: there is no job %s, so that nothing ends this container by itself", job);
}

void
shutdown_begin(struct init *init)
{
	if (!shutdown_skip(init))
		own_shutdown(init, SHUTDOWN_BEGIN);
}

bool
shutdown_aim(const struct init *init, const char **level, const char **halt)
{
	struct shutdown_view view;

	*level = init->last.level;
	*halt = init->last.halt;
	if (!shutdown_look_at(init->core, &view))
		return *level != NULL;
	*level = view.level != NULL ? view.level : "0";
	*halt = view.halt;
	return true;
}

/* All jobs are down, and whoever should go on from there does not, as after an exec that failed. */
static void
go_on(struct init *init)
{
	if (init->phase == PHASE_LEAVING) {
		session_hurry(init);
	} else if (init->phase == PHASE_RUNNING) {
		reexec_forget(init);
		shutdown_continue(init);
	}
}

bool
shutdown_skip(struct init *init)
{
	struct shutdown_view view;
	const char *level, *halt;

	if (!shutdown_aim(init, &level, &halt))
		return false;
	if (init->down != NULL) {
		down_hurry(init);
	} else if (init->shutdown != NULL && init->shutdown->timer != NULL) {
		log_message("Processes of no job are not waited for, as was asked for");
		init->shutdown->until = 0;
		loop_timer_set(init->shutdown->timer, clock_now());
	} else if (init->phase == PHASE_LEAVING || (shutdown_look_at(init->core, &view) && view.finished)) {
		go_on(init);
	} else {
		own_shutdown(init, SHUTDOWN_SKIP);
	}
	return true;
}

/* -- strays ------------------------------------------------------------------------------ */

/* Is it one of ours, which end by themselves? */
static bool
is_own(const struct init *init, pid_t pid)
{
	return servants_has(init, pid) || pid == init->last.pid || pid == init->trial.pid;
}

/*
 * Before anybody is killed, and now and then, since a file may come late. What was said last holds until it can be read
 * again. 0, or a negative errno: nobody knows whom to spare.
 */
static int
look_whom_to_spare(struct init *init, bool now)
{
	struct shutdown *s = init->shutdown;
	struct u64v fresh = { 0 };
	int r;

	if (!init_is_machine(init) || (!now && s->spared_at != 0 && clock_now() - s->spared_at < OMIT_LOOK))
		return 0;
	r = omit_read(&fresh);
	if (r < 0) {
		u64v_deinit(&fresh);
		return s->spared_at == 0 ? r : 0;
	}
	s->spared_at = clock_now();
	u64v_deinit(&s->spared);
	s->spared = fresh;
	return 0;
}

/*
 * Send all processes a signal (0: none), but ours, the kernel's, and whom nobody shall kill. How many there are, or -1:
 * can't be told. `noted`: who they are is written down.
 */
static int
signal_strays(struct init *init, int number, bool noted)
{
	const struct dirent *entry;
	int found = 0;
	DIR *dir;

	if (look_whom_to_spare(init, noted) < 0)
		return -1;
	dir = opendir("/proc");
	if (dir == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(entry->d_name, NULL, 10);

		/* Kernel threads have no group of their own to be in. */
		if (pid <= 1 || is_own(init, pid) || getpgid(pid) == 0 || u64v_has(&init->shutdown->spared, (uint64_t) pid))
			continue;
		if (kill(pid, 0) < 0)
			continue;
		if (noted)
			last_note_stray(init, pid);
		if (number != 0)
			(void) kill(pid, number);
		if (number != 0)
			(void) kill(pid, SIGCONT);
		found++;
	}
	(void) closedir(dir);
	return found;
}

static void
leave(struct init *init)
{
	int status = init->shutdown->status;

	shutdown_deinit(init);
	session_leave(init, status);
}

static void
tell_strays(struct shutdown *s, int left, usec_t now)
{
	unsigned seconds = (unsigned) ((now - s->since) / USEC_PER_SEC);

	if (left > 0 && seconds > s->told && !s->killing)
		log_message("waiting for %d processes of no job: %u of %u s", left, seconds, (unsigned) (STRAY_WAIT / USEC_PER_SEC));
	s->told = seconds;
}

static void
look_cb(void *data)
{
	struct init *init = data;
	struct shutdown *s = init->shutdown;
	usec_t now = clock_now();
	/* Those that are killed may have forked meanwhile. */
	int left = signal_strays(init, s->killing ? SIGKILL : s->asked ? 0 : SIGTERM, false);

	s->asked = s->asked || left >= 0;
	init->children_due = true; /* dead ones are seen until they are reaped */
	if (left != 0 && now >= s->until && init_is_machine(init) && !s->killing) {
		s->killing = true;
		s->until = now + STRAY_KILL;
		(void) signal_strays(init, SIGKILL, true);
	}
	if (left != 0 && now < s->until) {
		tell_strays(s, left, now);
		loop_timer_set(s->timer, now + STRAY_LOOK);
		return;
	}
	if (left > 0)
		log_warn("%d processes of no job are left, and end now", left);
	leave(init);
}

/* -- the end ------------------------------------------------------------------------------- */

static void
finish(struct init *init, int status)
{
	int left;

	if (init->shutdown != NULL || init->phase >= PHASE_LEAVING)
		return;
	init->shutdown = calloc(1, sizeof(*init->shutdown));
	if (init->shutdown == NULL) {
		session_leave(init, status);
		return;
	}
	init->shutdown->status = status;
	init->shutdown->since = clock_now();
	init->shutdown->until = init->shutdown->since + STRAY_WAIT;
	init->shutdown->timer = loop_timer_new(init->loop, look_cb, init);
	left = signal_strays(init, SIGTERM, false);
	init->shutdown->asked = left >= 0;
	if (left == 0 || init->shutdown->timer == NULL)
		leave(init);
	else
		loop_timer_set(init->shutdown->timer, clock_now() + STRAY_LOOK);
}

void
shutdown_finish(struct init *init, const struct effect_finished *how)
{
	for (size_t i = 0; how->killed != NULL && how->killed[i] != NULL; i++)
		log_warn("Killed on the way down: %s", how->killed[i]);
	/*
	 * What was removed but is in use keeps the root from becoming read-only. The next image goes on from here; it is not
	 * replaced itself, whatever became of its file.
	 */
	if (init_is_machine(init) && !init->last.continued && init->phase == PHASE_RUNNING && process_is_replaced()) {
		log_info("Re-executing %s, which was replaced", init->argv[0]);
		reexec_begin(init);
		return;
	}
	finish(init, how->status);
}

void
shutdown_continue(struct init *init)
{
	struct shutdown_view view;

	if (!init_is_system(init) || !shutdown_look_at(init->core, &view) || !view.finished)
		return;
	init->last.continued = true;
	finish(init, view.status);
}

/* What --down says of the way down; owned; NULL: there is none. 0 or -ENOMEM. */
static int
describe(const struct init *init, char **text)
{
	const char *level, *halt;

	*text = NULL;
	if (!init_is_system(init) || !shutdown_aim(init, &level, &halt))
		return 0;
	*text = str_printf("%s%s%s", level, halt != NULL ? ":" : "", halt != NULL ? halt : "");
	return *text != NULL ? 0 : -ENOMEM;
}

/* Do arguments alone tell of the way down, from image to image? */
static bool
is_lost(const struct init *init)
{
	return init->core == NULL ? init->options.lost : init->last.level != NULL;
}

int
shutdown_arguments(const struct init *init, char ***argv)
{
	auto_free char *text = NULL;
	/* While nothing is read yet, and may not be: what the last image said. */
	int r = init->core == NULL ? str_copy(&text, init->options.down) : describe(init, &text);

	if (r < 0 || text == NULL)
		return r;
	r = strv_take(argv, str_printf("--down=%s", text));
	return r == 0 && is_lost(init) ? strv_add(argv, "--lost") : r;
}

/* The next image shall go on with the way down whatever becomes of the state, or no longer do so. */
static void
hand_on(struct init *init)
{
	auto_free char *text = NULL;

	if (describe(init, &text) < 0)
		return;
	if (text != NULL ? init->last.handed_on != NULL && strcmp(text, init->last.handed_on) == 0
			 : init->last.handed_on == NULL)
		return;
	if (crash_set_next(init) < 0)
		return;
	free(init->last.handed_on);
	init->last.handed_on = steal(&text);
}

/* "LEVEL" or "LEVEL:HALT". 0 or -ENOMEM. */
static int
take_aim(struct init *init, const char *text)
{
	const char *colon = strchr(text, ':');
	auto_free char *level = span_dup((struct span){ text, strcspn(text, ":") });
	auto_free char *halt = colon != NULL ? strdup(colon + 1) : NULL;

	if (level == NULL || (colon != NULL && halt == NULL))
		return -ENOMEM;
	init->last.level = steal(&level);
	init->last.halt = steal(&halt);
	return 0;
}

int
shutdown_inherit(struct init *init)
{
	if (!init_is_system(init) || !init->again || init->options.down == NULL || init->last.level != NULL)
		return 0;
	return init->core == NULL || init->options.lost ? take_aim(init, init->options.down) : 0;
}

void
shutdown_resume(struct init *init)
{
	if (init->last.level == NULL)
		return;
	log_error("The state was lost on the way down: all that is left is ended");
	init->last.continued = true;
	finish(init, 0);
}

/* Scripts that kill all others shall not kill ours, whichever of them are there. */
static void
spare_servants(struct init *init)
{
	uint64_t sum = 0;

	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid > 0)
			sum += init->servants[i].generation << i;
	if (sum == init->last.spared)
		return;
	init->last.spared = sum;
	omit_write(init);
}

/* On the way down whoever unmounts must find no file of the logger's open. */
static void
tell_logger(struct init *init, bool down)
{
	const struct msg_shutdown message = { .why = down ? SHUTDOWN_CLOSE : SHUTDOWN_OPEN };
	struct servant *logger = &init->servants[SERVANT_LOGGER];
	bool knows = down ? init->last.generation == logger->generation : !init->last.closes;

	if (knows || !servants_present(init, SERVANT_LOGGER) ||
	    servants_send(init, SERVANT_LOGGER, MSG_SHUTDOWN, 0, &message, NULL, 0) < 0)
		return;
	init->last.generation = down ? logger->generation : 0;
	init->last.closes = down;
}

void
shutdown_turn(struct init *init)
{
	const char *level, *halt;
	bool down;

	if (!init_is_system(init))
		return;
	down = shutdown_aim(init, &level, &halt);
	hand_on(init);
	if (init_is_machine(init)) {
		spare_servants(init);
		sink_use_console(init->sink, down);
	}
	tell_logger(init, down);
	last_turn(init);
}

void
shutdown_deinit(struct init *init)
{
	if (init->shutdown == NULL)
		return;
	(void) loop_timer_free(init->shutdown->timer);
	u64v_deinit(&init->shutdown->spared);
	free(init->shutdown);
	init->shutdown = NULL;
}
