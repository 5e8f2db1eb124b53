/* SPDX-License-Identifier: MIT */
/*
 * Each step of a child that fails: its record on the status pipe, the text users know, exit status 255, and the
 * program not run.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static char *const argv_touch[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo ran >&7", NULL };

static uint64_t
limit_index(const char *name)
{
	for (uint64_t i = 0; i < JOB_LIMIT_COUNT; i++)
		if (strcmp(job_limit_names[i], name) == 0)
			return i;
	fail_msg("no limit called %s", name);
	return 0;
}

static struct msg_spawn
request_to_run(void)
{
	return request_for((char **) (uintptr_t) argv_touch);
}

/* The request fails at `step`, with that text. */
static void
expect_failure(struct world *w, struct msg_spawn *request, enum spawn_step step, const char *text)
{
	uint64_t number = 7;
	struct process p;
	char what[256];
	char *written;
	int out[2], status;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	request->fds = (struct u64v){ &number, 1 };
	process_spawn(w, &p, request, &out[1], 1);
	request->fds = (struct u64v){ 0 };
	(void) close(out[1]);
	assert_true(p.pid > 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	spawn_step_text(p.status.record.step, p.status.record.arg, p.status.record.error, what, sizeof(what));
	assert_string_equal(what, text);
	assert_int_equal(p.status.record.step, step);
	assert_int_equal(p.status.ready, step == SPAWN_EXEC);
	written = read_all(out[0]);
	assert_string_equal(written, "");
	free(written);
	(void) close(out[0]);
	status = process_await_end(&p);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 255);
}

/* Failures anybody can have, by both ways. */
static void
test_failures_of_anybody(void **state)
{
	static const enum world_kind kinds[] = { WORLD_LOCAL, WORLD_SPAWNER };

	(void) state;
	for (size_t i = 0; i < (has_spawner() ? ARRAY_SIZE(kinds) : 1); i++) {
		char *no_program[] = { (char *) "/nowhere/program", NULL };
		char *no_word[] = { (char *) "upstart-no-such-program", NULL };
		char *not_executable[] = { (char *) "/etc/passwd", NULL };
		char *empty[] = { NULL };
		uint64_t limits[] = { limit_index("nofile"), 100, 50 };
		uint64_t two[] = { limit_index("core"), 0, 0, limit_index("stack"), 3, 2 };
		uint64_t unknown[] = { JOB_LIMIT_COUNT, 0, 0 };
		struct msg_spawn request = request_to_run();
		struct world w;

		assert_true(world_start(&w, kinds[i], NULL));
		request.limits = (struct u64v){ limits, 3 };
		expect_failure(&w, &request, SPAWN_RLIMIT, "unable to set \"nofile\" resource limit: Invalid argument");
		request.limits = (struct u64v){ two, 6 };
		expect_failure(&w, &request, SPAWN_RLIMIT, "unable to set \"stack\" resource limit: Invalid argument");
		request.limits = (struct u64v){ unknown, 3 };
		expect_failure(&w, &request, SPAWN_RLIMIT, "unable to set \"?\" resource limit: Invalid argument");
		request = request_to_run();
		request.chdir = (char *) "/nowhere";
		expect_failure(&w, &request, SPAWN_CHDIR,
			       "unable to change working directory: No such file or directory");
		request.chdir = (char *) "/etc/passwd";
		expect_failure(&w, &request, SPAWN_CHDIR, "unable to change working directory: Not a directory");
		request = request_to_run();
		request.setuid = (char *) "upstart-no-such-user";
		expect_failure(&w, &request, SPAWN_BAD_SETUID, "unable to find setuid user");
		request.setuid = (char *) "4294967295";
		request.setgid = (char *) "0";
		expect_failure(&w, &request, SPAWN_BAD_SETUID, "unable to find setuid user");
		/* A number without a record has no group of its own. */
		request.setuid = (char *) "54321";
		request.setgid = NULL;
		expect_failure(&w, &request, SPAWN_BAD_SETUID, "unable to find setuid user");
		request.setuid = NULL;
		request.setgid = (char *) "upstart-no-such-group";
		expect_failure(&w, &request, SPAWN_BAD_SETGID, "unable to find setgid group");
		request = request_for(no_program);
		expect_failure(&w, &request, SPAWN_EXEC, "unable to execute: No such file or directory");
		request = request_for(no_word);
		expect_failure(&w, &request, SPAWN_EXEC, "unable to execute: No such file or directory");
		request = request_for(not_executable);
		expect_failure(&w, &request, SPAWN_EXEC, "unable to execute: Permission denied");
		request = request_for(empty);
		expect_failure(&w, &request, SPAWN_EXEC, "unable to execute: No such file or directory");
		world_stop(&w);
	}
}

