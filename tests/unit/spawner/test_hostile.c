/* SPDX-License-Identifier: MIT */
/*
 * Surroundings that mean ill: a chroot with code for whoever looks users up in it, set-up that never ends.
 */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
folder_make(const char *root, const char *name)
{
	char path[4096];

	(void) snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
copy_into(const char *file, const char *root, const char *name)
{
	char command[9000];

	(void) snprintf(command, sizeof(command), "cp '%s' '%s/%s'", file, root, name);
	assert_int_equal(system(command), 0);
}

/* A folder with the probe as /probe and an empty /etc. */
static char *
root_new(void)
{
	char *root = folder_new();

	folder_make(root, "etc");
	copy_into(probe_path(), root, "probe");
	return root;
}

/* Where a C library may look for modules. */
static const char *const library_folders[] = { "lib", "lib64", "usr", "usr/lib", "usr/lib64" };

static char *
evil_root_new(const char *module)
{
	char *root = root_new();

	for (size_t i = 0; i < ARRAY_SIZE(library_folders); i++) {
		char name[64];

		folder_make(root, library_folders[i]);
		(void) snprintf(name, sizeof(name), "%s/libnss_evil.so.2", library_folders[i]);
		copy_into(module, root, name);
	}
	file_write(root, "etc/nsswitch.conf", "passwd: evil files\ngroup: evil files\ninitgroups: evil files\n", 0644);
	file_write(root, "etc/passwd", "insider:x:1234:1235::/:\n", 0644);
	file_write(root, "etc/group", "own:x:1235:\nmore:x:1236:insider\nother:x:1237:\n", 0644);
	return root;
}

static void
look_up_in_evil_root(enum world_kind kind)
{
	char *argv[] = { (char *) "/probe", (char *) "7", NULL };
	struct msg_spawn request = request_for(argv);
	const char *module = getenv("UPSTART_NSS_EVIL");
	char *root, *text;
	char trace[4096];
	struct world w;

	if (!is_root() || module == NULL)
		skip_because("needs root, and a C library with modules");
	root = evil_root_new(module);
	assert_true(world_start(&w, kind, NULL));
	request.chroot = root;
	request.setuid = (char *) "insider";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "1234 1234");
	assert_probe(text, "groups", "1235 1236 ");
	free(text);
	request.setuid = NULL;
	request.setgid = (char *) "other";
	text = run_probe(&w, &request);
	assert_probe(text, "gid", "1237 1237");
	free(text);
	(void) snprintf(trace, sizeof(trace), "%s/evil-ran", root);
	assert_int_equal(access(trace, F_OK), -1);
	assert_int_equal(errno, ENOENT);
	world_stop(&w);
	folder_remove(root);
}

static void
test_chroot_runs_no_code_in_spawner(void **state)
{
	(void) state;
	look_up_in_evil_root(WORLD_SPAWNER);
}

static void
test_chroot_runs_no_code_where_init_forks(void **state)
{
	(void) state;
	look_up_in_evil_root(WORLD_LOCAL);
}

/* Is the process waiting in the kernel for the other end of a pipe? Its state is S then, but so it is at the gate. */
static bool
has_opened_gate(const struct process *p)
{
	char path[64];
	int fds = 0;

	/* The gate is closed by the child itself: without it, and before exec, 0 to 2 and the status pipe are left. */
	for (int fd = 3; fd < 64; fd++) {
		(void) snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int) p->pid, fd);
		fds += access(path, F_OK) == 0;
	}
	return fds <= 1;
}

/* A user data base that never answers: nobody writes to the pipe. `sig` sent to the pid or the group ends the child. */
static void
hang_and_signal(enum world_kind kind, bool group, int sig)
{
	char *argv[] = { (char *) "/probe", (char *) "7", NULL };
	struct msg_spawn request = request_for(argv);
	char *root = root_new();
	char path[4096];
	struct process p;
	struct world w;
	int status;

	(void) snprintf(path, sizeof(path), "%s/etc/passwd", root);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_true(world_start(&w, kind, NULL));
	request.chroot = root;
	request.setuid = (char *) "insider";
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	process_open_gate(&p);
	for (int waited = 0; !has_opened_gate(&p); waited++) {
		assert_true(waited < HARNESS_TIMEOUT_MS);
		(void) poll(NULL, 0, 1);
	}
	assert_int_equal(kill(group ? -p.pid : p.pid, sig), 0);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	assert_int_equal(p.status.record.step, SPAWN_SETUP);
	status = process_await_end(&p);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
	world_stop(&w);
	folder_remove(root);
}

