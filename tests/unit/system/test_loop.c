/* SPDX-License-Identifier: MIT */
#include "system/loop.h"

#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#include "system/clock.h"
#include "unit.h"

/* A base that has failed is left where it is. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:event_base_new_with_config\nleak:event_add";
}

int __real_event_add(struct event *event, const struct timeval *timeout);
int __wrap_event_add(struct event *event, const struct timeval *timeout);

static bool no_room; /* for timers in libevent */

int
__wrap_event_add(struct event *event, const struct timeval *timeout)
{
	return no_room && timeout != NULL ? -1 : __real_event_add(event, timeout);
}

struct counter {
	struct loop *loop;
	struct loop_fd *source;
	struct loop_timer *timer;
	int fd;
	int calls;
	unsigned events;
	usec_t at;
};

static void
read_cb(unsigned events, void *data)
{
	struct counter *c = data;
	char b[16];

	c->calls++;
	c->events |= events;
	if ((events & LOOP_READ) != 0)
		assert_true(read(c->fd, b, sizeof(b)) >= 0);
}

static void
once_cb(unsigned events, void *data)
{
	struct counter *c = data;

	c->calls++;
	c->source = loop_fd_free(c->source); /* in its own callback */
}

static void
timer_cb(void *data)
{
	struct counter *c = data;

	c->calls++;
	c->at = clock_now();
}

static void
turn_until(struct loop *loop, const int *calls, int wanted)
{
	usec_t deadline = clock_now() + 20 * USEC_PER_SEC;

	while (*calls < wanted) {
		assert_true(clock_now() < deadline);
		assert_int_equal(loop_run_once(loop, 10 * USEC_PER_MSEC), 0);
	}
}

static void
descriptors_are_heard(void **state)
{
	struct loop *loop = loop_new();
	struct counter c = { .loop = loop };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	c.fd = fds[0];
	c.source = loop_fd_new(loop, fds[0], LOOP_READ, read_cb, &c);
	assert_non_null(c.source);
	assert_int_equal(loop_run_once(loop, 0), 0);
	assert_int_equal(c.calls, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn_until(loop, &c.calls, 1);
	assert_int_equal(c.events, LOOP_READ);
	assert_int_equal(loop_fd_want(c.source, 0), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(loop_run_once(loop, 0), 0);
	assert_int_equal(c.calls, 1);
	assert_int_equal(loop_fd_want(c.source, LOOP_READ), 0);
	turn_until(loop, &c.calls, 2);
	c.source = loop_fd_free(c.source);
	c.source = loop_fd_new(loop, fds[1], LOOP_WRITE, read_cb, &c);
	turn_until(loop, &c.calls, 3);
	assert_int_equal(c.events, LOOP_READ | LOOP_WRITE);
	c.source = loop_fd_free(c.source);
	assert_null(loop_free(loop));
	(void) close(fds[0]);
	(void) close(fds[1]);
}

static void
source_may_go_in_its_callback(void **state)
{
	struct loop *loop = loop_new();
	struct counter c = { .loop = loop };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	c.source = loop_fd_new(loop, fds[1], LOOP_WRITE, once_cb, &c);
	turn_until(loop, &c.calls, 1);
	assert_int_equal(loop_run_once(loop, 0), 0);
	assert_int_equal(c.calls, 1);
	(void) loop_free(loop);
	(void) close(fds[0]);
	(void) close(fds[1]);
}

static void
timers_fire_once_and_never_early(void **state)
{
	struct loop *loop = loop_new();
	struct counter c = { .loop = loop };
	struct loop_timer *t = loop_timer_new(loop, timer_cb, &c);

	for (int i = 0; i < 20; i++) {
		usec_t due = clock_now() + (usec_t) i * 300;

		c.calls = 0;
		loop_timer_set(t, due);
		assert_true(loop_timer_is_set(t));
		turn_until(loop, &c.calls, 1);
		assert_true(c.at >= due);
		assert_false(loop_timer_is_set(t));
	}
	loop_timer_set(t, clock_now() + USEC_PER_SEC * 1000);
	loop_timer_set(t, 0); /* replaced by a time that is past */
	c.calls = 0;
	turn_until(loop, &c.calls, 1);
	loop_timer_set(t, clock_now());
	loop_timer_cancel(t);
	assert_int_equal(loop_run_once(loop, 1000), 0);
	assert_int_equal(c.calls, 1);
	(void) loop_timer_free(t);
	(void) loop_free(loop);
}

/* A timer that can't even be put in its row is due all the same, and holds up nothing until then. */
static void
timers_do_without_memory(void **state)
{
	struct loop *loop = loop_new();
	struct counter c = { .loop = loop }, far = { .loop = loop };
	struct loop_timer *t = loop_timer_new(loop, timer_cb, &c), *later = loop_timer_new(loop, timer_cb, &far);
	struct counter heard = { .loop = loop };
	usec_t due = clock_now() + 3000;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	heard.fd = fds[0];
	heard.source = loop_fd_new(loop, fds[0], LOOP_READ, read_cb, &heard);
	no_room = true;
	loop_timer_set(later, clock_now() + USEC_PER_SEC * 1000);
	loop_timer_set(t, due);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn_until(loop, &heard.calls, 1);
	turn_until(loop, &c.calls, 1);
	no_room = false;
	assert_true(c.at >= due);
	assert_int_equal(far.calls, 0);
	assert_true(loop_timer_is_set(later));
	loop_timer_set(later, 0);
	turn_until(loop, &far.calls, 1);
	heard.source = loop_fd_free(heard.source);
	(void) loop_timer_free(t);
	(void) loop_timer_free(later);
	(void) close(fds[0]);
	(void) close(fds[1]);
	(void) loop_free(loop);
}

/* The base is gone under the loop: all sources go on with a new one. */
static void
broken_base_is_replaced(void **state)
{
	struct loop *loop = loop_new();
	struct counter c = { .loop = loop };
	struct loop_timer *t = loop_timer_new(loop, timer_cb, &c);
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	c.fd = fds[0];
	c.source = loop_fd_new(loop, fds[0], LOOP_READ, read_cb, &c);
	loop_timer_set(t, clock_now() + 1000);
	/* Whatever descriptor the back end has, it is one after our pipe or before: close what is no pipe of ours. */
	for (int fd = 3; fd < 64; fd++)
		if (fd != fds[0] && fd != fds[1])
			(void) close(fd);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn_until(loop, &c.calls, 2);
	c.source = loop_fd_free(c.source);
	(void) loop_timer_free(t);
	(void) close(fds[0]);
	(void) close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_heard),
		cmocka_unit_test(source_may_go_in_its_callback),
		cmocka_unit_test(timers_fire_once_and_never_early),
		cmocka_unit_test(timers_do_without_memory),
		cmocka_unit_test(broken_base_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
