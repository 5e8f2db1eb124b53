/* SPDX-License-Identifier: MIT */
/*
 * The servant itself: the test plays init at the other end of the link and holds the terminals.
 * argv[1] or $UPSTART_LOGGER is the program.
 */
#include "servant.h"

/* -- tests ------------------------------------------------------------------- */

static void
test_output_reaches_file(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	send_open(in, 1, t.master, path_of(in, "job.log"));
	tty_say(in, &t, "hello\nworld\n");
	wait_until(in, file_is(path_of(in, "job.log"), "hello\nworld\n"));
	/* The last writer goes: the stream ends by itself, though init holds the master. */
	close(t.slave);
	t.slave = -1;
	wait_until(in, has_ended(in, 1));
	shut_down(in, SHUTDOWN_END);
	assert_int_equal(logger_wait(in), 0);
	tty_close(&t);
}

static void
test_silent_job_leaves_no_file(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	send_open(in, 1, t.master, path_of(in, "job.log"));
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_int_equal(access(path_of(in, "job.log"), F_OK), -1);
	tty_close(&t);
}

static void
test_finish_takes_what_is_there(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	static char text[3001];

	/* The slave stays open, as with a descendant of the job. */
	memset(text, 'x', sizeof(text) - 1);
	tty_say(in, &t, text);
	send_open(in, 1, t.master, path_of(in, "job.log"));
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_file(path_of(in, "job.log"), text);
	assert_int_equal(in->n_ended, 1);
	/* Unknown to this logger: answered, nobody waits for ever. */
	send_finish(in, 99);
	wait_until(in, has_ended(in, 99));
	tty_close(&t);
}

static void
test_open_again_is_ignored(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open(), other = tty_open();

	send_open(in, 1, t.master, path_of(in, "job.log"));
	send_open(in, 1, t.master, path_of(in, "job.log"));
	send_open(in, 1, other.master, path_of(in, "other.log"));
	tty_say(in, &t, "once\n");
	tty_say(in, &other, "not read\n");
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_file(path_of(in, "job.log"), "once\n");
	assert_int_equal(access(path_of(in, "other.log"), F_OK), -1);
	tty_close(&t);
	tty_close(&other);
}

static void
test_streams_share_a_file(void **state)
{
	struct init *in = *state;
	struct tty a = tty_open(), b = tty_open();

	send_open(in, 1, a.master, path_of(in, "job.log"));
	send_open(in, 2, b.master, path_of(in, "job.log"));
	tty_say(in, &a, "pre-start\n");
	wait_until(in, file_is(path_of(in, "job.log"), "pre-start\n"));
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_int_equal(rename(path_of(in, "job.log"), path_of(in, "job.log.1")), 0);
	tty_say(in, &b, "main\n");
	wait_until(in, file_is(path_of(in, "job.log"), "main\n"));
	assert_file(path_of(in, "job.log.1"), "pre-start\n");
	tty_close(&a);
	tty_close(&b);
}

static void
test_unusable_requests_are_answered(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	struct ipc_message junk = { 0 };
	struct strbuf body = STRBUF_INIT;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	send_open(in, 1, t.master, "relative.log");
	send_open(in, 2, t.master, "");
	send_open(in, 3, t.master, "/tmp/");
	send_open(in, 4, -1, path_of(in, "job.log"));
	send_open(in, 5, file, path_of(in, "job.log")); /* nothing to wait on */
	close(file);
	wait_until(in, has_ended(in, 5));
	for (uint64_t i = 1; i <= 5; i++)
		assert_true(has_ended(in, i));
	/* Rubbish and messages for others do no harm. */
	strbuf_add(&body, "\xc1\xff rubbish");
	assert_int_equal(ipc_send(in->ipc, MSG_LOG_OPEN, 0, &body, NULL, 0), 0);
	assert_int_equal(ipc_send(in->ipc, 4711, 0, &body, NULL, 0), 0);
	assert_int_equal(ipc_send(in->ipc, MSG_SPAWN, 0, &body, NULL, 0), 0);
	assert_int_equal(send(ipc_fd(in->ipc), "short", 5, MSG_NOSIGNAL), 5);
	strbuf_deinit(&body);
	ipc_message_deinit(&junk);
	send_open(in, 6, t.master, path_of(in, "job.log"));
	tty_say(in, &t, "fine\n");
	wait_until(in, file_is(path_of(in, "job.log"), "fine\n"));
	tty_close(&t);
}

