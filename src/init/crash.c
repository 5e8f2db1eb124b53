/* SPDX-License-Identifier: MIT */
/*
 * Everything the handler needs lies ready in one static structure, since a handler has no other way to
 * it; the handler itself calls what is async-signal-safe only.
 */
#include "init/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "init/down.h"
#include "init/shutdown.h"
#include "init/state.h"
#include "system/boot.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/process.h"
#include "system/spawn.h"
#include "system/spawn_fds.h"
#include "system/trace.h"

#define STACK_SIZE ((size_t) 64 * 1024)
#define FORGET_AFTER (60 * USEC_PER_SEC) /* of good life */
#define PROGRESS 32			 /* so many inputs carried through are good life, too */
#define TRIES_WITH_STATE 10u
#define TRIES 15u
#define CONDEMNED_MAX 8 /* things; the oldest is forgotten */
#define EXIT_CRASHED 70
#define MEND_PAUSE USEC_PER_SEC
#define WANT_PAUSE (100 * 1000) /* microseconds, longer each time */
#define SYNC_LOOK (100 * 1000 * 1000) /* nanoseconds */
#define SYNC_LOOKS 100

extern char **environ;

struct condemned {
	uint64_t what;
	unsigned level;
	int cause;     /* the signal init crashed with over it; 0: it broke a rule */
	unsigned told; /* 1: a report of it was begun */
};

/* Why the suspect is condemned. */
enum again {
	AGAIN_NOT,     /* it is not */
	AGAIN_CRASHED, /* it was in hand at the crash before that, too */
	AGAIN_BROKE,   /* it broke a rule */
};

static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };

static struct {
	char stack[STACK_SIZE];
	const char *path; /* borrowed */
	char **argv;	  /* owned: for the next image, with the journal */
	char **stateless; /* owned: without */
	char *rescue[3];  /* borrowed: of the last resort */
	/* Borrowed from both, the values of --crash: "COUNT:WHAT:AGAIN:SIGNAL", then ":WHAT*LEVEL*CAUSE*TOLD"s. */
	char *words[2];
	volatile sig_atomic_t handling;
	sigset_t fatal; /* the signals above */
	volatile uint64_t in_hand;
	volatile sig_atomic_t signal_in_hand;
	bool pid1, installed;
	bool ends; /* process 1 of a machine that is on its way down, to end */
	enum boot_end how;
	/* What the last image said. */
	unsigned count;	  /* crashes in a row, without progress between them */
	uint64_t suspect; /* what was in hand */
	enum again again;
	struct condemned condemned[CONDEMNED_MAX];
	size_t n_condemned;
	bool solved; /* this image did without one of them */
	int signal;  /* of the last crash that nobody has told of; 0: there was none */
	usec_t began;
	bool behind;  /* the next image would not be told of the journal there is */
	usec_t mend_at; /* when what failed is tried again */
	volatile sig_atomic_t lives; /* this image has come to the end of its first turn */
	volatile unsigned inputs;    /* it has carried through since */
	int *inherited;		     /* owned: descriptors open at the start */
	size_t n_inherited;
	bool inherited_known; /* … and that are all */
} crash; /* all zero: its stack is no part of the program's file */

static int image = -1; /* the running one; -1: by its path */

/* -- in the handler --------------------------------------------------------------------- */

static char *
put_number(char *p, uint64_t v)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = (char) ('0' + v % 10);
	while ((v /= 10) != 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static void
close_cb(int fd, void *data)
{
	(void) data;
	(void) close(fd);
}

static void
close_all_descriptors(void)
{
	if (spawn_close_range(STDERR_FILENO + 1, UINT_MAX) < 0)
		descriptors_each(STDERR_FILENO + 1, close_cb, NULL);
}

/* A child that dies of the same, with its memory as it is now. What is open is the next image's alone. */
static void
leave_core(int number)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	sigset_t set;
	pid_t pid = fork();

	if (pid != 0)
		return;
	close_all_descriptors();
	(void) setrlimit(RLIMIT_CORE, &unlimited);
	if (crash.pid1)
		(void) !chdir("/"); /* a session's user may not write there */
	(void) signal(number, SIG_DFL);
	(void) sigemptyset(&set);
	(void) sigprocmask(SIG_SETMASK, &set, NULL);
	(void) raise(number);
	_exit(EXIT_CRASHED);
}

static void
keep_cb(int fd, void *data)
{
	(void) data;
	(void) fcntl(fd, F_SETFD, 0);
}

