/* SPDX-License-Identifier: MIT */
/*
 * The child is a copy of init: it executes nothing, so that nothing holds a file system that is not init itself.
 * In a PID namespace file systems and swap are the machine's, and nothing is done to them.
 */
#include "init/down.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "init/last.h"
#include "system/boot.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/signals.h"
#include "system/spawn_fds.h"
#include "system/unmount.h"

#define LIMIT (120 * USEC_PER_SEC) /* for all disks together */
#define RESERVE (40 * USEC_PER_SEC) /* of it for the root and the last writes */
#define TICK USEC_PER_SEC
#define AGAIN (10 * USEC_PER_SEC) /* the kernel has refused */
#define PAUSE (10 * 1000) /* microseconds */
#define WRITE_LIMIT 10u		  /* seconds */
#define ARGUMENT_FILE "/run/upstart/reboot-argument"
#define ARGUMENT_MAX 256
#define HALT_PROGRAM UPSTART_SBINDIR "/halt"

struct down {
	pid_t child; /* who unmounts; 0: nobody */
	struct loop_timer *timer; /* owned */
	usec_t until;
	enum boot_end how;
	char argument[ARGUMENT_MAX]; /* "": none */
};

/* -- in the child ------------------------------------------------------------------------------ */

static volatile sig_atomic_t skipped;

static void
skip_cb(int number)
{
	(void) number;
	skipped = 1;
}

/* To the console and the kernel's log; never waits for either. */
static void
say(const char *text)
{
	static const char *const paths[] = { "/dev/kmsg", "/dev/console" };
	static const char *const heads[] = { "<5>init: ", "init: " };
	char line[512];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		int n = snprintf(line, sizeof(line), "%s%s\n", heads[i], text);

		if (fd >= 0 && n > 0)
			(void) !write(fd, line, (size_t) n < sizeof(line) ? (size_t) n : sizeof(line) - 1);
		/* Not closed: that may wait for a line that nobody reads. */
	}
}

struct record {
	const char *dir;
	const char *text;
};

static int
do_write(const void *arg)
{
	const struct record *record = arg;

	return last_write(record->dir, record->text);
}

static void
write_record(struct init *init, struct unmount *u, bool ended)
{
	auto_free char *text = last_text(init, u->left, ended);
	const struct record record = { last_folder(init), text };

	if (text != NULL)
		(void) unmount_attempt(u, "the record of the shutdown", WRITE_LIMIT, do_write, &record);
}

/* The login records say that the machine went down. */
static int
do_login_record(const void *arg)
{
	(void) arg;
	(void) execl(HALT_PROGRAM, "halt", "-w", (char *) NULL);
	return -errno;
}

static void
child(struct init *init)
{
	struct unmount u = { .say = say, .skip = &skipped, .until = init->down->until - RESERVE };
	struct stat before, now;
	bool known;

	spawn_fds_close_others(NULL, 0);
	(void) setsid();
	(void) signal(SIGINT, SIG_IGN); /* one that is pending would end us */
	signals_reset();
	(void) signal(SIGINT, skip_cb);
	if (boot_owns_machine())
		(void) unmount_attempt(&u, "the login records", WRITE_LIMIT, do_login_record, NULL);
	if (last_is_wanted(init))
		write_record(init, &u, true);
	known = stat(last_folder(init), &before) == 0;
	if (boot_owns_machine()) {
		unmount_all(&u);
		/* What was left is known now. Where the record's own disk has gone the empty folder below it is none of ours. */
		if (u.left != NULL && known && stat(last_folder(init), &now) == 0 && before.st_dev == now.st_dev)
			write_record(init, &u, true);
		unmount_root(&u);
	}
	for (size_t i = 0; u.left != NULL && u.left[i] != NULL; i++) {
		auto_free char *text = str_printf("Not unmounted: %s", u.left[i]);

		if (text != NULL)
			say(text);
	}
	_exit(0);
}

/* -- in init ------------------------------------------------------------------------------------- */

static enum boot_end
choose(const struct shutdown_view *view)
{
	if (view->level != NULL && strcmp(view->level, "6") == 0)
		return BOOT_END_RESTART;
	return view->halt != NULL && strcmp(view->halt, "HALT") == 0 ? BOOT_END_HALT : BOOT_END_POWER_OFF;
}

/* What `reboot ARGUMENT` has left for the end. */
static void
read_argument(struct down *down)
{
	auto_close int fd = open(ARGUMENT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, down->argument, sizeof(down->argument) - 1) : 0;

	down->argument[n > 0 ? n : 0] = '\0';
}

static void
end(struct init *init)
{
	struct down *down = init->down;
	int r;

	log_message("%s", down->how == BOOT_END_RESTART ? "Restarting" : down->how == BOOT_END_HALT ? "Halting" : "Powering off");
	r = boot_end(down->how, down->argument[0] != '\0' ? down->argument : NULL);
	log_error("The kernel refuses to end: %s", strerror(-r));
	/* A namespace ends with us; a machine would panic. */
	if (!boot_owns_machine()) {
		init->phase = PHASE_GONE;
		return;
	}
	if (down->timer != NULL) {
		loop_timer_set(down->timer, clock_now() + AGAIN);
		return;
	}
	/* There was no memory for a timer, and there is nothing else to do. */
	for (;;) {
		(void) usleep(AGAIN);
		(void) boot_end(down->how, down->argument[0] != '\0' ? down->argument : NULL);
	}
}

static void
timer_cb(void *data)
{
	struct init *init = data;
	struct down *down = init->down;
	usec_t now = clock_now();

	init->children_due = true;
	if (down->child != 0 && now < down->until) {
		loop_timer_set(down->timer, now + TICK);
		return;
	}
	if (down->child != 0) {
		log_error("The disks take too long: some may not be unmounted");
		(void) kill(down->child, SIGKILL);
		down->child = 0;
	}
	end(init);
}

static pid_t
start_child(struct init *init)
{
	pid_t pid = process_fork();

	if (pid == 0)
		child(init);
	return pid;
}

void
down_begin(struct init *init)
{
	static struct down down; /* what must be done needs no memory */
	struct shutdown_view view;

	init->phase = PHASE_DOWN;
	init->down = &down;
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid > 0)
			(void) kill(init->servants[i].pid, SIGKILL);
	(void) shutdown_look_at(init->core, &view);
	down.how = choose(&view);
	read_argument(&down);
	down.until = clock_now() + LIMIT;
	down.timer = loop_timer_new(init->loop, timer_cb, init);
	down.child = start_child(init);
	if (down.child < 0) {
		log_error("Nothing can be unmounted: %s", strerror(errno));
		down.child = 0;
		sync();
	}
	if (down.timer != NULL && down.child != 0) {
		loop_timer_set(down.timer, clock_now() + TICK);
		return;
	}
	/* There is no memory for a timer, and nothing else to do. */
	while (down.child != 0 && clock_now() < down.until && waitpid(down.child, NULL, WNOHANG) == 0)
		(void) usleep(PAUSE);
	end(init);
}

bool
down_exited(struct init *init, pid_t pid)
{
	if (init->down == NULL || init->down->child == 0 || pid != init->down->child)
		return false;
	init->down->child = 0;
	loop_timer_set(init->down->timer, clock_now()); /* after its end has been taken */
	return true;
}

void
down_hurry(struct init *init)
{
	if (init->down->child > 0)
		(void) kill(init->down->child, SIGINT);
}

void
down_deinit(struct init *init)
{
	if (init->down != NULL)
		init->down->timer = loop_timer_free(init->down->timer);
	init->down = NULL;
}
