/* SPDX-License-Identifier: MIT */
#include "init/sink.h"

#include <fcntl.h>
#include <poll.h>

#include "scratch.h"
#include "system/clock.h"

/* -- the clock, and the one timer there is --------------------------------------------------- */

static struct {
	loop_timer_fn fn;
	void *data;
	usec_t due; /* 0: not set */
} timer;

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
struct loop_timer *__wrap_loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data);
void __wrap_loop_timer_set(struct loop_timer *t, usec_t due);
bool __wrap_loop_timer_is_set(const struct loop_timer *t);
struct loop_timer *__wrap_loop_timer_free(struct loop_timer *t);

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	(void) id;
	*t = (struct timespec) { 1000, 0 };
	return 0;
}

struct loop_timer *
__wrap_loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data)
{
	(void) loop;
	timer.fn = fn;
	timer.data = data;
	timer.due = 0;
	return (struct loop_timer *) (void *) &timer;
}

void
__wrap_loop_timer_set(struct loop_timer *t, usec_t due)
{
	(void) t;
	timer.due = due;
}

bool
__wrap_loop_timer_is_set(const struct loop_timer *t)
{
	(void) t;
	return timer.due != 0;
}

struct loop_timer *
__wrap_loop_timer_free(struct loop_timer *t)
{
	(void) t;
	return NULL;
}

/* The timer's time has come; after how long. */
static usec_t
pass(void)
{
	usec_t delay = timer.due - 1000 * USEC_PER_SEC;

	timer.due = 0;
	timer.fn(timer.data);
	return delay;
}

static void
assert_prefixed(const char *text, const char *wanted)
{
	char line[256];

	sink_prefix("init", text, line, sizeof(line));
	assert_string_equal(line, wanted);
}

static void
prefix_depends_on_what_comes_first(void **state)
{
	assert_prefixed("a plain message", "init: a plain message");
	assert_prefixed("/etc/init/a.conf:2: Unknown stanza", "init:/etc/init/a.conf:2: Unknown stanza");
	assert_prefixed("/with blank/a.conf:2: Unknown stanza", "init: /with blank/a.conf:2: Unknown stanza");
	assert_prefixed("word", "init: word");
	assert_prefixed("", "init: ");
}

static void
long_lines_are_cut_not_overrun(void **state)
{
	char line[16];

	sink_prefix("init", "a message that is much too long", line, sizeof(line));
	assert_string_equal(line, "init: a message");
}

/* A pipe that nobody reads: nothing blocks, the loss is told, and what fits arrives. */
static void
full_pipe_does_not_block(void **state)
{
	int fds[2], out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	struct sink *sink;
	char *all = calloc(1, 1 << 20);
	size_t n = 0;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	sink = sink_new("init");
	for (int i = 0; i < 20000; i++)
		sink_write(LOG_LEVEL_INFO, "a line that is written very often", sink);
	for (int i = 0; i < 200; i++) {
		ssize_t got = read(fds[0], all + n, (1 << 20) - 1 - n);

		n += got > 0 ? (size_t) got : 0;
		sink_write(LOG_LEVEL_INFO, "the reader is back", sink);
	}
	(void) sink_free(sink);
	(void) dup2(out, STDOUT_FILENO);
	(void) dup2(err, STDERR_FILENO);
	for (ssize_t got; (got = read(fds[0], all + n, (1 << 20) - 1 - n)) > 0;)
		n += (size_t) got;
	assert_non_null(strstr(all, "a line that is written very often\n"));
	assert_non_null(strstr(all, " messages were lost here\n"));
	assert_non_null(strstr(all, "the reader is back\n"));
	for (int i = 0; i < 2; i++)
		(void) close(fds[i]);
	(void) close(out);
	(void) close(err);
	free(all);
}

static void
kernel_log_gets_priorities_and_waits_for_its_reader(void **state)
{
	struct scratch dir;
	struct sink *sink;
	char text[256] = "";
	int fd;

	scratch_init(&dir);
	assert_int_equal(mkfifo(scratch_path(&dir, "kmsg"), 0600), 0);
	sink = sink_new("init");
	sink_use_file(sink, scratch_path(&dir, "kmsg"));
	sink_write(LOG_LEVEL_WARN, "nobody reads yet", sink);
	fd = open(scratch_path(&dir, "kmsg"), O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	sink_write(LOG_LEVEL_ERROR, "/a.conf:1: wrong", sink);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "<4>init: nobody reads yet\n<3>init: /a.conf:1: wrong\n");
	(void) sink_free(sink);
	(void) close(fd);
	scratch_deinit(&dir);
}

/* Delays double, have an end, and begin anew when there is something new to say that can be said. */
static void
missing_file_is_not_tried_for_ever(void **state)
{
	struct scratch dir;
	struct sink *sink;
	usec_t delay = 0, all = 0;
	unsigned tries = 0;
	char text[256] = "";
	int fd;

	scratch_init(&dir);
	sink = sink_new("init");
	sink_use_file(sink, scratch_path(&dir, "kmsg"));
	assert_int_equal(sink_attach(sink, NULL), 0);
	sink_write(LOG_LEVEL_WARN, "nobody is there", sink);
	while (__wrap_loop_timer_is_set(NULL)) {
		usec_t next = pass();

		assert_true(next == (delay == 0 ? 50 * USEC_PER_MSEC : 2 * delay < USEC_PER_SEC ? 2 * delay : USEC_PER_SEC));
		delay = next;
		all += delay;
		assert_in_range(++tries, 1, 100);
	}
	assert_in_range(all, 10 * USEC_PER_SEC, 60 * USEC_PER_SEC);
	sink_write(LOG_LEVEL_WARN, "nor now", sink);
	assert_false(__wrap_loop_timer_is_set(NULL));
	/* It has come: what waited is not lost. */
	fd = open(scratch_path(&dir, "kmsg"), O_RDWR | O_CREAT, 0600);
	sink_write(LOG_LEVEL_WARN, "now", sink);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "<4>init: nobody is there\n<4>init: nor now\n<4>init: now\n");
	assert_false(__wrap_loop_timer_is_set(NULL));
	(void) sink_free(sink);
	(void) close(fd);
	scratch_deinit(&dir);
}

/* Whoever reads slowly may come back after any time. */
static void
reader_that_waits_is_tried_on(void **state)
{
	int fds[2], out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	struct sink *sink;
	char all[4096];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	sink = sink_new("init");
	assert_int_equal(sink_attach(sink, NULL), 0);
	for (int i = 0; i < 5000; i++)
		sink_write(LOG_LEVEL_INFO, "a line that is written very often", sink);
	for (int i = 0; i < 200; i++)
		assert_in_range(pass(), 50 * USEC_PER_MSEC, USEC_PER_SEC);
	while (read(fds[0], all, sizeof(all)) > 0)
		continue;
	(void) pass();
	(void) sink_free(sink);
	(void) dup2(out, STDOUT_FILENO);
	(void) dup2(err, STDERR_FILENO);
	assert_true(read(fds[0], all, sizeof(all)) > 0);
	for (int i = 0; i < 2; i++)
		(void) close(fds[i]);
	(void) close(out);
	(void) close(err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_depends_on_what_comes_first),
		cmocka_unit_test(long_lines_are_cut_not_overrun),
		cmocka_unit_test(full_pipe_does_not_block),
		cmocka_unit_test(kernel_log_gets_priorities_and_waits_for_its_reader),
		cmocka_unit_test(missing_file_is_not_tried_for_ever),
		cmocka_unit_test(reader_that_waits_is_tried_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
