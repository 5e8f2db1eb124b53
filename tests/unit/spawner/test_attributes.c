/* SPDX-License-Identifier: MIT */
/*
 * What a job finds in force at its first instruction. Every test runs twice where there is a spawner: through it, and
 * by init's portable path.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Which world the test runs in is its state. */
static enum world_kind
kind_of(void **state)
{
	return *state == NULL ? WORLD_LOCAL : WORLD_SPAWNER;
}

static void
start(struct world *w, void **state)
{
	assert_true(world_start(w, kind_of(state), NULL));
}

/* Start as nobody; only a spawner can be that while the test stays root. */
static bool
start_as_nobody(struct world *w, void **state)
{
	const struct world_options options = { .uid = NOBODY };

	if (kind_of(state) == WORLD_LOCAL || !is_root())
		return false;
	return world_start(w, WORLD_SPAWNER, &options);
}

static uint64_t
limit_index(const char *name)
{
	for (uint64_t i = 0; i < JOB_LIMIT_COUNT; i++)
		if (strcmp(job_limit_names[i], name) == 0)
			return i;
	fail_msg("no limit called %s", name);
	return 0;
}

static void
test_job_defaults(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char number[32];
	char *env[] = { (char *) "A=1", (char *) "UPSTART_JOB=test", NULL };
	char *text;

	start(&w, state);
	request.env = env;
	text = run_probe(&w, &request);
	assert_probe(text, "umask", "022");
	assert_probe(text, "cwd", "/");
	assert_probe(text, "tty", "no");
	assert_probe(text, "blocked", "");
	assert_probe(text, "handled", "");
	assert_probe(text, "fds", "0 1 2 7 ");
	assert_probe(text, "fd0", "char 0 103");
	assert_probe(text, "fd1", "char 0 103");
	assert_probe(text, "fd2", "char 0 103");
	(void) snprintf(number, sizeof(number), "%d", getpriority(PRIO_PROCESS, 0));
	assert_probe(text, "nice", number);
	/* The environment is the request's, nothing of ours. */
	assert_probe(text, "env:A", "1");
	assert_probe(text, "env:UPSTART_JOB", "test");
	assert_null(probe_value(text, "env:PATH"));
	assert_null(probe_value(text, "env:UPSTART_SPAWNER"));
	/* A session and a group of its own, and our child. */
	(void) snprintf(number, sizeof(number), "%s", probe_value(text, "pid"));
	assert_probe(text, "pgid", number);
	assert_probe(text, "sid", number);
	(void) snprintf(number, sizeof(number), "%d", (int) getpid());
	assert_probe(text, "ppid", number);
	free(text);
	world_stop(&w);
}

static void
test_job_limits_are_those_the_maker_started_with(void **state)
{
	struct world w;
	struct rlimit before;
	struct msg_spawn request = request_for(NULL);
	char expected[64];
	char *text;

	if (is_wrapped())
		skip_because("valgrind has a descriptor limit of its own");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	start(&w, state);
	text = run_probe(&w, &request);
	(void) snprintf(expected, sizeof(expected), "%lld %lld", (long long) before.rlim_cur,
			(long long) before.rlim_max);
	assert_probe(text, "limit-nofile", expected);
	free(text);
	world_stop(&w);
}

static void
test_job_gets_its_limits(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	uint64_t limits[] = {
		limit_index("nofile"), 100,  200,	 limit_index("core"),  0,	0,
		limit_index("cpu"),    1000, UINT64_MAX, limit_index("fsize"), 1 << 30, 1 << 30,
	};
	struct rlimit cpu;
	char *text;

	if (is_wrapped())
		skip_because("valgrind has a descriptor limit of its own");
	assert_int_equal(getrlimit(RLIMIT_CPU, &cpu), 0);
	if (cpu.rlim_max != RLIM_INFINITY)
		limits[8] = cpu.rlim_max;
	start(&w, state);
	request.limits = (struct u64v){ limits, ARRAY_SIZE(limits) };
	text = run_probe(&w, &request);
	assert_probe(text, "limit-nofile", "100 200");
	assert_probe(text, "limit-core", "0 0");
	assert_probe(text, "limit-fsize", "1073741824 1073741824");
	if (cpu.rlim_max == RLIM_INFINITY)
		assert_probe(text, "limit-cpu", "1000 -1");
	free(text);
	world_stop(&w);
}

