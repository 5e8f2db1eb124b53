/* SPDX-License-Identifier: MIT */
/*
 * After the jobs: strays get a signal and a moment, then the servants leave (session.c), then init does. In a container
 * the kernel ends what is left when process 1 has gone.
 */
#include "init/shutdown.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "init/own.h"
#include "init/session.h"
#include "system/clock.h"
#include "system/process.h"

#define LIMIT_DEFAULT (300 * USEC_PER_SEC)
#define STRAY_LOOK (50 * USEC_PER_MSEC)
#define STRAY_WAIT (5 * USEC_PER_SEC)

struct shutdown {
	struct loop_timer *timer; /* owned: the next look at strays */
	usec_t until;
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
	if (init->options.exit_with != NULL && !init->container)
		log_error("--exit-with is for containers: no machine ends with a job");
	if (init_is_system(init))
		own_shutdown(init, SHUTDOWN_RULES);
}

void
shutdown_begin(struct init *init)
{
	own_shutdown(init, SHUTDOWN_BEGIN);
}

bool
shutdown_skip(struct init *init)
{
	if (!shutdown_has_begun(init->core))
		return false;
	own_shutdown(init, SHUTDOWN_SKIP);
	return true;
}

/* -- strays ------------------------------------------------------------------------------ */

static bool
is_servant(const struct init *init, pid_t pid)
{
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid == pid)
			return true;
	return false;
}

/* Send all processes but ours a signal (0: none). How many there are, or -1: can't be told. */
static int
signal_strays(const struct init *init, int number)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int found = 0;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(entry->d_name, NULL, 10);

		/* Kernel threads, seen in no container, have no group of their own to be in. */
		if (pid <= 1 || is_servant(init, pid) || getpgid(pid) == 0 || kill(pid, number) < 0)
			continue;
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
look_cb(void *data)
{
	struct init *init = data;
	usec_t now = clock_now();
	int left = signal_strays(init, 0);

	init->children_due = true; /* dead ones are seen until they are reaped */
	if (left > 0 && now < init->shutdown->until) {
		loop_timer_set(init->shutdown->timer, now + STRAY_LOOK);
		return;
	}
	if (left > 0)
		log_warn("%d processes of no job are left, and end now", left);
	leave(init);
}

void
shutdown_finish(struct init *init, const struct effect_finished *how)
{
	if (init->shutdown != NULL || init->phase >= PHASE_LEAVING)
		return;
	for (size_t i = 0; how->killed != NULL && how->killed[i] != NULL; i++)
		log_warn("Killed on the way down: %s", how->killed[i]);
	init->shutdown = calloc(1, sizeof(*init->shutdown));
	if (init->shutdown == NULL) {
		session_leave(init, how->status);
		return;
	}
	init->shutdown->status = how->status;
	init->shutdown->until = clock_now() + STRAY_WAIT;
	init->shutdown->timer = loop_timer_new(init->loop, look_cb, init);
	if (signal_strays(init, SIGTERM) <= 0 || init->shutdown->timer == NULL)
		leave(init);
	else
		loop_timer_set(init->shutdown->timer, clock_now() + STRAY_LOOK);
}

void
shutdown_deinit(struct init *init)
{
	if (init->shutdown == NULL)
		return;
	(void) loop_timer_free(init->shutdown->timer);
	free(init->shutdown);
	init->shutdown = NULL;
}