static void
test_folder_that_appears_later_gets_all(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	send_open(in, 1, t.master, path_of(in, "later/job.log"));
	tty_say(in, &t, "early\n");
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_int_equal(flush(in), ENOENT);
	assert_string_equal(in->flushed.path, path_of(in, "later/job.log"));
	assert_int_equal(mkdir(path_of(in, "later"), 0755), 0);
	assert_int_equal(flush(in), 0);
	assert_null(in->flushed.path);
	assert_file(path_of(in, "later/job.log"), "early\n");

	/* And without being told, after a while. */
	send_open(in, 2, t.master, path_of(in, "soon/job.log"));
	tty_say(in, &t, "early\n");
	send_finish(in, 2);
	wait_until(in, has_ended(in, 2));
	assert_int_equal(mkdir(path_of(in, "soon"), 0755), 0);
	wait_until(in, file_is(path_of(in, "soon/job.log"), "early\n"));
	tty_close(&t);
}

static void
test_killed_logger_is_succeeded(void **state)
{
	struct init *in = *state;
	struct tty open = tty_open(), over = tty_open();
	char written[128] = "one\n";

	send_open(in, 1, open.master, path_of(in, "open.log"));
	send_open(in, 2, over.master, path_of(in, "later/over.log"));
	tty_say(in, &open, "one\n");
	tty_say(in, &over, "waits\n");
	send_finish(in, 2);
	wait_until(in, has_ended(in, 2) && file_is(path_of(in, "open.log"), "one\n"));
	for (int life = 0; life < 3; life++) {
		logger_kill(in);
		tty_say(in, &open, "said to nobody\n"); /* the terminal keeps it */
		logger_start(in);
		say_hello(in);
		send_open(in, 1, open.master, path_of(in, "open.log"));
		assert_int_equal(flush(in), ENOENT);
		/* A read that is in flight may be lost with its logger: the next one is killed with none. */
		(void) strcat(written, "said to nobody\n");
		wait_until(in, file_is(path_of(in, "open.log"), written));
	}
	assert_int_equal(mkdir(path_of(in, "later"), 0755), 0);
	assert_int_equal(flush(in), 0);
	assert_file(path_of(in, "later/over.log"), "waits\n");
	tty_close(&open);
	tty_close(&over);
}

static void
test_messages_are_kept_until_acknowledged(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	in->silent = true;
	send_open(in, 1, t.master, path_of(in, "job.log"));
	send_finish(in, 1);
	send_finish(in, 2);
	send_finish(in, 3);
	wait_until(in, in->n_ended == 3);
	/* A new image of init that has journaled only the first. */
	in->taken = 1;
	say_hello(in);
	wait_until(in, in->n_ended == 5);
	assert_int_equal(in->ended[3], 2);
	assert_int_equal(in->ended[4], 3);
	send_ack(in);
	say_hello(in);
	assert_int_equal(flush(in), 0);
	assert_int_equal(in->n_ended, 5);
	tty_close(&t);
}

static void
test_effects_are_acknowledged(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	const struct msg_log_open open = { .stream = 1, .path = (char *) (uintptr_t) path_of(in, "job.log") };
	const struct msg_log_finish finish = { .stream = 1 };

	assert_int_equal(msg_send(in->ipc, MSG_LOG_OPEN, 41, &open, &t.master, 1), 0);
	wait_until(in, in->acked == 41);
	assert_int_equal(msg_send(in->ipc, MSG_LOG_FINISH, 42, &finish, NULL, 0), 0);
	wait_until(in, in->acked == 42 && has_ended(in, 1));
	tty_close(&t);
}