static void
test_job_gets_umask_and_nice(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char *text;

	start(&w, state);
	request.umask = 0;
	request.nice = 11;
	text = run_probe(&w, &request);
	assert_probe(text, "umask", "000");
	assert_probe(text, "nice", "11");
	free(text);
	request.umask = JOB_UMASK_UNSET;
	text = run_probe(&w, &request);
	assert_probe(text, "umask", "022");
	free(text);
	request.umask = 0777;
	text = run_probe(&w, &request);
	assert_probe(text, "umask", "777");
	free(text);
	world_stop(&w);
}

static void
test_job_gets_oom_score(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char *text;

	if (access("/proc/self/oom_score_adj", W_OK) < 0 || !has_spawner())
		skip_because("no such score on this platform");
	start(&w, state);
	request.oom_score_adj = 321;
	text = run_probe(&w, &request);
	assert_probe(text, "oom", "321");
	free(text);
	world_stop(&w);
}

static void
test_job_gets_working_directory(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char cwd[4096];
	char *text;

	start(&w, state);
	request.chdir = (char *) "/usr";
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/usr");
	free(text);
	/* A session's job stays where its init was started … */
	request.chdir = NULL;
	request.flags = SPAWN_FLAG_SESSION;
	text = run_probe(&w, &request);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_probe(text, "cwd", cwd);
	free(text);
	/* … unless it says otherwise. */
	request.chdir = (char *) "/usr";
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/usr");
	free(text);
	world_stop(&w);
}

static void
test_job_gets_descriptors_at_their_numbers(void **state)
{
	struct world w;
	int pipes[3][2];
	/* Numbers that the maker uses itself, high ones, and in an order that can't be made by simple moves. */
	uint64_t numbers[] = { 11, 3, 10, 7, 500 };
	int fds[5];
	char *argv[] = { (char *) probe_path(), (char *) "7", NULL };
	struct msg_spawn request = request_for(argv);
	struct process p;
	char *text;

	start(&w, state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
	fds[0] = pipes[0][0];
	fds[1] = pipes[1][1];
	fds[2] = pipes[0][1];
	fds[3] = pipes[2][1];
	fds[4] = pipes[1][0];
	request.fds = (struct u64v){ numbers, 5 };
	request.script = (char *) "never read\n";
	process_spawn(&w, &p, &request, fds, 5);
	assert_true(p.pid > 0);
	(void) close(pipes[2][1]);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	text = read_all(pipes[2][0]);
	assert_probe(text, "fds", "0 1 2 3 7 9 10 11 500 ");
	free(text);
	assert_int_equal(process_await_end(&p), 0);
	(void) close(pipes[2][0]);
	for (int i = 0; i < 5; i++)
		if (i != 3)
			(void) close(fds[i]);
	world_stop(&w);
}

/* Each is what it was sent as. */
static void
test_job_descriptors_are_not_mixed_up(void **state)
{
	char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo word >&8; read a <&4; echo \"$a\" >&3",
			 NULL };
	uint64_t numbers[] = { 4, 3, 8 };
	struct msg_spawn request = request_for(argv);
	struct process p;
	struct world w;
	int loop[2], out[2];
	int fds[3];
	char *text;

	start(&w, state);
	assert_int_equal(pipe2(loop, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fds[0] = loop[0];
	fds[1] = out[1];
	fds[2] = loop[1];
	request.fds = (struct u64v){ numbers, 3 };
	process_spawn(&w, &p, &request, fds, 3);
	for (int i = 0; i < 3; i++)
		(void) close(fds[i]);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	text = read_all(out[0]);
	assert_string_equal(text, "word\n");
	free(text);
	(void) close(out[0]);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

static void
test_job_log_console_is_a_terminal_without_control(void **state)
{
	struct world w;
	char *argv[] = { (char *) probe_path(), (char *) "1", NULL };
	struct msg_spawn request = request_for(argv);
	struct process p;
	char *text;

	start(&w, state);
	request.console = CONSOLE_LOG;
	process_spawn(&w, &p, &request, NULL, 0);
	if (p.step == SPAWN_PTY) {
		process_close_gate(&p);
		(void) process_await_end(&p);
		world_stop(&w);
		skip_because("no devpts here");
	}
	assert_true(p.pid > 0);
	assert_true(p.pty >= 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	text = read_all(p.pty);
	assert_probe(text, "fds", "0 1 2 ");
	assert_probe(text, "tty", "no");
	assert_probe(text, "onlcr", "0");
	assert_probe(text, "fd0", "char 0 103");
	assert_memory_equal(probe_value(text, "fd1"), "char 1 ", 7);
	assert_memory_equal(probe_value(text, "fd2"), "char 1 ", 7);
	assert_null(strchr(text, '\r'));
	free(text);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

/* -- scripts -- */

#define SCRIPT_LINES 20000

static char *
long_script(void)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "exec 9<&-\nn=0\n");
	for (int i = 0; i < SCRIPT_LINES; i++)
		strbuf_addf(&b, "n=$((n+1)) # line %d\n", i);
	strbuf_add(&b, "echo $n $0 >&7\nid -u >&7\n");
	return strbuf_steal(&b);
}

static void
run_script_as(struct world *w, char *user, const char *expected)
{
	char *argv[] = { (char *) "/bin/sh", (char *) "-e", (char *) "/proc/self/fd/9", NULL };
	struct msg_spawn request = request_for(argv);
	char *script = long_script();
	char *env[] = { (char *) "PATH=/usr/bin:/bin", NULL };
	char *text;
	int status;

	assert_non_null(script);
	request.script = script;
	request.setuid = user;
	request.env = env;
	text = run_and_read(w, &request, 7, &status);
	assert_string_equal(text, expected);
	assert_int_equal(status, 0);
	free(text);
	free(script);
}

static void
test_script_of_any_length_runs_from_descriptor_9(void **state)
{
	struct world w;
	char expected[64];

	start(&w, state);
	(void) snprintf(expected, sizeof(expected), "20000 /proc/self/fd/9\n%d\n", (int) geteuid());
	run_script_as(&w, NULL, expected);
	world_stop(&w);
}

static void
test_script_is_readable_by_the_user_it_runs_as(void **state)
{
	struct world w;
	struct passwd *nobody = getpwuid(NOBODY);

	if (!is_root() || nobody == NULL)
		skip_because("needs root and a user 65534");
	start(&w, state);
	run_script_as(&w, nobody->pw_name, "20000 /proc/self/fd/9\n65534\n");
	world_stop(&w);
}

/* -- identity -- */

static void
test_setuid_takes_the_users_groups_only(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	struct passwd *nobody = getpwuid(NOBODY);
	char *text;

	if (!is_root() || nobody == NULL)
		skip_because("needs root and a user 65534");
	start(&w, state);
	request.setuid = nobody->pw_name;
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "65534 65534");
	assert_probe(text, "gid", "65534 65534");
	assert_probe(text, "groups", "65534 ");
	free(text);
	request.setgid = (char *) "daemon";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "65534 65534");
	assert_probe(text, "gid", "1 1");
	assert_probe(text, "groups", "1 ");
	free(text);
	/* Numbers will do (D40), with and without records. */
	request.setuid = (char *) "65534";
	request.setgid = NULL;
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "65534 65534");
	assert_probe(text, "groups", "65534 ");
	free(text);
	request.setuid = (char *) "54321";
	request.setgid = (char *) "54322";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "54321 54321");
	assert_probe(text, "gid", "54322 54322");
	assert_probe(text, "groups", "54322 ");
	free(text);
	world_stop(&w);
}