static void
test_failures_of_root(void **state)
{
	struct msg_spawn request = request_to_run();
	struct world w;

	(void) state;
	if (!is_root())
		skip_because("needs root");
	assert_true(world_start(&w, WORLD_LOCAL, NULL));
	request.chroot = (char *) "/nowhere";
	expect_failure(&w, &request, SPAWN_CHROOT, "unable to change root directory: No such file or directory");
	request.chroot = (char *) "/etc/passwd";
	expect_failure(&w, &request, SPAWN_CHROOT, "unable to change root directory: Not a directory");
	request.chroot = (char *) "/usr";
	request.chdir = (char *) "../nowhere";
	expect_failure(&w, &request, SPAWN_CHDIR, "unable to change working directory: No such file or directory");
	world_stop(&w);
}

/* The user data base can't be opened: that is not "no such user". */
static void
test_failures_to_look_up(void **state)
{
	uint64_t limits[] = { limit_index("nofile"), 3, 3 };
	struct msg_spawn request = request_to_run();
	struct world w;

	(void) state;
	if (is_wrapped())
		skip_because("valgrind has a descriptor limit of its own");
	assert_true(world_start(&w, WORLD_LOCAL, NULL));
	request.limits = (struct u64v){ limits, 3 };
	request.setuid = (char *) "daemon";
	expect_failure(&w, &request, SPAWN_GETPWNAM, "unable to getpwnam: Too many open files");
	request.setuid = NULL;
	request.setgid = (char *) "daemon";
	expect_failure(&w, &request, SPAWN_GETGRNAM, "unable to getgrnam: Too many open files");
	request.setgid = NULL;
	request.flags = SPAWN_FLAG_USER_ENV;
	expect_failure(&w, &request, SPAWN_GETPWUID, "unable to getpwuid: Too many open files");
	world_stop(&w);
}

static void
test_failures_of_a_user(void **state)
{
	const struct world_options as_nobody = { .uid = NOBODY };
	const struct world_options as_self = { 0 };
	struct msg_spawn request = request_to_run();
	char own_group[16];
	struct world w;

	(void) state;
	if (is_wrapped())
		skip_because("valgrind can't be another user");
	(void) snprintf(own_group, sizeof(own_group), "%d", is_root() ? NOBODY : (int) getegid());
	assert_true(world_start(&w, WORLD_SPAWNER, is_root() ? &as_nobody : &as_self));
	request.chroot = (char *) "/usr";
	expect_failure(&w, &request, SPAWN_CHROOT, "unable to change root directory: Operation not permitted");
	request = request_to_run();
	request.nice = -20; /* higher than that of whoever runs this */
	expect_failure(&w, &request, SPAWN_PRIORITY, "unable to set priority: Permission denied");
	request = request_to_run();
	request.oom_score_adj = -500;
	expect_failure(&w, &request, SPAWN_OOM_ADJ, "unable to set oom adjustment: Permission denied");
	request = request_to_run();
	request.setgid = (char *) "root";
	expect_failure(&w, &request, SPAWN_SETGID, "unable to setgid: Operation not permitted");
	request.setuid = (char *) "root";
	request.setgid = own_group;
	expect_failure(&w, &request, SPAWN_SETUID, "unable to setuid: Operation not permitted");
	request.script = (char *) "true\n";
	expect_failure(&w, &request, SPAWN_CHOWN, "unable to chown: Operation not permitted");
	world_stop(&w);
}

static void
test_descriptor_number_out_of_range(void **state)
{
	uint64_t number = 2000000000;
	struct msg_spawn request = request_to_run();
	struct process p;
	struct world w;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	request.fds = (struct u64v){ &number, 1 };
	process_spawn(&w, &p, &request, &fd, 1);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	assert_int_equal(p.status.record.step, SPAWN_DUP);
	assert_int_equal(p.status.record.error, EBADF);
	(void) process_await_end(&p);
	(void) close(fd);
	world_stop(&w);
}

