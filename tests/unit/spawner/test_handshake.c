/* SPDX-License-Identifier: MIT */
/*
 * The gate, the answers and what of them survives the death of either side.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char *const argv_true[] = { (char *) "/bin/true", NULL };
static char *const argv_wait[] = { (char *) "/bin/sh", (char *) "-c", (char *) "exec sleep 1000", NULL };

static struct msg_spawn
request_to(char *const *argv)
{
	return request_for((char **) (uintptr_t) argv);
}

/* How many processes the test has as children that are not reaped, without the spawner. */
static int
count_children(const struct world *w)
{
	char path[64];
	char text[65536] = "";
	int fd, n = 0;

	(void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) getpid(), (int) getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	(void) close(fd);
	for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n"))
		if (atoi(word) != w->spawner)
			n++;
	return n;
}

static int
count_descriptors(pid_t pid)
{
	char path[64];
	DIR *dir;
	int n = 0;

	(void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void) closedir(dir);
	return n;
}

static void
test_child_is_ours(void **state)
{
	struct msg_spawn request = request_to(argv_true);
	struct pollfd ended;
	struct process p;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	assert_int_equal(p.step, SPAWN_NONE);
	assert_int_equal(count_children(&w), 1);
	ended = (struct pollfd){ .fd = p.pidfd, .events = POLLIN };
	if (p.pidfd >= 0)
		assert_int_equal(poll(&ended, 1, 0), 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	if (p.pidfd >= 0)
		assert_int_equal(poll(&ended, 1, HARNESS_TIMEOUT_MS), 1);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

/* A gate that closes: status 255, not a word, nothing run; and the other children don't hold it open. */
static void
test_closed_gate_ends_exactly_its_child(void **state)
{
	enum { COUNT = 20 };
	const enum world_kind kind = *state == NULL ? WORLD_LOCAL : WORLD_SPAWNER;
	char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo ran >&7", NULL };
	struct process p[COUNT];
	struct world w;
	int out[2];
	char *text;

	assert_true(world_start(&w, kind, NULL));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	for (int i = 0; i < COUNT; i++) {
		struct msg_spawn request = request_for(argv);
		uint64_t number = 7;

		request.fds = (struct u64v){ &number, 1 };
		process_spawn(&w, &p[i], &request, &out[1], 1);
		assert_true(p[i].pid > 0);
	}
	(void) close(out[1]);
	for (int i = 0; i < COUNT; i++) {
		int status;

		if (i == COUNT / 2) {
			process_open_gate(&p[i]);
			assert_int_equal(process_await_exec(&p[i]), SPAWN_OUTCOME_EXECUTED);
			assert_int_equal(process_await_end(&p[i]), 0);
			continue;
		}
		process_close_gate(&p[i]);
		assert_int_equal(process_await_exec(&p[i]), SPAWN_OUTCOME_FAILED);
		assert_int_equal(p[i].status.record.step, SPAWN_SETUP);
		status = process_await_end(&p[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 255);
	}
	text = read_all(out[0]);
	assert_string_equal(text, "ran\n");
	free(text);
	(void) close(out[0]);
	world_stop(&w);
}

static void
test_repeated_request_gives_the_old_answer(void **state)
{
	struct msg_spawn request = request_to(argv_true);
	struct process first, again;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	process_spawn(&w, &first, &request, NULL, 0);
	again = (struct process){ .id = first.id, .pidfd = -1, .pty = -1 };
	process_request_again(&w, &again, &request);
	process_await_answer(&w, &again);
	assert_int_equal(again.pid, first.pid);
	assert_int_equal(count_children(&w), 1);
	/* The second pipes are nobody's; the first still count. */
	process_close_gate(&again);
	assert_int_equal(process_await_exec(&again), SPAWN_OUTCOME_FAILED);
	process_open_gate(&first);
	assert_int_equal(process_await_exec(&first), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(process_await_end(&first), 0);
	/* Long after its end, too. */
	process_request_again(&w, &again, &request);
	process_await_answer(&w, &again);
	assert_int_equal(again.pid, first.pid);
	assert_int_equal(again.pidfd, -1);
	assert_int_equal(count_children(&w), 0);
	process_close_gate(&again);
	(void) close(again.status_r);
	world_stop(&w);
}

/* A failed answer is remembered as well. */
static void
test_repeated_request_that_failed(void **state)
{
	struct msg_spawn request = request_to(argv_true);
	struct process p;
	struct world w;
	uint64_t number = 9;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	request.fds = (struct u64v){ &number, 1 };
	process_spawn(&w, &p, &request, &fd, 1);
	(void) close(fd);
	assert_int_equal(p.pid, 0);
	process_close_gate(&p);
	(void) close(p.status_r);
	request.fds = (struct u64v){ 0 };
	process_request_again(&w, &p, &request);
	process_await_answer(&w, &p);
	assert_int_equal(p.pid, 0);
	assert_int_equal(p.step, SPAWN_DUP);
	process_close_gate(&p);
	(void) close(p.status_r);
	world_stop(&w);
}

/* init crashed before it took the answers: its next image says so and gets them again, with their descriptors. */
static void
test_unacknowledged_answers_come_again_after_hello(void **state)
{
	struct msg_hello hello = {
		.mode = MODE_SYSTEM, .generation = 1, .log_level = LOG_LEVEL_MESSAGE, .reexec = true
	};
	struct msg_spawn request = request_to(argv_true);
	struct process p[3], again;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	for (int i = 0; i < 3; i++) {
		struct ipc_message m;

		process_request(&w, &p[i], &request, NULL, 0);
		await_message(&w, &m);
		assert_int_equal(m.id, i + 1);
		ipc_message_deinit(&m);
	}
	hello.received = 1;
	assert_int_equal(msg_send(w.ipc, MSG_HELLO, 0, &hello, NULL, 0), 0);
	process_await_answer(&w, &p[1]);
	process_await_answer(&w, &p[2]);
	assert_int_equal(count_children(&w), 3);
	/* The first was journaled: its pid is known from there, here from asking again. */
	again = (struct process){ .id = p[0].id, .pidfd = -1, .pty = -1 };
	process_request_again(&w, &again, &request);
	process_await_answer(&w, &again);
	process_close_gate(&again);
	(void) close(again.status_r);
	p[0].pid = again.pid;
	for (int i = 0; i < 3; i++) {
		assert_true(p[i].pid > 0);
		process_close_gate(&p[i]);
		assert_int_equal(WEXITSTATUS(process_await_end(&p[i])), 255);
	}
	world_stop(&w);
}

static void
test_spawner_killed_after_its_answer(void **state)
{
	struct msg_spawn request = request_to(argv_true);
	struct process p;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	process_spawn(&w, &p, &request, NULL, 0);
	world_kill(&w);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(process_await_end(&p), 0);
}

/* Killed before it saw the request: the next one gets it, and one process comes of it. */
static void
test_spawner_killed_before_the_request(void **state)
{
	struct msg_spawn request = request_to(argv_true);
	struct process p, again;
	struct world w;
	uint64_t id;
	int status;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	/* It must have come up, or the stop finds the test's own copy. */
	process_spawn(&w, &p, &request, NULL, 0);
	process_close_gate(&p);
	(void) process_await_end(&p);
	assert_int_equal(kill(w.spawner, SIGSTOP), 0);
	assert_int_equal(waitpid(w.spawner, &status, WUNTRACED), w.spawner);
	process_request(&w, &p, &request, NULL, 0);
	id = p.id;
	world_kill(&w);
	/* All that is left of the request is its pipes, and the message held the other ends. */
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_FAILED);
	process_close_gate(&p);
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	w.next = id;
	process_spawn(&w, &again, &request, NULL, 0);
	assert_int_equal(again.id, id);
	assert_int_equal(count_children(&w), 1);
	process_open_gate(&again);
	assert_int_equal(process_await_exec(&again), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(process_await_end(&again), 0);
	world_stop(&w);
}

/* Killed after the clone, its answer lost: init closes the old gate and asks the next one. */
static void
test_spawner_killed_before_its_answer_was_read(void **state)
{
	char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo ran >&7", NULL };
	struct msg_spawn request = request_for(argv);
	uint64_t number = 7;
	struct process lost, p;
	struct world w;
	struct pollfd answer;
	int out[2];
	char *text;
	int status;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	request.fds = (struct u64v){ &number, 1 };
	process_request(&w, &lost, &request, &out[1], 1);
	answer = (struct pollfd){ .fd = ipc_fd(w.ipc), .events = POLLIN };
	assert_int_equal(poll(&answer, 1, HARNESS_TIMEOUT_MS), 1);
	world_kill(&w);
	process_close_gate(&lost);
	assert_int_equal(process_await_exec(&lost), SPAWN_OUTCOME_FAILED);
	/* An unknown child: init reaps it as an early exit. */
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(WEXITSTATUS(status), 255);
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	w.next = lost.id;
	process_spawn(&w, &p, &request, &out[1], 1);
	(void) close(out[1]);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	text = read_all(out[0]);
	assert_string_equal(text, "ran\n");
	free(text);
	(void) close(out[0]);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

/* Acknowledgements and children's ends are on their way: wait until no more than `max` are open. */
static bool
await_descriptors(pid_t pid, int max)
{
	for (int waited = 0; waited < HARNESS_TIMEOUT_MS; waited++) {
		if (count_descriptors(pid) <= max)
			return true;
		(void) poll(NULL, 0, 1);
	}
	return false;
}

static void
test_thousand_spawns_leak_nothing(void **state)
{
	int before = 0, here = 0;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	for (int i = 0; i < (is_wrapped() ? 50 : 1000); i++) {
		struct msg_spawn request = request_to(argv_true);
		struct process p;

		request.console = i % 2 ? CONSOLE_LOG : CONSOLE_NONE;
		process_spawn(&w, &p, &request, NULL, 0);
		assert_true(p.pid > 0);
		if (i % 10 == 0)
			process_open_gate(&p);
		else
			process_close_gate(&p);
		(void) process_await_end(&p);
		if (i == 10) {
			before = count_descriptors(w.spawner);
			here = count_descriptors(getpid());
		}
	}
	assert_true(await_descriptors(w.spawner, before));
	assert_int_equal(count_descriptors(getpid()), here);
	world_stop(&w);
}

static void
test_many_requests_at_once(void **state)
{
	enum { COUNT = 300 };
	static struct process p[COUNT];
	struct msg_spawn request = request_to(argv_true);
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	for (int i = 0; i < COUNT; i++) {
		process_request(&w, &p[i], &request, NULL, 0);
		assert_true(ipc_flush(w.ipc) >= 0);
	}
	while (ipc_wants_write(w.ipc)) {
		struct pollfd writable = { .fd = ipc_fd(w.ipc), .events = POLLOUT };

		assert_int_equal(poll(&writable, 1, HARNESS_TIMEOUT_MS), 1);
		assert_true(ipc_flush(w.ipc) >= 0);
	}
	for (int i = 0; i < COUNT; i++)
		process_await_answer(&w, &p[i]);
	for (int i = 0; i < COUNT; i++) {
		process_close_gate(&p[i]);
		assert_int_equal(WEXITSTATUS(process_await_end(&p[i])), 255);
	}
	world_stop(&w);
}

static void
test_unknown_message_is_passed_over(void **state)
{
	struct msg_log_flush flush = { 1 };
	struct msg_spawn request = request_to(argv_true);
	struct process p;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	assert_int_equal(msg_send(w.ipc, MSG_LOG_FLUSH, 0, &flush, NULL, 0), 0);
	assert_int_equal(ipc_send(w.ipc, 9999, 0, NULL, NULL, 0), 0);
	process_spawn(&w, &p, &request, NULL, 0);
	assert_true(p.pid > 0);
	process_close_gate(&p);
	(void) process_await_end(&p);
	world_stop(&w);
}

/* What can't be answered ends it: init starts another and asks again. */
static void
test_damaged_request_ends_the_spawner(void **state)
{
	auto_strbuf struct strbuf junk = STRBUF_INIT;
	struct msg_spawn request = request_to(argv_true);
	struct world w;
	int status;

	(void) state;
	for (int i = 0; i < 2; i++) {
		assert_true(world_start(&w, WORLD_SPAWNER, NULL));
		if (i == 0) {
			strbuf_add(&junk, "\377\377junk");
			assert_int_equal(ipc_send(w.ipc, MSG_SPAWN, 7, &junk, NULL, 0), 0);
		} else {
			request.process = 7;
			assert_int_equal(msg_send(w.ipc, MSG_SPAWN, 7, &request, NULL, 0), 0);
		}
		await_link_end(&w);
		status = await_child(w.spawner);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
		world_drop_link(&w);
	}
}

static void
test_spawner_by_hand_says_what_it_is(void **state)
{
	char command[4096];
	int status;

	(void) state;
	if (!has_spawner())
		skip_because("no spawner on this platform");
	(void) snprintf(command, sizeof(command), "'%s' 3<&- 2>/dev/null", getenv("UPSTART_SPAWNER"));
	status = system(command);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
}

static void
test_signals_do_not_end_the_spawner(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD, SIGALRM };
	struct msg_spawn request = request_to(argv_true);
	struct process p;
	struct world w;

	(void) state;
	assert_true(world_start(&w, WORLD_SPAWNER, NULL));
	process_spawn(&w, &p, &request, NULL, 0);
	process_close_gate(&p);
	(void) process_await_end(&p);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(kill(w.spawner, signals[i]), 0);
	/* Nor are they pending in its children. */
	process_spawn(&w, &p, &request, NULL, 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	assert_int_equal(process_await_end(&p), 0);
	world_stop(&w);
}

/* -- the end of init -- */

/* The link ends: the spawner does too, and leaves the jobs alone unless a session's init is dead. */
static void
link_ends_with_init_alive(enum init_mode mode)
{
	const struct world_options options = { .mode = mode };
	struct msg_spawn request = request_to(argv_wait);
	struct process p;
	struct world w;
	int status;

	assert_true(world_start(&w, WORLD_SPAWNER, &options));
	process_spawn(&w, &p, &request, NULL, 0);
	process_open_gate(&p);
	assert_int_equal(process_await_exec(&p), SPAWN_OUTCOME_EXECUTED);
	world_drop_link(&w);
	status = await_child(w.spawner);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(waitpid(p.pid, &status, WNOHANG), 0);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	status = process_await_end(&p);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void
test_link_end_leaves_jobs_of_the_system(void **state)
{
	(void) state;
	link_ends_with_init_alive(MODE_SYSTEM);
}

static void
test_link_end_leaves_jobs_when_init_lives(void **state)
{
	(void) state;
	link_ends_with_init_alive(MODE_USER);
}

/*
 * An init that makes jobs and dies by SIGKILL. On `report` go the pids: spawner, job, and a waiting job whose gate is
 * closed. `restarted`: the spawner dies first and another takes over.
 */
static _Noreturn void
be_an_init_that_dies(int report, enum init_mode mode, bool restarted)
{
	struct world_options options = { .mode = mode };
	/* The job has a child in its group. */
	char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "sleep 1000 & echo $! >&7; exec sleep 1000",
			 NULL };
	char *env[] = { (char *) "UPSTART_JOB=test", (char *) "PATH=/bin:/usr/bin", NULL };
	struct msg_spawn request = request_for(argv);
	uint64_t number = 7;
	struct process job, gone;
	struct world w;
	int out[2];
	char text[32] = "";
	int pids[3];

	assert_true(world_start(&w, WORLD_SPAWNER, &options));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	request.fds = (struct u64v){ &number, 1 };
	request.env = env;
	process_spawn(&w, &job, &request, &out[1], 1);
	process_open_gate(&job);
	assert_int_equal(process_await_exec(&job), SPAWN_OUTCOME_EXECUTED);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	/* Another has come and gone. */
	process_spawn(&w, &gone, &request, &out[1], 1);
	process_close_gate(&gone);
	(void) process_await_end(&gone);
	if (restarted) {
		world_kill(&w);
		options.generation = 2;
		assert_true(world_start(&w, WORLD_SPAWNER, &options));
		w.next = 100;
		process_spawn(&w, &gone, &request, &out[1], 1);
		process_close_gate(&gone);
		(void) process_await_end(&gone);
	}
	pids[0] = w.spawner;
	pids[1] = job.pid;
	pids[2] = atoi(text);
	assert_int_equal(write(report, pids, sizeof(pids)), sizeof(pids));
	(void) kill(getpid(), SIGKILL);
	_exit(1);
}

static void
init_dies(enum init_mode mode, bool restarted, bool ends_jobs)
{
	int report[2];
	int pids[3];
	int status;
	pid_t init;

	if (!has_spawner())
		skip_because("no spawner on this platform");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	init = fork();
	assert_true(init >= 0);
	/* A failed assertion must not go on with the next test in there. */
	if (init == 0 && setenv("CMOCKA_TEST_ABORT", "1", 1) == 0)
		be_an_init_that_dies(report[1], mode, restarted);
	(void) close(report[1]);
	assert_int_equal(WTERMSIG(await_child(init)), SIGKILL);
	assert_int_equal(read(report[0], pids, sizeof(pids)), sizeof(pids));
	(void) close(report[0]);
	/* The spawner comes to its end by itself; its jobs, now ours, do when they were told. */
	status = await_child(pids[0]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (int i = 1; i < 3; i++) {
		if (!ends_jobs) {
			assert_int_equal(waitpid(pids[i], &status, WNOHANG), 0);
			assert_int_equal(kill(pids[i], SIGKILL), 0);
		}
		assert_int_equal(WTERMSIG(await_child(pids[i])), ends_jobs ? SIGTERM : SIGKILL);
	}
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static void
test_dead_session_init_ends_its_jobs(void **state)
{
	(void) state;
	init_dies(MODE_USER, false, true);
	init_dies(MODE_SESSION, false, true);
}

static void
test_dead_session_init_ends_jobs_of_an_earlier_spawner(void **state)
{
	(void) state;
	init_dies(MODE_SESSION, true, true);
}

static void
test_dead_system_init_leaves_its_jobs(void **state)
{
	(void) state;
	init_dies(MODE_SYSTEM, false, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{ "test_closed_gate_ends_exactly_its_child", test_closed_gate_ends_exactly_its_child, NULL, NULL,
		  NULL },
		{ "test_closed_gate_ends_exactly_its_child (spawner)", test_closed_gate_ends_exactly_its_child, NULL,
		  NULL, (void *) 1 },
		cmocka_unit_test(test_child_is_ours),
		cmocka_unit_test(test_repeated_request_gives_the_old_answer),
		cmocka_unit_test(test_repeated_request_that_failed),
		cmocka_unit_test(test_unacknowledged_answers_come_again_after_hello),
		cmocka_unit_test(test_spawner_killed_after_its_answer),
		cmocka_unit_test(test_spawner_killed_before_the_request),
		cmocka_unit_test(test_spawner_killed_before_its_answer_was_read),
		cmocka_unit_test(test_thousand_spawns_leak_nothing),
		cmocka_unit_test(test_many_requests_at_once),
		cmocka_unit_test(test_unknown_message_is_passed_over),
		cmocka_unit_test(test_damaged_request_ends_the_spawner),
		cmocka_unit_test(test_spawner_by_hand_says_what_it_is),
		cmocka_unit_test(test_signals_do_not_end_the_spawner),
		cmocka_unit_test(test_link_end_leaves_jobs_of_the_system),
		cmocka_unit_test(test_link_end_leaves_jobs_when_init_lives),
		cmocka_unit_test(test_dead_session_init_ends_its_jobs),
		cmocka_unit_test(test_dead_session_init_ends_jobs_of_an_earlier_spawner),
		cmocka_unit_test(test_dead_system_init_leaves_its_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
