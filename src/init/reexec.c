/* SPDX-License-Identifier: MIT */
/*
 * An image that can be executed but does not get as far as its main(), since a library is not there in the middle of an
 * upgrade, would be the end of this process. So a child tries it first, while init does its work.
 */
#include "init/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "init/condemn.h"
#include "init/control.h"
#include "init/owed.h"
#include "init/servants.h"
#include "init/shutdown.h"
#include "init/spawn.h"
#include "init/state.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/signals.h"

#define DRAIN (1 * USEC_PER_SEC)
#define TRIAL_SECONDS 10 /* for an image to say its version */
#define SAID_MAX 400
#define EXIT_EXEC 127

static void
drain_cb(void *data)
{
	(void) data; /* that the loop has turned is all it takes */
}

/* -- the trial ---------------------------------------------------------------------------- */

static void
end_trial(struct init *init)
{
	if (init->trial.said >= 0)
		(void) close(init->trial.said);
	init->trial.said = -1;
	init->trial.pid = 0;
	loop_timer_cancel(init->trial.timer);
}

/* On with this image. */
static void
refuse(struct init *init, const char *why)
{
	auto_free char *text = str_printf("Failed to re-execute %s: %s",
					  init->own_path != NULL ? init->own_path : init->program, why);

	log_error("%s", text != NULL ? text : "Failed to re-execute init: out of memory");
	owed_break(init, text != NULL ? text : why);
	shutdown_continue(init); /* the end has waited for the next image */
}

static void
late_cb(void *data)
{
	struct init *init = data;

	if (init->trial.pid == 0)
		return;
	(void) kill(init->trial.pid, SIGKILL);
	end_trial(init);
	refuse(init, "it does not start in time");
}

int
reexec_init(struct init *init)
{
	init->trial.said = -1;
	init->trial.timer = loop_timer_new(init->loop, late_cb, init);
	return init->trial.timer != NULL ? 0 : -ENOMEM;
}

void
reexec_deinit(struct init *init)
{
	if (init->trial.timer == NULL)
		return;
	reexec_forget(init);
	init->trial.timer = loop_timer_free(init->trial.timer);
}

/* All it says but its version goes to `said`. */
static void
child(const char *path, char **argv, int said)
{
	int null = open("/dev/null", O_RDWR | O_NOCTTY);
	const char *why;

	(void) setsid();
	signals_reset();
	(void) alarm(TRIAL_SECONDS); /* whatever becomes of its maker */
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
		(void) dup2(null, fd);
	(void) dup2(said >= 0 ? said : null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		(void) close(null);
	why = strerror(-process_exec_image(path, argv));
	(void) !write(STDERR_FILENO, why, strlen(why));
	_exit(EXIT_EXEC);
}

/* 0 or a negative errno. */
static int
begin_trial(struct init *init)
{
	char version[] = "--version";
	char *argv[] = { init->argv[0], version, NULL };
	int link[2];
	pid_t pid;

	if (init->own_path == NULL)
		return -ENOENT;
	if (pipe2(link, O_CLOEXEC | O_NONBLOCK) < 0) /* what it says is not worth the trial */
		link[0] = link[1] = -1;
	pid = process_fork();
	if (pid == 0)
		child(init->own_path, argv, link[1]);
	if (link[1] >= 0)
		(void) close(link[1]);
	if (pid < 0) {
		pid = -errno;
		if (link[0] >= 0)
			(void) close(link[0]);
		return pid;
	}
	init->trial.pid = pid;
	init->trial.said = link[0];
	loop_timer_set(init->trial.timer, clock_now() + TRIAL_SECONDS * USEC_PER_SEC);
	return 0;
}

/* The first line of what it has said, as one may put it before anybody; owned; NULL: there is none. */
static char *
first_words(int fd)
{
	char text[SAID_MAX];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1; /* it never waits */

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return *text != '\0' ? strdup(text) : NULL;
}

static void
drain(struct init *init)
{
	init->phase = PHASE_REEXEC;
	init->drain_until = clock_now() + DRAIN;
	if (init->phase_timer == NULL)
		init->phase_timer = loop_timer_new(init->loop, drain_cb, init);
	if (init->phase_timer != NULL)
		loop_timer_set(init->phase_timer, init->drain_until);
	else
		init->drain_until = 0;
}

/* Why an image that ended like that is none; owned; NULL: out of memory. */
static char *
reason(int status, int said)
{
	char *text = first_words(said);

	if (text != NULL)
		return text;
	if (status > UINT8_MAX)
		return str_printf("it ended by signal %d (%s)", status >> 8, strsignal(status >> 8));
	return str_printf("it ended with status %d", status);
}

bool
reexec_exited(struct init *init, pid_t pid, int status)
{
	auto_free char *why = NULL;

	if (init->trial.pid == 0 || pid != init->trial.pid)
		return false;
	if (status != 0)
		why = reason(status, init->trial.said);
	end_trial(init);
	if (status != 0)
		refuse(init, why != NULL ? why : strerror(ENOMEM));
	else if (init->phase == PHASE_RUNNING)
		drain(init);
	return true;
}

void
reexec_forget(struct init *init)
{
	if (init->trial.pid == 0)
		return;
	(void) kill(init->trial.pid, SIGKILL);
	end_trial(init);
	owed_break(init, "init is about to end");
}

void
reexec_begin(struct init *init)
{
	int r;

	if (init->phase != PHASE_RUNNING || init->trial.pid != 0)
		return;
	r = begin_trial(init);
	if (r < 0)
		refuse(init, strerror(-r));
}

/* -- the exec ----------------------------------------------------------------------------- */

static char **
arguments(const struct init *init)
{
	auto_strv char **first = NULL;

	if (strv_add(&first, "--restart") < 0 || strv_add(&first, "--state-fd") < 0 ||
	    strv_take(&first, str_printf("%d", journal_fd(init->state.journal))) < 0 ||
	    settings_arguments(&init->settings, &first) < 0 || shutdown_arguments(init, &first) < 0)
		return NULL;
	return options_again(init->argv, first);
}

/* Returns only when it failed: a negative errno. */
static int
execute(struct init *init)
{
	auto_strv char **argv = NULL;
	/* A core that is not to be relied on must not be written: the journal knows better. */
	int r = init->brain.spoiled ? 0 : state_snapshot(init);

	/* A snapshot that can't be written is no loss: the journal says the same at greater length. */
	if (r < 0)
		log_debug("No snapshot for the next image: %s", strerror(-r));
	log_info("Performing stateful re-exec");
	argv = arguments(init);
	if (argv == NULL)
		return -ENOMEM;
	if (!init->brain.spoiled)
		condemn_forget(init);
	state_keep_descriptors(init, true);
	r = process_exec_again(init->own_path, argv);
	state_keep_descriptors(init, false);
	return r;
}

void
reexec_turn(struct init *init)
{
	int r;

	if (init->phase != PHASE_REEXEC)
		return;
	clients_turn(init, true);
	if (!servants_drained(init) && clock_now() < init->drain_until)
		return;
	r = execute(init);
	if (init->phase_timer != NULL)
		loop_timer_cancel(init->phase_timer);
	init->phase = PHASE_RUNNING;
	servants_start(init);
	spawn_pump(init);
	refuse(init, strerror(-r));
}