/* Numbers that a job can't have make no process at all. */
static void
test_descriptor_number_that_is_taken(void **state)
{
	static const uint64_t numbers[][2] = { { 0, 5 }, { 2, 5 }, { 9, 5 }, { 5, 5 }, { UINT64_MAX, 5 } };
	struct msg_spawn request = request_to_run();
	struct process p;
	struct world w;
	int fds[2] = { open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC) };

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(numbers) + 1; i++) {
		uint64_t pair[2] = { 5, 6 };

		if (i < ARRAY_SIZE(numbers))
			memcpy(pair, numbers[i], sizeof(pair));
		/* The last: more numbers than descriptors. */
		request.fds = (struct u64v){ pair, 2 };
		process_spawn(&w, &p, &request, fds, i < ARRAY_SIZE(numbers) ? 2 : 1);
		assert_int_equal(p.pid, 0);
		assert_int_equal(p.step, SPAWN_DUP);
		assert_int_equal(p.error, EINVAL);
		process_close_gate(&p);
		/* Nobody holds the other end of the status pipe. */
		assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	}
	(void) close(fds[0]);
	(void) close(fds[1]);
	world_stop(&w);
}

/* -- calls that fail, where nothing outside can make them (of a process that is made here: see meson.build) -- */

static enum { CALL_NONE, CALL_UNLOCKPT, CALL_PTSNAME, CALL_SIGNAL, CALL_STRV_DUP } failing;

int __real_unlockpt(int fd);
char *__real_ptsname(int fd);
void (*__real_signal(int number, void (*handler)(int)))(int);
int __real_strv_dup(char ***to, char *const *from);
int __wrap_unlockpt(int fd);
char *__wrap_ptsname(int fd);
void (*__wrap_signal(int number, void (*handler)(int)))(int);
int __wrap_strv_dup(char ***to, char *const *from);

int
__wrap_unlockpt(int fd)
{
	if (failing != CALL_UNLOCKPT)
		return __real_unlockpt(fd);
	errno = EIO;
	return -1;
}

char *
__wrap_ptsname(int fd)
{
	if (failing != CALL_PTSNAME)
		return __real_ptsname(fd);
	errno = ENOTTY;
	return NULL;
}

void (*__wrap_signal(int number, void (*handler)(int)))(int)
{
	if (failing != CALL_SIGNAL || number != SIGPIPE || handler != SIG_DFL)
		return __real_signal(number, handler);
	errno = EINVAL;
	return SIG_ERR;
}

int
__wrap_strv_dup(char ***to, char *const *from)
{
	return failing == CALL_STRV_DUP ? -ENOMEM : __real_strv_dup(to, from);
}

static void
test_calls_that_fail(void **state)
{
	struct msg_spawn request = request_to_run();
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_LOCAL, NULL));
	failing = CALL_SIGNAL;
	expect_failure(&w, &request, SPAWN_SIGNAL, "unable to modify signal handler: Invalid argument");
	failing = CALL_STRV_DUP;
	request.flags = SPAWN_FLAG_USER_ENV;
	expect_failure(&w, &request, SPAWN_ALLOC, "unable to allocate memory: Cannot allocate memory");
	request.flags = SPAWN_FLAG_WATCHDOG;
	expect_failure(&w, &request, SPAWN_ALLOC, "unable to allocate memory: Cannot allocate memory");
	request.flags = 0;
	request.console = CONSOLE_LOG;
	failing = CALL_UNLOCKPT;
	expect_failure(&w, &request, SPAWN_UNLOCKPT, "unable to unlockpt: Input/output error");
	failing = CALL_PTSNAME;
	expect_failure(&w, &request, SPAWN_PTSNAME, "unable to get ptsname: Inappropriate ioctl for device");
	failing = CALL_NONE;
	world_stop(&w);
}

/* -- surroundings that make a step fail -- */

static bool
without_console(void)
{
	return mounts_are_private() && bind_over("/dev/null", "/dev/console");
}

static bool
without_ptmx(void)
{
	return mounts_are_private() && bind_over("/dev/null", "/dev/ptmx");
}

static bool
without_pts(void)
{
	return mounts_are_private() && bind_over("/dev/pts/ptmx", "/dev/ptmx") &&
	       mount("none", "/dev/pts", "tmpfs", 0, NULL) == 0;
}

static bool
with_small_files(void)
{
	const struct rlimit limit = { 10, 10 };

	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static bool
write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);

	if (fd >= 0)
		(void) close(fd);
	return ok;
}