static void
test_hanging_setup_dies_by_signal(void **state)
{
	(void) state;
	if (!is_root())
		skip_because("needs root");
	hang_and_signal(WORLD_LOCAL, false, SIGTERM);
	if (!has_spawner())
		return;
	hang_and_signal(WORLD_SPAWNER, false, SIGTERM);
	hang_and_signal(WORLD_SPAWNER, true, SIGTERM);
	hang_and_signal(WORLD_SPAWNER, true, SIGQUIT);
	hang_and_signal(WORLD_SPAWNER, true, SIGUSR1);
}

/* Before its gate is open, too; and the group is its own from the first moment init knows of it on. */
static void
test_waiting_at_the_gate_dies_by_signal(void **state)
{
	char *argv[] = { (char *) "/bin/true", NULL };
	struct msg_spawn request = request_for(argv);
	struct process p;
	struct world w;
	int status;

	(void) state;
	assert_true(world_start(&w, has_spawner() ? WORLD_SPAWNER : WORLD_LOCAL, NULL));
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	status = await_child(p.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	(void) close(p.status_r);
	(void) close(p.gate_w);
	if (p.pidfd >= 0)
		(void) close(p.pidfd);
	world_stop(&w);
}

static bool
with_few_descriptors(void)
{
	const struct rlimit few = { 24, 24 };

	return setrlimit(RLIMIT_NOFILE, &few) == 0;
}

/*
 * An init that takes no answers: they hold descriptors until the spawner has none. It then says so, about each request,
 * and goes on when init does.
 */
static void
test_spawner_without_descriptors_says_so(void **state)
{
	enum { COUNT = 40 };
	const struct world_options options = { .before_exec = with_few_descriptors };
	char *argv[] = { (char *) "/bin/true", NULL };
	struct msg_spawn request = request_for(argv);
	static struct process p[COUNT];
	unsigned made = 0, without_terminal = 0, refused = 0;
	struct msg_ack ack = { 0 };
	struct world w;

	(void) state;
	if (!has_spawner() || is_wrapped() || !world_start(&w, WORLD_SPAWNER, &options))
		skip_because("needs a spawner whose descriptors can be limited");
	request.console = CONSOLE_LOG;
	for (size_t i = 0; i < COUNT; i++)
		process_request(&w, &p[i], &request, NULL, 0);
	for (size_t i = 0; i < COUNT; i++) {
		struct msg_spawned answer;
		struct ipc_message m;

		await_message(&w, &m);
		assert_int_equal(m.type, MSG_SPAWNED);
		assert_int_equal(msg_decode(&m, &answer), 0);
		assert_int_equal(answer.process, p[i].id);
		p[i].pid = answer.pid;
		made += answer.pid > 0;
		without_terminal += answer.pid > 0 && answer.error != 0;
		refused += answer.pid == 0;
		if (answer.pid == 0 || answer.error != 0)
			assert_int_equal(answer.error, EMFILE);
		ack.upto = m.id;
		ipc_message_deinit(&m);
	}
	assert_in_range(made, 3, COUNT - 10);
	assert_in_range(refused, 10, COUNT - 3);
	assert_in_range(without_terminal, 0, made);
	assert_int_equal(msg_send(w.ipc, MSG_ACK, 0, &ack, NULL, 0), 0);
	for (size_t i = 0; i < COUNT; i++) {
		process_close_gate(&p[i]);
		(void) close(p[i].status_r);
		if (p[i].pid > 0)
			(void) await_child(p[i].pid);
	}
	process_spawn(&w, &p[0], &request, NULL, 0);
	assert_true(p[0].pid > 0);
	assert_int_equal(p[0].error, 0);
	assert_true(p[0].pty >= 0);
	process_open_gate(&p[0]);
	assert_int_equal(process_await_end(&p[0]), 0);
	world_stop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chroot_runs_no_code_in_spawner),
		cmocka_unit_test(test_chroot_runs_no_code_where_init_forks),
		cmocka_unit_test(test_hanging_setup_dies_by_signal),
		cmocka_unit_test(test_spawner_without_descriptors_says_so),
		cmocka_unit_test(test_waiting_at_the_gate_dies_by_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