static void
keep_all_descriptors(void)
{
	descriptors_each(STDERR_FILENO + 1, keep_cb, NULL);
}

static void
execute(char **argv)
{
	if (argv == NULL)
		return;
	if (image >= 0)
		(void) fexecve(image, argv, environ);
	if (crash.path != NULL)
		(void) execve(crash.path, argv, environ);
}

/* What the next image must know. */
static void
describe(char *p, unsigned count, uint64_t record, enum again again, int number)
{
	p = put_number(p, count);
	*p++ = ':';
	p = put_number(p, record);
	*p++ = ':';
	p = put_number(p, again);
	*p++ = ':';
	p = put_number(p, (uint64_t) number);
	for (size_t i = 0; i < crash.n_condemned; i++) {
		*p++ = ':';
		p = put_number(p, crash.condemned[i].what);
		*p++ = '*';
		p = put_number(p, crash.condemned[i].level);
		*p++ = '*';
		p = put_number(p, (uint64_t) crash.condemned[i].cause);
		*p++ = '*';
		p = put_number(p, crash.condemned[i].told);
	}
	*p = '\0';
}

/* The last step of a machine on its way down. Returns only if the kernel refuses. */
static void
end_machine(void)
{
	static const struct timespec look = { 0, SYNC_LOOK };
	pid_t pid = fork();

	if (pid == 0) {
		sync();
		_exit(0);
	}
	for (int i = 0; pid > 0 && i < SYNC_LOOKS && waitpid(pid, NULL, WNOHANG) == 0; i++)
		(void) nanosleep(&look, NULL);
	(void) boot_end(crash.how, NULL);
}

static void
say(const char *text)
{
	(void) !write(STDERR_FILENO, text, strlen(text));
}

/* Process 1 of a machine may not end; not even now. Whoever leaves a core for it may. */
static void
handler_crashed(void)
{
	if (!crash.pid1 || getpid() != 1)
		_exit(EXIT_CRASHED);
	if (crash.handling == 1) {
		crash.handling = 2;
		if (crash.ends)
			end_machine();
		crash_rescue();
	}
	for (;;)
		(void) sleep(1);
}

static void
handler(int number, siginfo_t *info, void *context)
{
	/* Sent by somebody: nothing that init was doing is to blame. */
	bool sent = info->si_code <= 0 && info->si_pid != getpid();
	uint64_t record = sent ? 0 : crash.in_hand;
	bool progress = crash.lives && (sent || crash.solved || crash.inputs >= PROGRESS);
	unsigned count = progress ? 1 : crash.count + 1;
	enum again again = record != 0 && record == crash.suspect ? AGAIN_CRASHED : AGAIN_NOT;

	(void) context;
	if (crash.handling != 0 && sent)
		return; /* what is under way is all that can be done about it */
	if (crash.handling != 0)
		handler_crashed();
	crash.handling = 1;
	crash_at("HANDLER");
	leave_core(number);
	/* All others are blocked here, over the exec as well: it waits for the next image. */
	if (count == 1 && crash.signal_in_hand != 0)
		(void) kill(getpid(), crash.signal_in_hand);
	for (int i = 0; i < 2; i++)
		if (crash.words[i] != NULL)
			describe(crash.words[i], count, record, again, number);
	(void) sigprocmask(SIG_BLOCK, &crash.fatal, NULL); /* until the next image can handle them */
	if (count <= TRIES_WITH_STATE) {
		keep_all_descriptors();
		execute(crash.argv);
	}
	if (count <= TRIES)
		execute(crash.stateless);
	if (crash.ends)
		end_machine();
	if (crash.pid1) {
		execute(crash.rescue);
		crash_rescue();
	}
	say("init: keeps crashing, giving up\n");
	_exit(EXIT_CRASHED);
}

/* -- getting ready ------------------------------------------------------------------------- */

/* The arguments of a next image. *word is the value of --crash, which the handler fills in. NULL: out of memory. */
static char **
arguments(const struct init *init, int journal, char **word)
{
	static const char first_room[] = "00000000000000000000:00000000000000000000:0:000";
	static const char more_room[] = ":00000000000000000000*00000000000000000000*000*0";
	char room[sizeof(first_room) + CONDEMNED_MAX * sizeof(more_room)];
	auto_free char *fd = str_printf("%d", journal);
	auto_strv char **first = NULL;
	char **argv;
	size_t at;

	memset(room, '0', sizeof(room));
	room[sizeof(room) - 1] = '\0';
	if (fd == NULL || strv_add(&first, "--restart") < 0 || settings_arguments(&init->settings, &first) < 0 ||
	    shutdown_arguments(init, &first) < 0)
		return NULL;
	if (journal >= 0 && (strv_add(&first, "--state-fd") < 0 || strv_add(&first, fd) < 0))
		return NULL;
	if (strv_add(&first, "--crash") < 0 || strv_add(&first, room) < 0)
		return NULL;
	at = strv_len(first);
	argv = options_again(init->argv, first);
	*word = argv != NULL ? argv[at] : NULL;
	return argv;
}