static void
test_setgid_alone_keeps_root(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char *text;

	if (!is_root())
		skip_because("needs root");
	start(&w, state);
	request.setgid = (char *) "daemon";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "0 0");
	assert_probe(text, "gid", "1 1");
	free(text);
	world_stop(&w);
}

static void
test_root_job_has_no_groups_of_the_makers(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	const gid_t groups[] = { 0, 7, 8 };
	char *text;

	if (!is_root() || setgroups(3, groups) < 0)
		skip_because("needs root");
	start(&w, state);
	text = run_probe(&w, &request);
	assert_probe(text, "groups", "0 ");
	free(text);
	assert_int_equal(setgroups(0, NULL), 0);
	world_stop(&w);
}

static void
test_user_may_ask_for_himself(void **state)
{
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char *text;

	if (is_wrapped() || !start_as_nobody(&w, state))
		skip_because("needs root, a spawner and no valgrind");
	request.setuid = (char *) "65534";
	request.setgid = (char *) "65534";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "65534 65534");
	free(text);
	world_stop(&w);
}

/* -- chroot -- */

/* A folder with the probe as /probe and files below /etc (not there when NULL). */
static char *
root_new(const char *passwd, const char *group)
{
	char *root = folder_new();
	char path[4096];
	char command[8192];

	(void) snprintf(path, sizeof(path), "%s/etc", root);
	assert_int_equal(mkdir(path, 0755), 0);
	if (passwd != NULL)
		file_write(path, "passwd", passwd, 0644);
	if (group != NULL)
		file_write(path, "group", group, 0644);
	(void) snprintf(path, sizeof(path), "%s/inside", root);
	assert_int_equal(mkdir(path, 0755), 0);
	(void) snprintf(command, sizeof(command), "cp '%s' '%s/probe'", probe_path(), root);
	assert_int_equal(system(command), 0);
	return root;
}

