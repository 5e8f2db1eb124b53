/* SPDX-License-Identifier: MIT */
/*
 * The child between clone and exec: one table of steps, run in order. Each either works or names
 * itself in the record that goes up the status pipe. Runs in a copy of a process that has one thread,
 * so it may allocate and look users up; it never returns and never runs the maker's exit handlers.
 */
#include "system/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/env.h"
#include "common/log.h"
#include "job/class.h"
#include "system/memfile.h"
#include "system/spawn_fds.h"
#include "system/spawn_identity.h"
#include "system/spawn_limits.h"
#include "system/spawn_pty.h"
#include "system/spawn_wait.h"

#define DEVICE_NULL "/dev/null"
#define DEVICE_CONSOLE "/dev/console"

struct child {
	const struct spawn_request *request;
	const struct msg_spawn *msg;
	int status; /* -1: nobody is told any more */
	int gate;
	int pty;   /* master, or -1 */
	int slave; /* or -1 */
	int fds[SPAWN_MAX_FDS];
	struct spawn_identity who;
	char **env; /* the job's with more; NULL: as it is in the request */
	/* What failed. */
	enum spawn_step step;
	uint16_t arg;
	int error;
};

/* A step: 0, or -1 with the failure noted. */
typedef int (*step_fn)(struct child *c);

static int
fail(struct child *c, enum spawn_step step, int error)
{
	c->step = step;
	c->error = error;
	return -1;
}

static int
fail_errno(struct child *c, enum spawn_step step)
{
	return fail(c, step, errno);
}

/* -- before the gate -- */

/* Handlers belong to the maker. Those few that can't be set (KILL, STOP, libc's own) are default already. */
static void
reset_handlers(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	(void) sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig < NSIG; sig++)
		(void) sigaction(sig, &sa, NULL);
}

/*
 * From here on the child may be killed, by its pid or its group: set-up may hang (a dead file server, a user data base
 * that does not answer). Only what a failed write sends must not end it before it has said why.
 */