/* The arguments of an image after a crash become these. */
static int
replace(char ***where, char **word_at, char **argv, char *word)
{
	if (argv == NULL)
		return -ENOMEM;
	/* A crash between these lines finds one or the other, both whole. */
	*word_at = word;
	argv = (char **) __atomic_exchange_n(where, argv, __ATOMIC_SEQ_CST);
	(void) strv_free(argv);
	return 0;
}

void
crash_set_journal(struct init *init)
{
	char *word = NULL;
	char **argv;

	if (!crash.installed)
		return;
	argv = arguments(init, journal_fd(init->state.journal), &word);
	crash.behind = replace(&crash.argv, &crash.words[0], argv, word) < 0;
	if (crash.behind)
		log_error("Out of memory: a crash would lose the state");
}

int
crash_set_next(struct init *init)
{
	const char *level, *halt;
	char *word = NULL;
	char **argv;
	int r = 0;

	if (!crash.installed)
		return 0; /* crash_turn() sees to it */
	crash.how = down_how(init);
	crash.ends = init_is_machine(init) && shutdown_aim(init, &level, &halt);
	if (init->state.journal != NULL) {
		argv = arguments(init, journal_fd(init->state.journal), &word);
		r = replace(&crash.argv, &crash.words[0], argv, word);
	}
	argv = arguments(init, -1, &word);
	return replace(&crash.stateless, &crash.words[1], argv, word) < 0 ? -ENOMEM : r;
}

static struct condemned *
find_condemned(uint64_t what)
{
	for (size_t i = 0; i < crash.n_condemned; i++)
		if (crash.condemned[i].what == what)
			return &crash.condemned[i];
	return NULL;
}

static void
condemn(const struct condemned *fresh)
{
	struct condemned *c = find_condemned(fresh->what);

	if (c != NULL) {
		c->level += fresh->level;
		return;
	}
	if (crash.n_condemned == CONDEMNED_MAX)
		memmove(crash.condemned, crash.condemned + 1, --crash.n_condemned * sizeof(crash.condemned[0]));
	crash.condemned[crash.n_condemned++] = *fresh;
}

/* One ":WHAT*LEVEL*CAUSE*TOLD", or as older images write it, ":WHAT*LEVEL". Behind it, or NULL: there is none. */
static const char *
understand_condemned(const char *text, struct condemned *c)
{
	int n = 0;

	*c = (struct condemned){ .cause = crash.signal, .told = 1 };
	if (sscanf(text, ":%" SCNu64 "*%u%n", &c->what, &c->level, &n) != 2)
		return NULL;
	text += n;
	if (sscanf(text, "*%d*%u%n", &c->cause, &c->told, &n) == 2)
		text += n;
	return text;
}

/* What the last image says. */
static void
understand(const char *text)
{
	unsigned again = AGAIN_NOT;
	struct condemned c;
	int n = 0;

	if (sscanf(text, "%u:%" SCNu64 ":%u:%d%n", &crash.count, &crash.suspect, &again, &crash.signal, &n) != 4) {
		crash.count = 1;
		crash.suspect = 0;
	}
	for (text = understand_condemned(text + n, &c); text != NULL; text = understand_condemned(text, &c))
		condemn(&c);
	/* An older image says of both only that it is so, and of a rule by no signal. */
	crash.again = again == AGAIN_CRASHED && crash.signal == 0 ? AGAIN_BROKE : (enum again) again;
	c = (struct condemned){ crash.suspect, 1, crash.again == AGAIN_BROKE ? 0 : crash.signal, 0 };
	if (crash.again != AGAIN_NOT)
		condemn(&c);
}

static void
note_cb(int fd, void *data)
{
	bool *complete = data;
	int *grown = *complete ? realloc(crash.inherited, (crash.n_inherited + 1) * sizeof(int)) : NULL;

	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	*complete = grown != NULL;
	if (grown == NULL)
		return; /* it stays open: better than to close what is needed */
	crash.inherited = grown;
	crash.inherited[crash.n_inherited++] = fd;
}

