/* SPDX-License-Identifier: MIT */
/*
 * The child is a copy of init: it executes nothing, so that nothing holds a file system that is not init itself.
 * In a PID namespace file systems and swap are the machine's, and nothing is done to them.
 *
 * What may hang is done by the copy's own children (system/unmount.h), never here. A copy that fails is replaced, which
 * goes on with what is still mounted; the last one only writes what is in memory. Then the machine ends, whatever is left.
 */
#include "init/down.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/reboot_argument.h"
#include "init/crash.h"
#include "init/last.h"
#include "init/shutdown.h"
#include "job/class.h"
#include "job/signals.h"
#include "system/boot.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/signals.h"
#include "system/spawn_fds.h"
#include "system/unmount.h"

#define LIMIT (120 * USEC_PER_SEC) /* for all disks together */
#define RESERVE (40 * USEC_PER_SEC) /* of it for the root and the last writes */
#define TRIES 3u		    /* copies that unmount, one after the other */
#define LIMIT_BRIEF (20 * USEC_PER_SEC) /* beyond that, for the copy that only writes */
#define TICK USEC_PER_SEC
#define AGAIN (10 * USEC_PER_SEC) /* the kernel has refused */
#define PAUSE (10 * 1000) /* microseconds */
#define WRITE_LIMIT 10u		  /* seconds */
#define WRITE_RESERVE (5 * USEC_PER_SEC) /* of them, also when all time is over */
#define HALT_PROGRAM UPSTART_SBINDIR "/halt"

enum stage { UNMOUNT, WRITE, OVER };