static void
accept_signals(void)
{
	sigset_t none;

	(void) signal(SIGPIPE, SIG_IGN);
	(void) signal(SIGXFSZ, SIG_IGN);
	(void) setsid(); /* can't fail: a new process leads no group */
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Not even a copy of a gate's other end may stay, or no gate would ever see EOF. */
static void
close_others(const struct child *c)
{
	int keep[SPAWN_MAX_FDS + 3];
	size_t n = 0;

	keep[n++] = c->status;
	keep[n++] = c->gate;
	if (c->pty >= 0)
		keep[n++] = c->pty;
	for (size_t i = 0; i < c->request->n_fds; i++)
		keep[n++] = c->fds[i];
	spawn_fds_close_others(keep, n);
}

/* Wait for the byte that opens the gate; false when it is closed instead. */
static bool
gate_opens(struct child *c)
{
	for (;;) {
		char byte;
		ssize_t n = read(c->gate, &byte, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd p = { .fd = c->gate, .events = POLLIN };

			(void) poll(&p, 1, -1);
			continue;
		}
		(void) close(c->gate);
		c->gate = -1;
		return n == 1;
	}
}

/* -- the steps, in order (runtime.md 9.3) -- */

/* The job's descriptors to their numbers; what is still needed out of their way first. */
static int
place_descriptors(struct child *c)
{
	const struct u64v *numbers = &c->msg->fds;

	if (spawn_fds_clear(&c->status, numbers) < 0 || (c->pty >= 0 && spawn_fds_clear(&c->pty, numbers) < 0))
		return fail_errno(c, SPAWN_DUP);
	for (size_t i = 0; i < numbers->n; i++)
		if (spawn_fds_clear(&c->fds[i], numbers) < 0)
			return fail_errno(c, SPAWN_DUP);
	for (size_t i = 0; i < numbers->n; i++)
		if (spawn_fds_place(c->fds[i], (int) numbers->p[i]) < 0)
			return fail_errno(c, SPAWN_DUP);
	return 0;
}

static int
open_slave(struct child *c)
{
	enum spawn_step step;

	if (c->pty < 0)
		return 0;
	c->slave = spawn_pty_open_slave(c->pty, &step);
	if (c->slave < 0)
		return fail_errno(c, step);
	(void) close(c->pty);
	c->pty = -1;
	return spawn_fds_clear(&c->slave, &c->msg->fds) < 0 ? fail_errno(c, SPAWN_DUP) : 0;
}

static int
place_script(struct child *c)
{
	int fd;

	if (c->msg->script == NULL)
		return 0;
	fd = memfile_from("upstart-script", c->msg->script, strlen(c->msg->script));
	if (fd < 0)
		return fail(c, SPAWN_SCRIPT, -fd);
	return spawn_fds_place(fd, SPAWN_SCRIPT_FD) < 0 ? fail_errno(c, SPAWN_DUP) : 0;
}

/* A console without carrier blocks its open(2) for ever unless told not to. */
static int
console_open(void)
{
	int fd = open(DEVICE_CONSOLE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	if (flags >= 0)
		(void) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

/* What descriptors 0 to 2 become, by mode; -1 and errno. */
static int
console_descriptor(const struct child *c)
{
	int fd;

	if (c->msg->console == CONSOLE_OUTPUT) {
		fd = console_open();
		if (fd >= 0)
			return fd;
		log_warn("%s: unable to open %s, using %s: %s", c->msg->name ? c->msg->name : "job", DEVICE_CONSOLE,
			 DEVICE_NULL, strerror(errno));
	}
	if (c->msg->console == CONSOLE_OWNER) {
		fd = console_open();
		if (fd >= 0 && ioctl(fd, TIOCSCTTY, 1) < 0) {
			int error = errno;

			(void) close(fd);
			errno = error;
			return -1;
		}
		return fd;
	}
	return open(DEVICE_NULL, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int
open_console(struct child *c)
{
	int fd = console_descriptor(c);

	if (fd < 0 || spawn_fds_clear(&fd, &c->msg->fds) < 0)
		return fail_errno(c, SPAWN_CONSOLE);
	for (int to = STDIN_FILENO; to <= STDERR_FILENO; to++)
		if (dup2(to == STDIN_FILENO || c->slave < 0 ? fd : c->slave, to) < 0)
			return fail_errno(c, SPAWN_CONSOLE);
	(void) close(fd);
	if (c->slave >= 0)
		(void) close(c->slave);
	c->slave = -1;
	return 0;
}

static int
switch_profile(struct child *c)
{
	int r = c->msg->apparmor_switch != NULL ? spawn_switch_profile(c->msg->apparmor_switch) : 0;

	return r < 0 ? fail(c, SPAWN_SECURITY, -r) : 0;
}

/* Back to the limit the maker raised for itself: lowering never fails. */
static int
restore_nofile(struct child *c)
{
	if (c->request->nofile != NULL)
		(void) setrlimit(RLIMIT_NOFILE, c->request->nofile);
	return 0;
}

static int
set_limits(struct child *c)
{
	int error = spawn_limits_apply(&c->msg->limits, &c->arg);

	return error != 0 ? fail(c, SPAWN_RLIMIT, error) : 0;
}

static int
set_umask(struct child *c)
{
	(void) umask(c->msg->umask == JOB_UMASK_UNSET ? 022 : (mode_t) (c->msg->umask & 0777));
	return 0;
}

static int
set_priority(struct child *c)
{
	if (c->msg->nice != JOB_NICE_UNSET && setpriority(PRIO_PROCESS, 0, c->msg->nice) < 0)
		return fail_errno(c, SPAWN_PRIORITY);
	return 0;
}

/* A score of 0 counts as not given. */
static int
set_oom_score(struct child *c)
{
	int r;

	if (c->msg->oom_score_adj == JOB_OOM_UNSET || c->msg->oom_score_adj == 0)
		return 0;
	r = spawn_set_oom_score(c->msg->oom_score_adj);
	return r < 0 ? fail(c, SPAWN_OOM_ADJ, -r) : 0;
}

/* Whoever fills the new root must not give us code: what looks users up is loaded from out here. */
static int
prepare_identity(struct child *c)
{
	bool looks_up = c->msg->setuid != NULL || c->msg->setgid != NULL || (c->msg->flags & SPAWN_FLAG_USER_ENV) != 0;

	if ((c->msg->root != NULL || c->msg->chroot != NULL) && looks_up)
		spawn_identity_prepare();
	return 0;
}

static int
enter_root(struct child *c, const char *root)
{
	if (root == NULL)
		return 0;
	if (chroot(root) < 0)
		return fail_errno(c, SPAWN_CHROOT);
	return chdir("/") < 0 ? fail_errno(c, SPAWN_CHDIR) : 0;
}

/* That of the session the job belongs to. */
static int
enter_session(struct child *c)
{
	return enter_root(c, c->msg->root);
}

/* The working directory always follows into the new root: a way out must not stay. */
static int
change_root(struct child *c)
{
	return enter_root(c, c->msg->chroot);
}

static int
change_directory(struct child *c)
{
	const char *dir = c->msg->chdir;

	if (dir == NULL && (c->msg->flags & SPAWN_FLAG_SESSION))
		return 0;
	return chdir(dir != NULL ? dir : "/") < 0 ? fail_errno(c, SPAWN_CHDIR) : 0;
}

static int
find_identity(struct child *c)
{
	c->step = spawn_identity_find(&c->who, c->msg->setuid, c->msg->setgid, &c->error);
	return c->step != SPAWN_NONE ? -1 : 0;
}

/* Looked up in the root the job has; what its environment says already counts. */
static int
add_user_environment(struct child *c)
{
	if (!(c->msg->flags & SPAWN_FLAG_USER_ENV))
		return 0;
	if (strv_dup(&c->env, c->msg->env) < 0)
		return fail(c, SPAWN_ALLOC, ENOMEM);
	c->step = spawn_identity_environment(&c->who, &c->env, &c->error);
	return c->step != SPAWN_NONE ? -1 : 0;
}

static int
give_script(struct child *c)
{
	uid_t uid = c->who.has_user ? c->who.uid : (uid_t) -1;
	gid_t gid = c->who.has_group ? c->who.gid : (gid_t) -1;

	if (c->msg->script == NULL || (!c->who.has_user && !c->who.has_group))
		return 0;
	return fchown(SPAWN_SCRIPT_FD, uid, gid) < 0 ? fail_errno(c, SPAWN_CHOWN) : 0;
}

static int
assume_identity(struct child *c)
{
	c->step = spawn_identity_assume(&c->who, &c->error);
	return c->step != SPAWN_NONE ? -1 : 0;
}

/* This is no process of a job's: it looks at what main does. */
static int
watch_for_main(struct child *c)
{
	if ((c->msg->flags & (SPAWN_FLAG_PIDFILE | SPAWN_FLAG_LISTEN)) == 0)
		return 0;
	if (strv_len(c->msg->argv) < 2)
		return fail(c, SPAWN_READINESS, EINVAL);
	if ((c->msg->flags & SPAWN_FLAG_LISTEN) != 0)
		spawn_wait_listener(c->msg->argv[0], c->msg->argv[1], SPAWN_WAIT_FD);
	spawn_wait_pidfile(c->msg->argv[0], SPAWN_WAIT_FD);
}

/* sd_watchdog_enabled(3) asks whose it is, and nobody knew before. */
static int
name_watched(struct child *c)
{
	auto_free char *pid = NULL;

	if ((c->msg->flags & SPAWN_FLAG_WATCHDOG) == 0)
		return 0;
	pid = str_printf("%d", (int) getpid());
	if (pid == NULL || (c->env == NULL && strv_dup(&c->env, c->msg->env) < 0) ||
	    env_set_value(&c->env, "WATCHDOG_PID", pid) < 0)
		return fail(c, SPAWN_ALLOC, ENOMEM);
	return 0;
}

static int
restore_write_signals(struct child *c)
{
	return signal(SIGPIPE, SIG_DFL) == SIG_ERR || signal(SIGXFSZ, SIG_DFL) == SIG_ERR ? fail_errno(c, SPAWN_SIGNAL)
											  : 0;
}

static void
tell(struct child *c, const void *p, size_t n)
{
	ssize_t r;

	if (c->status < 0)
		return;
	do
		r = write(c->status, p, n);
	while (r < 0 && errno == EINTR);
}

static int
announce(struct child *c)
{
	const char ready = SPAWN_READY_BYTE;

	tell(c, &ready, 1);
	return 0;
}

static int
stop_for_debugging(struct child *c)
{
	if (!(c->msg->flags & SPAWN_FLAG_DEBUG))
		return 0;
	(void) close(c->status);
	c->status = -1;
	(void) kill(getpid(), SIGSTOP);
	return 0;
}

/* The job's environment comes this late so that no look-up above listens to it; PATH is searched in it. */
static int
execute(struct child *c)
{
	static char *nothing[] = { NULL };
	char **argv = c->msg->argv;

	if (argv == NULL || argv[0] == NULL)
		return fail(c, SPAWN_EXEC, ENOENT);
	environ = c->env != NULL ? c->env : c->msg->env != NULL ? c->msg->env : nothing;
	(void) execvp(argv[0], argv);
	return fail_errno(c, SPAWN_EXEC);
}

/* In the order of runtime.md 9.3, but for the session and the signals, which come first. `attribute`: not done for the
 * security process. */
/* clang-format off */
static const struct {
	step_fn run;
	bool attribute;
} steps[] = {
	{ place_descriptors, false },
	{ open_slave, false },
	{ place_script, false },
	{ open_console, false },
	{ switch_profile, false },
	{ restore_nofile, false },
	{ set_limits, true },
	{ set_umask, true },
	{ set_priority, true },
	{ set_oom_score, true },
	{ prepare_identity, true },
	{ enter_session, false },
	{ change_root, true },
	{ change_directory, true },
	{ find_identity, true },
	{ add_user_environment, true },
	{ give_script, true },
	{ assume_identity, true },
	{ watch_for_main, false },
	{ name_watched, false },
	{ restore_write_signals, false },
	{ announce, false },
	{ stop_for_debugging, false },
	{ execute, false },
};
/* clang-format on */

void
spawn_child_run(const struct spawn_request *request, int pty)
{
	struct child c = {
		.request = request,
		.msg = request->msg,
		.status = request->status,
		.gate = request->gate,
		.pty = pty,
		.slave = -1,
	};
	struct spawn_record record = { .tag = 'e' };

	for (size_t i = 0; i < request->n_fds && i < SPAWN_MAX_FDS; i++)
		c.fds[i] = request->fds[i];
	reset_handlers();
	close_others(&c);
	accept_signals();
	if (!gate_opens(&c))
		_exit(SPAWN_EXIT_FAILED);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].attribute && (c.msg->flags & SPAWN_FLAG_SECURITY))
			continue;
		if (steps[i].run(&c) < 0)
			break;
	}
	record.step = (uint8_t) c.step;
	record.arg = c.arg;
	record.error = c.error;
	tell(&c, &record, sizeof(record));
	_exit(SPAWN_EXIT_FAILED);
}
