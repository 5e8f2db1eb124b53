/* SPDX-License-Identifier: MIT */
/*
 * shutdown: bring the machine down, at once or later, and tell who works on it (control.md 12.4).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"
#include "initctl/tool.h"
#include "sysv/argument.h"
#include "sysv/change.h"
#include "sysv/countdown.h"
#include "sysv/oldinit.h"
#include "sysv/pidfile.h"
#include "sysv/wall.h"

#define NOLOGIN "/etc/nologin"
#define SECONDS_PER_MINUTE 60

struct shutdown {
	struct tool tool;
	char modes[OPTION_LETTERS_MAX]; /* of -r -h -H -P, as given */
	const char *time_option;
	bool cancel;
	bool warn_only;
	bool keep_argument; /* what reboot has left for the end is of this shutdown */

	char level;
	const char *halt;	/* what INIT_HALT says; NULL: nothing */
	const char *what;	/* what happens, for the warning */
	char *message;		/* owned: the operands, each with a blank behind */
	char *pid_path;		/* owned */
	struct pidfile pidfile;
	struct record_files files;
	bool barred; /* logins are */
};

static const struct option_spec options[] = {
	{ 'r', NULL, NULL, N_("reboot"), OPTION_LETTERS, offsetof(struct shutdown, modes) },
	{ 'h', NULL, NULL, N_("halt or power off, as the scripts of runlevel 0 will have it"), OPTION_LETTERS,
	  offsetof(struct shutdown, modes) },
	{ 'H', NULL, NULL, N_("halt, and leave the power on"), OPTION_LETTERS, offsetof(struct shutdown, modes) },
	{ 'P', NULL, NULL, N_("power off"), OPTION_LETTERS, offsetof(struct shutdown, modes) },
	{ 'c', NULL, NULL, N_("cancel a shutdown that waits"), OPTION_FLAG, offsetof(struct shutdown, cancel) },
	{ 'k', NULL, NULL, N_("only send the warning"), OPTION_FLAG, offsetof(struct shutdown, warn_only) },
	{ 'g', NULL, "TIME", N_("the time; all operands are the message then"), OPTION_VALUE,
	  offsetof(struct shutdown, time_option) },
	{ 0, "keep-argument", NULL, NULL, OPTION_FLAG, offsetof(struct shutdown, keep_argument) },
	{ 'a', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'n', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'f', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'F', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'y', NULL, NULL, NULL, OPTION_IGNORE, 0 },
	{ 'i', NULL, "LEVEL", NULL, OPTION_IGNORE, 0 },
	{ 't', NULL, "SECONDS", NULL, OPTION_IGNORE, 0 },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "TIME [MESSAGE]...",
	.summary = N_("Bring the machine down."),
	.text =
	    N_("TIME is now, a time of day such as 23:15, or +N, which is in N minutes (the + may be left out).\n"
	       "Everyone who is logged in is warned, with MESSAGE if there is one. Five minutes before the time logins "
	       "end.\n"
	       "Without -r, -h, -H or -P the machine goes to single-user mode."),
	.tables = tables,
};

/* The last of -r and -h counts; -H and -P say more about -h, before or after it. */
static void
decide_mode(struct shutdown *s)
{
	s->level = '1';
	s->what = N_("maintenance");
	for (const char *mode = s->modes; *mode; mode++) {
		if (*mode == 'r' || s->level != '0')
			s->halt = NULL;
		s->level = *mode == 'r' ? '6' : '0';
		if (*mode == 'H')
			s->halt = "HALT";
		else if (*mode == 'P')
			s->halt = "POWEROFF";
	}
	if (s->level == '6')
		s->what = N_("reboot");
	else if (s->level == '0')
		s->what = s->halt && *s->halt == 'P' ? N_("power off") : N_("halt");
}

static void
broadcast(const struct shutdown *s, const char *text)
{
	wall_broadcast(s->files.utmp, text);
}

static char *
warning(const struct shutdown *s, int minutes)
{
	return tool_must(countdown_warning(_(s->what), minutes, s->message));
}