static void
test_flood_does_not_starve_others(void **state)
{
	struct init *in = *state;
	struct tty flood = tty_open(), quiet = tty_open();
	struct stat st = { 0 };
	pid_t pid;

	send_open(in, 1, flood.master, path_of(in, "flood.log"));
	send_open(in, 2, quiet.master, path_of(in, "quiet.log"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static char block[4096];

		memset(block, 'f', sizeof(block));
		block[sizeof(block) - 1] = '\n';
		while (write(flood.slave, block, sizeof(block)) > 0)
			continue;
		_exit(0);
	}
	wait_until(in, stat(path_of(in, "flood.log"), &st) == 0 && st.st_size > 100000);
	for (int i = 0; i < 10; i++) {
		char expected[64] = "";

		tty_say(in, &quiet, "line\n");
		for (int j = 0; j <= i; j++)
			strcat(expected, "line\n");
		wait_until(in, file_is(path_of(in, "quiet.log"), expected));
	}
	/* init is heard too, and the end comes though the flood has none. */
	assert_int_equal(flush(in), 0);
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	(void) kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	tty_close(&flood);
	tty_close(&quiet);
}

/* Raise the limit as init would: terminals count here too. */
static bool
raise_nofile(rlim_t wanted)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_max >= wanted;
}

static void
test_two_thousand_terminals(void **state)
{
	enum { COUNT = 2000 };
	struct init *in = *state;
	struct tty *t = calloc(COUNT, sizeof(*t));
	char name[32], text[32];
	size_t n;

	assert_non_null(t);
	if (!raise_nofile(2 * COUNT + 100)) {
		free(t);
		skip();
		return;
	}
	for (n = 0; n < COUNT; n++) {
		t[n] = tty_open();
		snprintf(name, sizeof(name), "%zu.log", n);
		send_open(in, n + 1, t[n].master, path_of(in, name));
		if (n % 50 == 0)
			turn(in);
	}
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "job %zu\n", i);
		tty_say(in, &t[i], text);
	}
	for (size_t i = 0; i < COUNT; i++)
		if (i % 2 == 0) {
			close(t[i].slave);
			t[i].slave = -1;
		} else {
			send_finish(in, i + 1);
		}
	wait_until(in, in->n_ended == COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "%zu.log", i);
		snprintf(text, sizeof(text), "job %zu\n", i);
		assert_file(path_of(in, name), text);
		tty_close(&t[i]);
	}
	free(t);
}

/* Terminals are few on many machines: sockets stand in for them. */
static void
test_ten_thousand_streams(void **state)
{
	enum { COUNT = 10000 };
	struct init *in = *state;
	int(*pair)[2] = calloc(COUNT, sizeof(*pair));
	char name[32];

	assert_non_null(pair);
	if (!raise_nofile(COUNT + 200)) {
		free(pair);
		skip();
		return;
	}
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
		snprintf(name, sizeof(name), "%zu.log", i % 5000);
		send_open(in, i + 1, pair[i][1], path_of(in, name));
		close(pair[i][1]);
		if (i % 50 == 0)
			turn(in);
	}
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(write(pair[i][0], "x\n", 2), 2);
		close(pair[i][0]);
	}
	wait_until(in, in->n_ended == COUNT);
	for (size_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%zu.log", i);
		assert_file(path_of(in, name), "x\nx\n");
	}
	free(pair);
}

static void
test_init_gone_is_the_end(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	send_open(in, 1, t.master, path_of(in, "job.log"));
	tty_say(in, &t, "before\n");
	wait_until(in, file_is(path_of(in, "job.log"), "before\n"));
	in->ipc = ipc_free(in->ipc);
	/* The job, told to end by somebody else, still has something to say. */
	assert_int_equal(write(t.slave, "last words\n", 11), 11);
	assert_int_equal(logger_wait(in), 0);
	assert_file(path_of(in, "job.log"), "before\nlast words\n");
	tty_close(&t);
}

static void
test_init_gone_without_streams_ends_at_once(void **state)
{
	struct init *in = *state;

	in->ipc = ipc_free(in->ipc);
	assert_int_equal(logger_wait(in), 0);
}

static void
test_shutdown_writes_all(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	static char text[2001];

	memset(text, 'y', sizeof(text) - 1);
	send_open(in, 1, t.master, path_of(in, "job.log"));
	tty_say(in, &t, text);
	shut_down(in, SHUTDOWN_END);
	assert_int_equal(logger_wait(in), 0);
	assert_file(path_of(in, "job.log"), text);
	tty_close(&t);
}

static void
test_release_lets_go_of_the_disk(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();

	send_open(in, 1, t.master, path_of(in, "job.log"));
	tty_say(in, &t, "before\n");
	wait_until(in, file_is(path_of(in, "job.log"), "before\n"));
	shut_down(in, SHUTDOWN_RELEASE);
	tty_say(in, &t, "after\n");
	send_finish(in, 1);
	wait_until(in, has_ended(in, 1));
	assert_file(path_of(in, "job.log"), "before\n");
	shut_down(in, SHUTDOWN_END);
	assert_int_equal(logger_wait(in), 0);
	assert_file(path_of(in, "job.log"), "before\nafter\n");
	tty_close(&t);
}