struct down {
	pid_t child; /* who unmounts; 0: nobody */
	struct loop_timer *timer; /* owned */
	enum stage stage;
	unsigned tries; /* in this stage */
	bool told;	/* … that no copy could be made */
	usec_t until;	/* … its end */
	bool record_hangs; /* in the child */
	enum boot_end how;
	char argument[REBOOT_ARGUMENT_MAX];
	bool has_argument;
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
		int fd = open(paths[i], O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
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

/* Where the record's own disk has gone the empty folder below it is none of ours. */
static int
do_write_again(const void *arg)
{
	const struct record *record = arg;

	return last_write_again(record->dir, record->text);
}

static void
write_record(struct init *init, struct unmount *u, int (*write)(const void *arg))
{
	auto_free char *text = last_is_wanted(init) ? last_text(init, u->left, true) : NULL;
	const struct record record = { last_folder(init), text };
	usec_t until = u->until, least = clock_now() + WRITE_RESERVE;
	int r;

	if (text == NULL || init->down->record_hangs)
		return;
	if (until != 0 && until < least)
		u->until = least;
	r = unmount_attempt(u, "the record of the shutdown", WRITE_LIMIT, write, &record);
	u->until = until;
	init->down->record_hangs = r == -ETIMEDOUT || r == -ECANCELED;
}

/* The login records say that the machine went down. */
static int
do_login_record(const void *arg)
{
	(void) arg;
	(void) execl(HALT_PROGRAM, "halt", "-w", (char *) NULL);
	return -errno;
}

/* A root that can't be made read-only can be written to. */
static void
end_root(struct init *init, struct unmount *u)
{
	size_t n = strv_len(u->left);

	unmount_root(u);
	if (strv_len(u->left) > n)
		write_record(init, u, do_write_again);
}

static void
unmount(struct init *init, struct unmount *u)
{
	if (!boot_owns_machine())
		return;
	unmount_all(u);
	if (u->left != NULL) /* what was left is known now, and its disk may become read-only */
		write_record(init, u, do_write_again);
	unmount_rest(u);
	if (u->left != NULL)
		write_record(init, u, do_write_again);
	end_root(init, u);
}

static void
child(struct init *init)
{
	struct unmount u = { .say = say, .skip = &skipped, .until = init->down->until - RESERVE };
	bool brief = init->down->stage == WRITE;

	spawn_fds_close_others(NULL, 0);
	(void) setsid();
	(void) signal(SIGINT, SIG_IGN); /* one that is pending would end us */
	signals_reset();
	(void) signal(SIGINT, skip_cb);
	if (brief)
		u.until = init->down->until;
	if (boot_owns_machine() && init->down->tries == 1 && !brief)
		(void) unmount_attempt(&u, "the login records", WRITE_LIMIT, do_login_record, NULL);
	write_record(init, &u, init->down->tries == 1 && !brief ? do_write : do_write_again);
	crash_at("UNMOUNT");
	if (!brief)
		unmount(init, &u);
	else if (boot_owns_machine())
		end_root(init, &u);
	for (size_t i = 0; u.left != NULL && u.left[i] != NULL; i++) {
		auto_free char *text = str_printf("Not unmounted: %s", u.left[i]);

		if (text != NULL)
			say(text);
	}
	_exit(0);
}

/* -- in init ------------------------------------------------------------------------------------- */

static enum boot_end
how(struct span level, const char *halt)
{
	if (span_is(level, "6"))
		return BOOT_END_RESTART;
	return halt != NULL && strcmp(halt, "HALT") == 0 ? BOOT_END_HALT : BOOT_END_POWER_OFF;
}

enum boot_end
down_how(const struct init *init)
{
	const char *level, *halt;

	return shutdown_aim(init, &level, &halt) ? how(span_of(level), halt) : BOOT_END_POWER_OFF;
}

enum boot_end
down_how_of(const char *words)
{
	const char *colon = strchr(words, ':');

	return how((struct span) { words, strcspn(words, ":") }, colon != NULL ? colon + 1 : NULL);
}

static void
end(struct init *init)
{
	struct down *down = init->down;
	int r;

	log_message("%s", down->how == BOOT_END_RESTART ? "Restarting" : down->how == BOOT_END_HALT ? "Halting" : "Powering off");
	r = boot_end(down->how, down->has_argument ? down->argument : NULL);
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
		(void) boot_end(down->how, down->has_argument ? down->argument : NULL);
	}
}

static pid_t
start_child(struct init *init)
{
	pid_t pid = process_fork();

	if (pid == 0)
		child(init);
	return pid;
}

/* The copy of init has not done its work: that is told, now and after the next boot. */
static void
note_failure(struct init *init, const char *why)
{
	log_error("Unmounting: the copy of init %s", why);
	(void) !strv_take(&init->last.failed, str_printf("unmounting: the copy of init %s", why));
}

static void
enter(struct down *down, enum stage stage, usec_t limit)
{
	down->stage = stage;
	down->tries = 0;
	down->told = false;
	down->until = clock_now() + limit;
}

/* Nobody is at work: who is next? */
static void
next(struct init *init)
{
	struct down *down = init->down;
	bool late = clock_now() >= down->until;

	if (down->stage == UNMOUNT && (late || down->tries == TRIES))
		enter(down, WRITE, LIMIT_BRIEF);
	else if (down->stage == WRITE && (late || down->tries > 0))
		down->stage = OVER;
	if (down->stage == OVER)
		return;
	down->tries++;
	down->child = start_child(init);
	if (down->child > 0)
		return;
	/* The kernel may have room for it a moment later. Meanwhile it writes what is in memory, as it always does. */
	if (!down->told)
		log_error("Nothing can be unmounted: %s", strerror(errno));
	down->told = true;
	down->child = 0;
	down->tries--;
}

/* Look after who is at work. True: it is over. */
static bool
step(struct init *init)
{
	struct down *down = init->down;
	char why[64];

	if (down->child != 0 && clock_now() >= down->until) {
		(void) snprintf(why, sizeof(why), "takes longer than %u s",
				(unsigned) ((down->stage == UNMOUNT ? LIMIT : LIMIT_BRIEF) / USEC_PER_SEC));
		note_failure(init, why);
		(void) kill(down->child, SIGKILL);
		down->child = 0;
	}
	if (down->child == 0)
		next(init);
	return down->stage == OVER;
}

static void
timer_cb(void *data)
{
	struct init *init = data;

	init->children_due = true;
	if (step(init))
		end(init);
	else
		loop_timer_set(init->down->timer, clock_now() + TICK);
}

void
down_begin(struct init *init)
{
	static struct down down; /* what must be done needs no memory */

	init->phase = PHASE_DOWN;
	init->down = &down;
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid > 0)
			(void) kill(init->servants[i].pid, SIGKILL);
	down.how = down_how(init);
	last_begin(init);
	down.has_argument = reboot_argument_left(down.argument) != NULL;
	enter(&down, UNMOUNT, LIMIT);
	down.timer = loop_timer_new(init->loop, timer_cb, init);
	if (down.timer != NULL) {
		timer_cb(init);
		return;
	}
	/* There is no memory for a timer, and nothing else to do. */
	while (!step(init)) {
		int status;

		(void) usleep(PAUSE);
		if (down.child > 0 && waitpid(down.child, &status, WNOHANG) == down.child)
			(void) down_exited(init, down.child,
					   WIFEXITED(status) ? WEXITSTATUS(status) : JOB_EXIT_SIGNAL(WTERMSIG(status)));
	}
	end(init);
}

bool
down_has(const struct init *init, pid_t pid)
{
	return init->down != NULL && init->down->child != 0 && pid == init->down->child;
}

bool
down_exited(struct init *init, pid_t pid, int status)
{
	struct down *down = init->down;
	char why[64];

	if (!down_has(init, pid))
		return false;
	down->child = 0;
	if (status == 0) {
		down->stage = OVER;
	} else {
		const char *name = status >= JOB_EXIT_SIGNAL(1) ? signal_name(status >> 8) : NULL;

		if (status < JOB_EXIT_SIGNAL(1))
			(void) snprintf(why, sizeof(why), "ended with status %d", status);
		else
			(void) snprintf(why, sizeof(why), "was killed by %s signal", name != NULL ? name : "a");
		note_failure(init, why);
	}
	if (down->timer != NULL)
		loop_timer_set(down->timer, clock_now()); /* after its end has been taken */
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