static void
bar_logins(struct shutdown *s, const char *text)
{
	int fd auto_close = open(NOLOGIN, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	size_t length = strlen(text);

	s->barred |= fd >= 0;
	if (fd < 0 || write(fd, text, length) != (ssize_t) length)
		tool_warn(&s->tool, _("Unable to write %s: %m"), NOLOGIN);
}

static void
clean_up(struct shutdown *s)
{
	if (s->barred)
		(void) unlink(NOLOGIN);
	s->barred = false;
	pidfile_remove(&s->pidfile);
}

static int
cancel(const struct shutdown *s)
{
	pid_t pid = pidfile_holder(s->pid_path);

	if (pid < 0) {
		tool_error(&s->tool, _("Cannot find pid of running shutdown"));
		return EXIT_FAILURE;
	}
	if (pid == 0 || kill(pid, SIGINT) < 0) {
		tool_error(&s->tool, _("Shutdown is not running"));
		return EXIT_FAILURE;
	}
	if (*s->message) {
		char *text auto_free = tool_must(str_printf("%s\r\n", s->message));

		broadcast(s, text);
	}
	return EXIT_SUCCESS;
}

/* The machine's init is asked; an older one that still runs after an upgrade is asked in its way. */
static int
act(struct shutdown *s)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *halt auto_free = s->halt ? tool_must(str_printf("INIT_HALT=%s", s->halt)) : NULL;
	char *extra[] = { halt, NULL };
	int r;

	if (!s->keep_argument)
		argument_forget();
	r = change_level(&s->files, s->level, extra, &err);
	if (r == -ENOTCONN) {
		r = oldinit_change_level(s->level);
		if (r < 0)
			tool_error(&s->tool, _("Unable to shutdown system"));
	} else if (r < 0) {
		tool_error(&s->tool, "%s", err.text);
	}
	upstart_error_clear(&err);
	clean_up(s);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The signals that cancel are blocked, so that none falls between two waits; others that would end or stop it don't. */
static void
prepare_signals(sigset_t *cancelling)
{
	static const int ignored[] = { SIGCHLD, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void) signal(ignored[i], SIG_IGN);
	(void) sigemptyset(cancelling);
	(void) sigaddset(cancelling, SIGINT);
	(void) sigaddset(cancelling, SIGQUIT);
	(void) sigaddset(cancelling, SIGTERM);
	(void) sigprocmask(SIG_BLOCK, cancelling, NULL);
}

static time_t
clock_seconds(void)
{
	struct timespec now = { 0 };

#ifdef CLOCK_BOOTTIME
	if (clock_gettime(CLOCK_BOOTTIME, &now) == 0)
		return now.tv_sec;
#endif
	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Wait until the clock shows `when`; true when cancelled. A time asleep counts as having passed. */
static bool
wait_until(time_t when, const sigset_t *cancelling)
{
	time_t now;

	while ((now = clock_seconds()) < when) {
		struct timespec left = { .tv_sec = when - now };

		if (sigtimedwait(cancelling, NULL, &left) > 0)
			return true;
	}
	return false;
}

/* `text`: the warning that was sent. */
static int
count_down(struct shutdown *s, int minutes, const char *text)
{
	const time_t end = clock_seconds() + (time_t) minutes * SECONDS_PER_MINUTE;
	sigset_t cancelling;
	int r;

	prepare_signals(&cancelling);
	r = pidfile_write(&s->pidfile, s->pid_path);
	if (r < 0)
		tool_warn(&s->tool, _("Unable to write %s: %s"), s->pid_path, strerror(-r));
	if (countdown_bars_logins(minutes))
		bar_logins(s, text);
	for (; minutes > 0; minutes--) {
		char *next auto_free = NULL;

		if (wait_until(end - (time_t) (minutes - 1) * SECONDS_PER_MINUTE, &cancelling)) {
			tool_error(&s->tool, _("Shutdown cancelled"));
			clean_up(s);
			return EXIT_SUCCESS;
		}
		next = warning(s, minutes - 1);
		if (countdown_bars_logins(minutes - 1))
			bar_logins(s, next);
		if (countdown_is_told(minutes - 1))
			broadcast(s, next);
	}
	return act(s);
}

static int
begin(struct shutdown *s, int minutes)
{
	char *text auto_free = NULL;

	if (pidfile_holder(s->pid_path) > 0) {
		tool_error(&s->tool, _("Another shutdown is already running"));
		return EXIT_FAILURE;
	}
	text = warning(s, minutes);
	broadcast(s, text);
	if (s->warn_only)
		return EXIT_SUCCESS;
	if (chdir("/") < 0)
		tool_warn(&s->tool, _("Unable to change to the root directory: %m"));
	(void) umask(022);
	return minutes == 0 ? act(s) : count_down(s, minutes, text);
}

/* `when`: the time, NULL when none was given. */
static int
run(struct shutdown *s, const char *when)
{
	const char *fault;
	int minutes = 0;

	if (!s->cancel) {
		if (!when)
			return tool_misuse(&s->tool, _("time expected"));
		if (countdown_parse(when, time(NULL), &minutes, &fault) < 0)
			return tool_misuse(&s->tool, "%s", _(fault));
	}
	decide_mode(s);
	s->files = record_files_get(); /* before: a caller's variables don't count for root */
	if (!change_become_root(&s->tool))
		return EXIT_FAILURE;
	s->pid_path = tool_must(str_printf("/var/run/%s.pid", s->tool.name));
	return s->cancel ? cancel(s) : begin(s, minutes);
}

static int
read_words(struct shutdown *s, struct options_scan *scan)
{
	char **operands auto_strv = NULL;
	struct strbuf message auto_strbuf = STRBUF_INIT;
	const char *word, *when;
	enum options_result r;
	size_t i = 0;

	while ((r = options_next(scan, tables, s, &word)) == OPTIONS_OPERAND) {
		if (strv_add(&operands, word) < 0)
			tool_nomem();
	}
	s->tool.level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(&s->tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(&s->tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(&s->tool, scan);
	/* With -c nothing is timed. */
	when = s->time_option;
	if (!when && !s->cancel && operands)
		when = operands[i] ? operands[i++] : NULL;
	for (; operands && operands[i]; i++) {
		strbuf_add(&message, operands[i]);
		strbuf_addc(&message, ' ');
	}
	s->message = tool_must(strbuf_steal(&message));
	return run(s, when);
}

int
main(int argc, char **argv)
{
	struct shutdown s = { .pidfile = PIDFILE_INIT };
	struct options_scan scan;
	int status;

	tool_init(&s.tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	status = read_words(&s, &scan);
	free(s.message);
	free(s.pid_path);
	options_deinit(&scan);
	return tool_finish(&s.tool, status);
}