static bool
in_user_namespace(void)
{
	char map[64];

	(void) snprintf(map, sizeof(map), "0 %d 1\n", (int) geteuid());
	return unshare(CLONE_NEWUSER) == 0 && write_to("/proc/self/setgroups", "deny\n") &&
	       write_to("/proc/self/uid_map", map) && write_to("/proc/self/gid_map", "0 0 1\n");
}

/* Looks as if AppArmor were there; the kernel then refuses. */
static bool
with_apparmor(void)
{
	if (!mounts_are_private() || mount("none", "/sys/module", "tmpfs", 0, NULL) < 0 ||
	    mount("none", "/sbin", "tmpfs", 0, NULL) < 0 || mkdir("/sys/module/apparmor", 0755) < 0 ||
	    mkdir("/sys/module/apparmor/parameters", 0755) < 0)
		return false;
	file_write("/sys/module/apparmor/parameters", "enabled", "Y\n", 0444);
	file_write("/sbin", "apparmor_parser", "", 0755);
	return true;
}

/* Without its parser it is not used, so the switch is left out. */
static bool
with_half_an_apparmor(void)
{
	return with_apparmor() && unlink("/sbin/apparmor_parser") == 0;
}

static void
expect_failure_with(bool (*surroundings)(void), struct msg_spawn *request, enum spawn_step step, const char *text)
{
	const struct world_options options = { .before_exec = surroundings };
	struct world w;

	if (!is_root() || !can_mount() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs root and namespaces of its own");
	expect_failure(&w, request, step, text);
	world_stop(&w);
}

static void
test_console_owner_needs_a_console(void **state)
{
	struct msg_spawn request = request_to_run();

	(void) state;
	request.console = CONSOLE_OWNER;
	expect_failure_with(without_console, &request, SPAWN_CONSOLE,
			    "unable to open console: Inappropriate ioctl for device");
}

static void
test_pty_that_is_none(void **state)
{
	struct msg_spawn request = request_to_run();
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char text[128];

	(void) state;
	/* C libraries differ in what they call it. */
	assert_int_equal(grantpt(fd), -1);
	(void) snprintf(text, sizeof(text), "unable to granpt: %s", strerror(errno));
	(void) close(fd);
	request.console = CONSOLE_LOG;
	expect_failure_with(without_ptmx, &request, SPAWN_GRANTPT, text);
}

static void
test_pty_without_slave(void **state)
{
	struct msg_spawn request = request_to_run();

	(void) state;
	request.console = CONSOLE_LOG;
	expect_failure_with(without_pts, &request, SPAWN_OPENPT_SLAVE,
			    "unable to open pty slave: No such file or directory");
}

/* Nothing answers behind this device. */
static bool
with_dead_ptmx(void)
{
	return mounts_are_private() && mount("none", "/mnt", "tmpfs", 0, NULL) == 0 &&
	       mknod("/mnt/ptmx", S_IFCHR | 0666, makedev(240, 255)) == 0 && bind_over("/mnt/ptmx", "/dev/ptmx");
}

/* The one step whose failure is told, and the process made all the same: without a log. */
static void
test_pty_without_master(void **state)
{
	const struct world_options options = { .before_exec = with_dead_ptmx };
	struct msg_spawn request = request_to_run();
	char what[128];
	struct process p;
	struct world w;

	(void) state;
	if (!is_root() || !can_mount() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs root and namespaces of its own");
	request.console = CONSOLE_LOG;
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	assert_int_equal(p.pty, -1);
	assert_int_equal(p.step, SPAWN_PTY);
	spawn_step_text(p.step, 0, p.error, what, sizeof(what));
	assert_string_equal(what, "unable to open pty master: No such device or address");
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	(void) process_await_end(&p);
	world_stop(&w);
}

/* It has a process to look at, and no file to look for. */
static void
test_watcher_without_a_path(void **state)
{
	char *argv[] = { (char *) "/nowhere", NULL };
	struct msg_spawn request = request_for(argv);
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_LOCAL, NULL));
	request.flags = SPAWN_FLAG_PIDFILE;
	expect_failure(&w, &request, SPAWN_READINESS,
		       "unable to make what it would say on that it is ready: Invalid argument");
	world_stop(&w);
}