static void
test_chroot_without_user_files(void **state)
{
	char *argv[] = { (char *) "/probe", (char *) "7", NULL };
	struct world w;
	struct msg_spawn request = request_for(argv);
	char *root;
	char *text;

	if (!is_root())
		skip_because("needs root");
	start(&w, state);
	root = root_new(NULL, NULL);
	request.chroot = root;
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/");
	assert_probe(text, "uid", "0 0");
	free(text);
	/* In a session too the working directory does not stay outside. */
	request.flags = SPAWN_FLAG_SESSION;
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/");
	free(text);
	request.chdir = (char *) "inside";
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/inside");
	free(text);
	request.chdir = (char *) "/inside";
	request.setuid = (char *) "4711";
	request.setgid = (char *) "4712";
	text = run_probe(&w, &request);
	assert_probe(text, "cwd", "/inside");
	assert_probe(text, "uid", "4711 4711");
	assert_probe(text, "groups", "4712 ");
	free(text);
	world_stop(&w);
	folder_remove(root);
}

static void
test_chroot_users_are_those_inside(void **state)
{
	char *argv[] = { (char *) "probe", (char *) "7", NULL };
	char *env[] = { (char *) "PATH=/nowhere:/", NULL };
	struct world w;
	struct msg_spawn request = request_for(argv);
	char *root;
	char *text;

	if (!is_root() || is_wrapped())
		skip_because("needs root, and an exec that may fail on the way through PATH");
	start(&w, state);
	root = root_new("root:x:0:0::/:\ninsider:x:1234:1235::/:\n",
			"root:x:0:\nown:x:1235:\nmore:x:1236:insider\nother:x:1237:\n");
	request.chroot = root;
	request.setuid = (char *) "insider";
	request.env = env;
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "1234 1234");
	assert_probe(text, "gid", "1235 1235");
	assert_probe(text, "groups", "1235 1236 ");
	assert_probe(text, "arg0", "probe");
	free(text);
	request.setgid = (char *) "other";
	text = run_probe(&w, &request);
	assert_probe(text, "gid", "1237 1237");
	assert_probe(text, "groups", "1236 1237 ");
	free(text);
	world_stop(&w);
	folder_remove(root);
}

/* -- the rest -- */

static void
test_path_is_the_jobs(void **state)
{
	char *folder;
	char path[4096];
	char *argv[] = { (char *) "upstart-test-tool", (char *) "word", NULL };
	char *env[] = { path, NULL };
	struct world w;
	struct msg_spawn request = request_for(argv);
	char *text;
	int status;

	start(&w, state);
	folder = folder_new();
	/* Found in the second folder; without "#!" it is a shell's. */
	file_write(folder, "upstart-test-tool", "echo \"$0 $1\" >&7\n", 0755);
	(void) snprintf(path, sizeof(path), "PATH=/nowhere:%s", folder);
	request.env = env;
	text = run_and_read(&w, &request, 7, &status);
	assert_int_equal(status, 0);
	(void) snprintf(path, sizeof(path), "%s/upstart-test-tool word\n", folder);
	assert_string_equal(text, path);
	free(text);
	world_stop(&w);
	folder_remove(folder);
}

static void
test_security_process_has_no_attributes(void **state)
{
	uint64_t limits[] = { limit_index("nofile"), 100, 200 };
	struct world w;
	struct msg_spawn request = request_for(NULL);
	char *text;

	start(&w, state);
	request.flags = SPAWN_FLAG_SECURITY;
	request.umask = 077;
	request.nice = 12;
	request.chdir = (char *) "/nowhere";
	request.chroot = (char *) "/nowhere";
	request.setuid = (char *) "no such user";
	request.limits = (struct u64v){ limits, 3 };
	text = run_probe(&w, &request);
	assert_string_not_equal(probe_value(text, "limit-nofile"), "100 200");
	assert_string_not_equal(probe_value(text, "nice"), "12");
	assert_probe(text, "blocked", "");
	assert_probe(text, "fds", "0 1 2 7 ");
	free(text);
	world_stop(&w);
}