static int
compare(const void *a, const void *b)
{
	int x = *(const int *) a, y = *(const int *) b;

	return (x > y) - (x < y);
}

/* Everything that is open now was the last image's. */
static void
note_inherited(void)
{
	bool complete = true;

	descriptors_each(STDERR_FILENO + 1, note_cb, &complete);
	if (crash.n_inherited > 0)
		qsort(crash.inherited, crash.n_inherited, sizeof(int), compare);
	crash.inherited_known = complete;
}

bool
crash_inherited(int fd)
{
	size_t low = 0, high = crash.n_inherited;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (crash.inherited[middle] < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < crash.n_inherited && crash.inherited[low] == fd) || !crash.inherited_known;
}

/* Whoever starts a session may have left anything open: init keeps nothing of it, and its servants get none of it. */
static void
close_inherited(void)
{
	int none[1] = { -1 };

	spawn_fds_close_others(none, 0);
}

void
crash_close_strangers(crash_keep_fn keep, void *data)
{
	for (size_t i = 0; i < crash.n_inherited; i++)
		if (!keep(crash.inherited[i], data))
			(void) close(crash.inherited[i]);
	free(crash.inherited);
	crash.inherited = NULL;
	crash.n_inherited = 0;
	crash.inherited_known = false;
}

void
crash_begin(const struct init *init)
{
	if (init->options.crash != NULL)
		understand(init->options.crash);
	if (init->again)
		note_inherited();
	else
		close_inherited();
}

int
crash_install(struct init *init)
{
	const stack_t stack = { .ss_sp = crash.stack, .ss_size = sizeof(crash.stack) };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	crash.began = clock_now();
	crash.pid1 = getpid() == 1;
	crash.path = init->own_path;
	crash.rescue[0] = init->argv[0];
	crash.rescue[1] = (char *) (uintptr_t) "--rescue";
	/* Until the state is read nothing else says so, and if nothing has changed then nobody calls crash_set_next(). */
	crash.ends = init_is_machine(init) && init->again && init->options.down != NULL;
	if (crash.ends)
		crash.how = down_how_of(init->options.down);
	if (crash.stateless == NULL)
		crash.stateless = arguments(init, -1, &crash.words[1]);
	/* What comes while the journal has not even been looked at must not cost it. Later the number may be another file's. */
	if (init->options.state_fd >= 0 && init->state.journal == NULL && crash.argv == NULL)
		crash.argv = arguments(init, init->options.state_fd, &crash.words[0]);
	if (image < 0)
		image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (crash.stateless == NULL || sigaltstack(&stack, NULL) < 0)
		return crash.stateless == NULL ? -ENOMEM : -errno;
	(void) sigemptyset(&crash.fatal);
	(void) sigfillset(&action.sa_mask);
	/* A fault while its signal is blocked would be the end, for process 1 as well: the handler hears of its own. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		(void) sigaddset(&crash.fatal, signals[i]);
		(void) sigdelset(&action.sa_mask, signals[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return -errno;
	crash.installed = true;
	/* The last image left them blocked. */
	(void) sigprocmask(SIG_UNBLOCK, &crash.fatal, NULL);
	return 0;
}

void
crash_try_again(void)
{
	unsigned count = crash.count + 1;

	if (count > TRIES_WITH_STATE || crash.argv == NULL || crash.words[0] == NULL)
		return;
	(void) usleep(WANT_PAUSE * count);
	/* What broke a rule need not show once more that it does; a crash before this is still to be told of. */
	describe(crash.words[0], count, crash.in_hand, crash.in_hand != 0 ? AGAIN_BROKE : AGAIN_NOT, crash.signal);
	keep_all_descriptors();
	execute(crash.argv);
}

void
crash_begin_anew(void)
{
	if (crash.words[1] != NULL)
		describe(crash.words[1], 0, 0, AGAIN_NOT, 0);
	execute(crash.stateless);
}

/* -- looking back ------------------------------------------------------------------------------ */

void
crash_signal_in_hand(int number)
{
	crash.signal_in_hand = number;
}

void
crash_in_hand(uint64_t what)
{
	crash.in_hand = what;
}

void
crash_carried_through(void)
{
	if (crash.lives)
		crash.inputs++;
}

unsigned
crash_condemned(uint64_t what)
{
	const struct condemned *c = find_condemned(what);

	crash.solved = crash.solved || c != NULL;
	return c != NULL ? c->level : 0;
}

bool
crash_is_news(uint64_t what)
{
	struct condemned *c = find_condemned(what);
	bool news = c != NULL && c->told == 0;

	if (news)
		c->told = 1;
	return news;
}