static void
test_script_that_does_not_fit(void **state)
{
	struct msg_spawn request = request_to_run();

	(void) state;
	if (is_wrapped())
		skip_because("valgrind writes files of its own");
	request.script = (char *) "echo more than ten bytes\n";
	expect_failure_with(with_small_files, &request, SPAWN_SCRIPT, "unable to write script: File too large");
}

static void
test_groups_that_may_not_be_set(void **state)
{
	const struct world_options options = { .before_exec = in_user_namespace };
	struct msg_spawn request = request_to_run();
	struct world w;
	char *text;

	(void) state;
	request.setuid = (char *) "root";
	expect_failure_with(in_user_namespace, &request, SPAWN_INITGROUPS,
			    "unable to initgroups: Operation not permitted");
	/* Nobody asked: then it is no reason to fail. */
	request = request_for(NULL);
	assert_true(world_start(&w, WORLD_SPAWNER, &options));
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "0 0");
	free(text);
	world_stop(&w);
}

static void
test_profile_that_is_refused(void **state)
{
	struct msg_spawn request = request_to_run();

	(void) state;
	request.apparmor_switch = (char *) "no-such-profile";
	if (access("/sys/kernel/security/apparmor", F_OK) == 0)
		skip_because("a real AppArmor gives its own errors");
	expect_failure_with(with_apparmor, &request, SPAWN_SECURITY,
			    "unable to switch security profile: Invalid argument");
}

static void
test_profile_without_apparmor_is_left_out(void **state)
{
	const struct world_options options = { .before_exec = with_half_an_apparmor };
	struct msg_spawn request = request_for(NULL);
	struct world w;

	(void) state;
	if (!is_root() || !can_mount() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs root and namespaces of its own");
	request.apparmor_switch = (char *) "no-such-profile";
	free(run_probe(&w, &request));
	world_stop(&w);
}

/* -- no child, or none that gets anywhere -- */

static bool
with_no_processes(void)
{
	const gid_t gid = NOBODY;
	const struct rlimit limit = { 0, 0 };

	/* A leak checker would want a process of its own at the end. */
	return setenv("ASAN_OPTIONS", "detect_leaks=0", 1) == 0 && setgroups(1, &gid) == 0 && setgid(NOBODY) == 0 &&
	       setuid(54399) == 0 && setrlimit(RLIMIT_NPROC, &limit) == 0;
}

static void
test_clone_that_fails(void **state)
{
	const struct world_options options = { .before_exec = with_no_processes };
	struct msg_spawn request = request_to_run();
	char what[128];
	struct process p;
	struct world w;

	(void) state;
	if (!is_root() || is_wrapped() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs root");
	process_spawn(&w, &p, &request, NULL, 0);
	assert_int_equal(p.pid, 0);
	assert_int_equal(p.pidfd, -1);
	spawn_step_text(p.step, 0, p.error, what, sizeof(what));
	assert_string_equal(what, "unable to fork: Resource temporarily unavailable");
	process_close_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	world_stop(&w);
}

static void
test_child_that_is_killed_in_setup(void **state)
{
	struct msg_spawn request = request_to_run();
	struct process p;
	struct world w;
	int status;

	(void) state;
	assert_true(world_start(&w, WORLD_LOCAL, NULL));
	process_spawn(&w, &p, &request, NULL, 0);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	assert_int_equal(p.status.record.step, SPAWN_SETUP);
	status = process_await_end(&p);
	assert_true(WIFSIGNALED(status));
	world_stop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_of_anybody),
		cmocka_unit_test(test_failures_of_root),
		cmocka_unit_test(test_failures_to_look_up),
		cmocka_unit_test(test_child_that_is_killed_in_setup),
		cmocka_unit_test(test_failures_of_a_user),
		cmocka_unit_test(test_calls_that_fail),
		cmocka_unit_test(test_descriptor_number_out_of_range),
		cmocka_unit_test(test_descriptor_number_that_is_taken),
		cmocka_unit_test(test_console_owner_needs_a_console),
		cmocka_unit_test(test_pty_that_is_none),
		cmocka_unit_test(test_pty_without_slave),
		cmocka_unit_test(test_pty_without_master),
		cmocka_unit_test(test_watcher_without_a_path),
		cmocka_unit_test(test_script_that_does_not_fit),
		cmocka_unit_test(test_groups_that_may_not_be_set),
		cmocka_unit_test(test_profile_that_is_refused),
		cmocka_unit_test(test_profile_without_apparmor_is_left_out),
		cmocka_unit_test(test_clone_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