static void
test_debug_stops_before_exec(void **state)
{
	char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "exit 3", NULL };
	struct world w;
	struct msg_spawn request = request_for(argv);
	struct process p;
	int status;

	start(&w, state);
	request.flags = SPAWN_FLAG_DEBUG;
	process_spawn(&w, &p, &request, NULL, 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(waitpid(p.pid, &status, WUNTRACED), p.pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
	assert_int_equal(kill(p.pid, SIGCONT), 0);
	status = process_await_end(&p);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	world_stop(&w);
}

/* -- the console; a pty is bound over /dev/console for the spawner alone -- */

static char console_path[128];

static bool
bind_console(void)
{
	return mounts_are_private() && bind_over(console_path, "/dev/console");
}

static void
console_is(enum console_mode mode, const char *has_tty)
{
	const struct world_options options = { .before_exec = bind_console };
	char *argv[] = { (char *) probe_path(), (char *) "1", NULL };
	struct msg_spawn request = request_for(argv);
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct process p;
	struct world w;
	char *text;

	if (!is_root() || !can_mount() || master < 0)
		skip_because("needs mounts of its own");
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	(void) snprintf(console_path, sizeof(console_path), "%s", ptsname(master));
	if (!world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs mounts of its own");
	request.console = mode;
	process_spawn(&w, &p, &request, NULL, 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	text = read_all(master);
	assert_probe(text, "fds", "0 1 2 \r");
	assert_memory_equal(probe_value(text, "fd0"), "char 1 ", 7);
	assert_memory_equal(probe_value(text, "fd1"), "char 1 ", 7);
	assert_probe(text, "tty", has_tty);
	free(text);
	assert_int_equal(process_await_end(&p), 0);
	(void) close(master);
	world_stop(&w);
}

static void
test_output_console_is_the_console(void **state)
{
	(void) state;
	console_is(CONSOLE_OUTPUT, "no\r");
}

static void
test_owner_console_is_the_controlling_terminal(void **state)
{
	(void) state;
	console_is(CONSOLE_OWNER, "yes\r");
}

static bool
hide_devices(void)
{
	if (!mounts_are_private() || mount("none", "/mnt", "tmpfs", 0, NULL) < 0 || mkdir("/mnt/keep", 0755) < 0)
		return false;
	file_write("/mnt", "null", "", 0644);
	return bind_over("/dev/null", "/mnt/null") && mount("/mnt", "/dev", "none", MS_MOVE, NULL) == 0;
}

static void
test_without_devices_output_and_log_become_none(void **state)
{
	const struct world_options options = { .before_exec = hide_devices };
	struct msg_spawn request = request_for(NULL);
	char *argv[] = { (char *) probe_path(), (char *) "7", NULL };
	struct process p;
	struct world w;
	char *text;

	(void) state;
	if (!is_root() || !can_mount() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs mounts of its own");
	request.console = CONSOLE_OUTPUT;
	text = run_probe(&w, &request);
	assert_probe(text, "fd1", "char 0 103");
	free(text);
	request.console = CONSOLE_LOG;
	text = run_probe(&w, &request);
	assert_probe(text, "fd1", "char 0 103");
	free(text);
	/* The answer says so. */
	request.argv = argv;
	argv[1] = (char *) "1";
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	assert_int_equal(p.pty, -1);
	assert_int_equal(p.step, SPAWN_PTY);
	assert_int_equal(p.error, ENOENT);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

/* clang-format off */
#define BOTH(name) cmocka_unit_test(name), { #name " (spawner)", name, NULL, NULL, (void *) 1 }
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_job_defaults),
		BOTH(test_job_limits_are_those_the_maker_started_with),
		BOTH(test_job_gets_its_limits),
		BOTH(test_job_gets_umask_and_nice),
		BOTH(test_job_gets_oom_score),
		BOTH(test_job_gets_working_directory),
		BOTH(test_job_gets_descriptors_at_their_numbers),
		BOTH(test_job_descriptors_are_not_mixed_up),
		BOTH(test_job_log_console_is_a_terminal_without_control),
		BOTH(test_script_of_any_length_runs_from_descriptor_9),
		BOTH(test_script_is_readable_by_the_user_it_runs_as),
		BOTH(test_setuid_takes_the_users_groups_only),
		BOTH(test_setgid_alone_keeps_root),
		BOTH(test_root_job_has_no_groups_of_the_makers),
		BOTH(test_user_may_ask_for_himself),
		BOTH(test_chroot_without_user_files),
		BOTH(test_chroot_users_are_those_inside),
		BOTH(test_path_is_the_jobs),
		BOTH(test_security_process_has_no_attributes),
		BOTH(test_debug_stops_before_exec),
		cmocka_unit_test(test_output_console_is_the_console),
		cmocka_unit_test(test_owner_console_is_the_controlling_terminal),
		cmocka_unit_test(test_without_devices_output_and_log_become_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