static const char *
signal_text(int number)
{
	return number == 0	   ? NULL
	       : number == SIGSEGV ? "segmentation fault"
	       : number == SIGABRT ? "abort"
				   : strsignal(number);
}

const char *
crash_cause(uint64_t what)
{
	const struct condemned *c = find_condemned(what);

	return c != NULL ? signal_text(c->cause) : NULL;
}

void
crash_report(const struct init *init)
{
	if (crash.count > 0 && crash.signal != 0)
		log_write(LOG_LEVEL_FATAL, "Caught %s, core dumped; %s", signal_text(crash.signal),
			  init->options.state_fd >= 0 ? "going on from the journal"
						      : "after so many crashes the state is dropped");
	if (crash.count > 0 && crash.again == AGAIN_BROKE)
		log_error("Read the state without what broke a rule of init's own");
	else if (crash.count > 0 && crash.signal == 0)
		log_error("Read the state in spite of wants");
}

/* What could not be had at the start, or when the journal was another, is tried again now and then. */
static void
mend(struct init *init)
{
	if ((crash.installed && !crash.behind && init->own_path != NULL) || clock_now() < crash.mend_at)
		return;
	crash.mend_at = clock_now() + MEND_PAUSE;
	if (init->own_path == NULL)
		init->own_path = process_own_path(init->argv[0]);
	if (!crash.installed && crash_install(init) < 0)
		return;
	crash.path = init->own_path;
	/* What the options say of the way down may be over, or not all there is. */
	crash.behind = crash_set_next(init) < 0;
}

void
crash_turn(struct init *init)
{
	mend(init);
	crash_at(crash.count > 0 ? "TURN" : "");
	crash.lives = true;
	if (crash.count == 0 || clock_now() - crash.began < FORGET_AFTER)
		return;
	crash.count = 0;
	crash.suspect = 0;
	crash.again = AGAIN_NOT;
	crash.n_condemned = 0;
}

/* -- the last resort ------------------------------------------------------------------------------ */

static pid_t
start_shell(void)
{
	static const char *const shells[] = { "/sbin/sulogin", "/bin/sh" };
	sigset_t none;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	/* All are blocked here, in a handler. */
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	(void) signal(SIGPIPE, SIG_DFL);
	(void) signal(SIGXFSZ, SIG_DFL);
	(void) setsid();
	(void) umask(022); /* the kernel's is 0 */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void) close(fd);
	if (open("/dev/console", O_RDWR) < 0)
		(void) !open("/dev/null", O_RDWR);
	(void) !dup(STDIN_FILENO);
	(void) !dup(STDIN_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		(void) execl(shells[i], shells[i], (char *) NULL);
	_exit(EXIT_CRASHED);
}

/* One that was followed goes its own way now. */
static void
let_go(pid_t pid, int status)
{
	struct trace_stop stop;

	trace_understand(pid, status >> 8, &stop);
	trace_detach(&stop);
}

void
crash_rescue(void)
{
	pid_t shell;

	const char *container = getenv("container");

	if (container != NULL && *container != '\0') {
		say("init: keeps crashing, and ends with its container\n");
		_exit(EXIT_CRASHED);
	}
	say("init: keeps crashing; this shell is all that is left\n");
	for (shell = start_shell();; shell = start_shell()) {
		pid_t pid;
		int status;

		do {
			pid = waitpid(-1, &status, 0);
			if (pid > 0 && WIFSTOPPED(status))
				let_go(pid, status);
		} while (pid != shell && (pid > 0 || errno != ECHILD));
		(void) sleep(1);
	}
}

#ifdef UPSTART_CRASH_POINTS
void
crash_point(void)
{
	static unsigned long passed;
	const char *at = crash.count == 0 && crash.installed ? getenv("UPSTART_TEST_CRASH") : NULL;

	if (at != NULL && ++passed == strtoul(at, NULL, 10))
		__builtin_trap();
}

/* Is the name one of those in a variable, with commas between? */
static bool
is_named(const char *variable, const char *name)
{
	const char *p = getenv(variable);

	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, ",");

		if (span_is((struct span){ p, n }, name))
			return true;
		p += n + (p[n] == ',' ? 1 : 0);
	}
	return false;
}

void
crash_at(const char *name)
{
	if (crash.installed && is_named("UPSTART_TEST_CRASH_AT", name))
		__builtin_trap();
}

bool
crash_breaks(const char *name)
{
	return is_named("UPSTART_TEST_BREAK_AT", name);
}
#endif
