/* SPDX-License-Identifier: MIT */
/*
 * The logger when memory is short: each allocation fails once, and no output is lost for it.
 */
#include <errno.h>

#include "common/log.h"
#include "common/msg.h"
#include "files.h"
#include "logger/logger.h"
#include "tty.h"

static void
nothing_cb(enum log_level level, const char *text, void *data)
{
}

/* A terminal in which `text` waits. */
static struct tty
tty_with(const char *text)
{
	struct tty t = tty_open();

	assert_int_equal(write(t.slave, text, strlen(text)), strlen(text));
	return t;
}

/* All that a logger hears in this life, said in advance. */
static void
say_all(int link, const char *here, const char *nowhere, struct tty t[2])
{
	struct ipc *ipc = ipc_new(link);
	const struct msg_hello hello = { .log_level = LOG_LEVEL_ERROR };
	const struct msg_log_open first = { .stream = 1, .path = (char *) (uintptr_t) here };
	const struct msg_log_open second = { .stream = 2, .path = (char *) (uintptr_t) nowhere };
	const struct msg_log_finish finish = { .stream = 1 };
	const struct msg_log_flush flush = { .request = 1 };
	const struct msg_shutdown end = { .why = SHUTDOWN_END };

	t[0] = tty_with("first\n");
	t[1] = tty_with("second\n");
	assert_non_null(ipc);
	assert_int_equal(msg_send(ipc, MSG_HELLO, 0, &hello, NULL, 0), 0);
	assert_int_equal(msg_send(ipc, MSG_LOG_OPEN, 1, &first, &t[0].master, 1), 0);
	assert_int_equal(msg_send(ipc, MSG_LOG_OPEN, 2, &second, &t[1].master, 1), 0);
	assert_int_equal(msg_send(ipc, MSG_LOG_FINISH, 3, &finish, NULL, 0), 0);
	assert_int_equal(msg_send(ipc, MSG_LOG_FLUSH, 4, &flush, NULL, 0), 0);
	assert_int_equal(msg_send(ipc, MSG_SHUTDOWN, 5, &end, NULL, 0), 0);
	assert_false(ipc_wants_write(ipc));
	assert_int_equal(ipc_release_fd(ipc), link);
}

/* One life with the n-th allocation failing. False: it needs fewer. */
static bool
live(struct folder *f, unsigned long n)
{
	int pair[2], r;
	struct tty t[2];
	struct logger *lg = NULL;
	long held;
	bool failed;

	(void) unlink(folder_path(f, "here.log"));
	assert_int_equal(ipc_pair(pair), 0);
	say_all(pair[0], folder_path(f, "here.log"), folder_path(f, "no/where.log"), t);
	held = failalloc_held();
	failalloc_arm(n, false);
	r = logger_new(&lg, pair[1], -1);
	if (r == 0)
		r = logger_run(lg);
	failed = failalloc_disarm();
	(void) logger_free(lg);
	assert_int_equal(failalloc_held(), held);
	if (r == 0)
		assert_file(folder_path(f, "here.log"), "first\n");
	else
		assert_true(failed && r == -ENOMEM && lg == NULL);
	close(pair[0]);
	tty_close(&t[0]);
	tty_close(&t[1]);
	return failed;
}

static void
test_each_allocation_may_fail(void **state)
{
	struct folder f;
	unsigned long n = 1;

	folder_make(&f);
	log_set_sink(nothing_cb, NULL);
	while (live(&f, n))
		n++;
	assert_in_range(n, 20, 2000);
	log_set_sink(NULL, NULL);
	folder_remove(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
