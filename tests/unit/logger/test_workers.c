/* SPDX-License-Identifier: MIT */
/*
 * Work that may hang: it holds up nothing else, is collected when it ends, and more of it than there are threads waits
 * for one.
 */
#include "logger/workers.h"

#include <poll.h>

#include "unit.h"

/* A piece of work that waits for a byte. */
struct hanging {
	struct work work;
	int pipe[2];
	bool ran;
	unsigned finished;
	struct workers *ws;
	struct hanging *then; /* is started when this has finished */
};

static void
run_cb(struct work *w)
{
	struct hanging *h = container_of(w, struct hanging, work);
	char byte;

	h->ran = read(h->pipe[0], &byte, 1) == 1;
}

static void
finished_cb(struct work *w)
{
	struct hanging *h = container_of(w, struct hanging, work);

	h->finished++;
	if (h->then != NULL)
		workers_start(h->ws, &h->then->work);
}

static void
hanging_init(struct hanging *h, struct workers *ws)
{
	*h = (struct hanging){ .work = { .run = run_cb, .finished = finished_cb }, .ws = ws };
	assert_int_equal(pipe(h->pipe), 0);
}

static void
hanging_deinit(struct hanging *h)
{
	close(h->pipe[0]);
	close(h->pipe[1]);
}

static void
let_go(struct hanging *h)
{
	assert_int_equal(write(h->pipe[1], "", 1), 1);
}

/* Wait until there is something to collect, and collect it. */
static void
collect(struct workers *ws)
{
	struct pollfd p = { .fd = workers_fd(ws), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
	workers_collect(ws);
}

static void
test_work_that_ends_is_waited_for(void **state)
{
	struct workers *ws = workers_new();
	struct hanging h;

	assert_non_null(ws);
	hanging_init(&h, ws);
	for (int i = 0; i < 1000; i++) {
		h.ran = false;
		let_go(&h);
		if (!workers_run(ws, &h.work)) /* a busy machine may take longer */
			while (h.finished == 0)
				collect(ws);
		assert_true(h.ran);
		h.finished = 0;
	}
	assert_int_equal(workers_busy(ws), 0);
	assert_null(workers_free(ws));
	hanging_deinit(&h);
}

static void
test_work_that_hangs_holds_up_no_other(void **state)
{
	struct workers *ws = workers_new();
	struct hanging dead, alive;

	assert_non_null(ws);
	hanging_init(&dead, ws);
	hanging_init(&alive, ws);
	assert_false(workers_run(ws, &dead.work));
	for (unsigned i = 1; i <= 100; i++) {
		let_go(&alive);
		if (!workers_run(ws, &alive.work))
			while (alive.finished == 0)
				collect(ws);
		alive.finished = 0;
	}
	assert_int_equal(dead.finished, 0);
	assert_int_equal(workers_busy(ws), 1);
	assert_false(workers_wait(ws, 1000));
	let_go(&dead);
	collect(ws);
	assert_true(dead.ran);
	assert_int_equal(dead.finished, 1);
	assert_true(workers_wait(ws, 0));
	assert_null(workers_free(ws));
	hanging_deinit(&dead);
	hanging_deinit(&alive);
}

static void
test_more_hanging_work_than_threads_waits_for_one(void **state)
{
	struct workers *ws = workers_new();
	struct hanging dead[40], late;
	bool ended = false;

	assert_non_null(ws);
	hanging_init(&late, ws);
	for (size_t i = 0; i < ARRAY_SIZE(dead); i++) {
		hanging_init(&dead[i], ws);
		workers_start(ws, &dead[i].work);
	}
	let_go(&late);
	ended = workers_run(ws, &late.work);
	assert_false(ended);
	assert_int_equal(workers_busy(ws), ARRAY_SIZE(dead) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(dead); i++)
		let_go(&dead[i]);
	assert_true(workers_wait(ws, 60 * USEC_PER_SEC));
	for (size_t i = 0; i < ARRAY_SIZE(dead); i++) {
		assert_int_equal(dead[i].finished, 1);
		hanging_deinit(&dead[i]);
	}
	assert_int_equal(late.finished, 1);
	hanging_deinit(&late);
	assert_null(workers_free(ws));
}

static void
test_what_has_finished_may_start_more(void **state)
{
	struct workers *ws = workers_new();
	struct hanging first, second;

	assert_non_null(ws);
	hanging_init(&first, ws);
	hanging_init(&second, ws);
	first.then = &second;
	let_go(&first);
	let_go(&second);
	workers_start(ws, &first.work);
	assert_true(workers_wait(ws, 60 * USEC_PER_SEC));
	assert_true(second.ran);
	assert_int_equal(second.finished, 1);
	assert_null(workers_free(ws));
	hanging_deinit(&first);
	hanging_deinit(&second);
}

/* What still hangs at the end keeps nobody. Its memory stays: here it is static. */
static void
test_end_does_not_wait_for_what_hangs(void **state)
{
	static struct hanging dead;
	struct workers *ws = workers_new();

	assert_non_null(ws);
	hanging_init(&dead, ws);
	workers_start(ws, &dead.work);
	assert_null(workers_free(ws));
	let_go(&dead);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work_that_ends_is_waited_for),
		cmocka_unit_test(test_work_that_hangs_holds_up_no_other),
		cmocka_unit_test(test_more_hanging_work_than_threads_waits_for_one),
		cmocka_unit_test(test_what_has_finished_may_start_more),
		cmocka_unit_test(test_end_does_not_wait_for_what_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