static void
test_what_a_newer_init_says_of_the_way_down_ends_nothing(void **state)
{
	struct init *in = *state;

	shut_down(in, 77);
	assert_int_equal(flush(in), 0);
}

static void
test_signals_do_not_end_it(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT };
	struct init *in = *state;

	assert_int_equal(flush(in), 0); /* it has come so far */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(kill(in->pid, signals[i]), 0);
	assert_int_equal(flush(in), 0);
}

/* What "KEY:\t" in /proc/PID/status says, as a hexadecimal number. */
static unsigned long long
status_value(pid_t pid, const char *key)
{
	char path[64], line[256];
	unsigned long long value = ~0ULL;
	FILE *file;

	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, 16);
	(void) fclose(file);
	return value;
}

static void
test_privileges_are_few(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	uid_t other = 65534;

#ifdef UPSTART_PLATFORM_POSIX
	skip();
#endif
	assert_int_equal(flush(in), 0);				      /* it has come so far */
	assert_int_equal(status_value(in->pid, "CapEff") & ~2ULL, 0); /* CAP_DAC_OVERRIDE */
	assert_int_equal(status_value(in->pid, "CapPrm") & ~2ULL, 0);
	assert_int_equal(status_value(in->pid, "CapInh"), 0);
	assert_int_equal(status_value(in->pid, "NoNewPrivs"), 1);
	if (geteuid() == 0) { /* a log folder that is another's and lets nobody else in */
		assert_int_equal(chown(in->folder.path, other, other), 0);
		assert_int_equal(chmod(in->folder.path, 0700), 0);
	}
	send_open(in, 1, t.master, path_of(in, "job.log"));
	tty_say(in, &t, "text\n");
	wait_until(in, file_is(path_of(in, "job.log"), "text\n"));
	tty_close(&t);
}

static void
test_alone_it_says_what_it_is(void **state)
{
	struct folder *f = &((struct init *) *state)->folder;
	char command[512];

	snprintf(command, sizeof(command), "%s 2>%s 3>&-", program, folder_path(f, "err"));
	assert_int_equal(WEXITSTATUS(system(command)), 1);
	assert_file(folder_path(f, "err"), "upstart-logger: This program is started by init, not by hand\n");
	snprintf(command, sizeof(command), "%s --ring-fd=x 2>%s", program, folder_path(f, "err"));
	assert_int_equal(WEXITSTATUS(system(command)), 2);
	assert_file(folder_path(f, "err"), "upstart-logger: not a descriptor: x\n");
	snprintf(command, sizeof(command), "%s --version >%s", program, folder_path(f, "out"));
	assert_int_equal(WEXITSTATUS(system(command)), 0);
	assert_file(folder_path(f, "out"), "upstart-logger (upstart " UPSTART_VERSION ")\n");
}

int
main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_output_reaches_file),
		T(test_silent_job_leaves_no_file),
		T(test_finish_takes_what_is_there),
		T(test_open_again_is_ignored),
		T(test_streams_share_a_file),
		T(test_unusable_requests_are_answered),
		T(test_folder_that_appears_later_gets_all),
		T(test_killed_logger_is_succeeded),
		T(test_messages_are_kept_until_acknowledged),
		T(test_effects_are_acknowledged),
		T(test_flood_does_not_starve_others),
		T(test_two_thousand_terminals),
		T(test_ten_thousand_streams),
		T(test_init_gone_is_the_end),
		T(test_init_gone_without_streams_ends_at_once),
		T(test_shutdown_writes_all),
		T(test_release_lets_go_of_the_disk),
		T(test_what_a_newer_init_says_of_the_way_down_ends_nothing),
		T(test_signals_do_not_end_it),
		T(test_privileges_are_few),
		T(test_alone_it_says_what_it_is),
	};

	program = argc > 1 ? argv[1] : getenv("UPSTART_LOGGER");
	if (program == NULL) {
		(void) fprintf(stderr, "Usage: %s UPSTART-LOGGER\n", argv[0]);
		return 2;
	}
	(void) signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
