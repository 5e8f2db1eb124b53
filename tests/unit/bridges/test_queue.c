/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to init.
 */
#include "bridges/queue.h"

#include <errno.h>

#include "common/str.h"
#include "unit.h"

static void
push(struct queue *queue, const char *name)
{
	char *env[] = { (char *) "A=1", NULL };

	assert_int_equal(queue_push(queue, name, env, NULL), 0);
}

/* The names in the queue, those under way in brackets. */
static void
assert_queue(const struct queue *queue, const char *expected)
{
	auto_strbuf struct strbuf text = STRBUF_INIT;
	size_t count = 0, sent = 0;
	bool under_way = true;

	for (const struct queue_event *event = queue->first; event; event = event->next) {
		if (event == queue->unsent)
			under_way = false;
		strbuf_addf(&text, under_way ? "[%s]" : "%s", event->name);
		count++;
		sent += under_way;
	}
	assert_string_equal(text.p ? text.p : "", expected);
	assert_int_equal(queue->count, count);
	assert_int_equal(queue->sent, sent);
}

static void
test_queue_keeps_order(void **state)
{
	struct queue queue = QUEUE_INIT(10);
	uint64_t a, b;

	assert_queue(&queue, "");
	queue_mark_sent(&queue);
	push(&queue, "a");
	push(&queue, "b");
	push(&queue, "c");
	assert_queue(&queue, "abc");
	a = queue.unsent->id;
	queue_mark_sent(&queue);
	b = queue.unsent->id;
	queue_mark_sent(&queue);
	assert_queue(&queue, "[a][b]c");
	assert_true(a != b);
	/* Answers may come in any order. */
	assert_true(queue_remove(&queue, b));
	assert_queue(&queue, "[a]c");
	assert_false(queue_remove(&queue, b));
	assert_true(queue_remove(&queue, a));
	assert_queue(&queue, "c");
	/* Only what is under way can be answered. */
	assert_false(queue_remove(&queue, queue.unsent->id));
	queue_mark_sent(&queue);
	assert_queue(&queue, "[c]");
	push(&queue, "d");
	assert_queue(&queue, "[c]d");
	assert_string_equal(queue.unsent->env[0], "A=1");
	queue_deinit(&queue);
	queue_deinit(&queue);
	assert_queue(&queue, "");
	assert_int_equal(queue.bytes, 0);
}

static void
test_queue_lost_connection(void **state)
{
	struct queue queue = QUEUE_INIT(10);

	push(&queue, "a");
	push(&queue, "b");
	push(&queue, "c");
	queue_mark_sent(&queue);
	queue_mark_sent(&queue);
	queue_rewind(&queue);
	assert_queue(&queue, "abc");
	queue_mark_sent(&queue);
	queue_mark_sent(&queue);
	assert_int_equal(queue_forget_sent(&queue), 2);
	assert_queue(&queue, "c");
	assert_int_equal(queue_forget_sent(&queue), 0);
	queue_mark_sent(&queue);
	assert_int_equal(queue_forget_sent(&queue), 1);
	assert_queue(&queue, "");
	push(&queue, "d");
	assert_queue(&queue, "d");
	queue_deinit(&queue);
}

static void
test_queue_is_bounded(void **state)
{
	struct queue queue = QUEUE_INIT(3);

	push(&queue, "a");
	push(&queue, "b");
	push(&queue, "c");
	for (int i = 0; i < 5; i++)
		assert_int_equal(queue_push(&queue, "d", NULL, NULL), -ENOBUFS);
	assert_queue(&queue, "abc");
	assert_int_equal(queue_take_dropped(&queue), 5);
	assert_int_equal(queue_take_dropped(&queue), 0);
	queue_mark_sent(&queue);
	assert_true(queue_remove(&queue, queue.first->id));
	push(&queue, "e");
	assert_queue(&queue, "bce");
	queue_deinit(&queue);
}

static void
test_queue_is_bounded_in_bytes(void **state)
{
	struct queue queue = QUEUE_INIT(1000000);
	char *value = calloc(1, 1024 * 1024 + 1);
	char *env[] = { value, NULL };
	int taken = 0;

	memset(value, 'x', 1024 * 1024);
	while (queue_push(&queue, "a", env, NULL) == 0)
		taken++;
	assert_int_equal(taken, QUEUE_BYTES / (1024 * 1024 + 1));
	assert_true(queue.bytes <= QUEUE_BYTES);
	/* What is small still fits. */
	assert_int_equal(queue_push(&queue, "a", NULL, NULL), 0);
	free(value);
	queue_deinit(&queue);
}

static int
push_two(void *data)
{
	char *env[] = { (char *) "A=1", (char *) "B=2", NULL };
	struct queue queue = QUEUE_INIT(10);
	int r = queue_push(&queue, "a", env, NULL);

	if (r == 0)
		r = queue_push(&queue, "b", NULL, NULL);
	assert_int_equal(queue.dropped, r < 0);
	queue_deinit(&queue);
	return r;
}

static void
test_queue_survives_want_of_memory(void **state)
{
	assert_true(failalloc_each(push_two, NULL) > 4);
}

/* Against a plain model, in any order of operations. */
static void
test_queue_random(void **state)
{
	struct queue queue = QUEUE_INIT(20);
	uint64_t model[20], random = 7;
	size_t count = 0, sent = 0, at;

	for (int i = 0; i < 50000; i++) {
		switch (unit_random(&random) % 6) {
		case 0:
		case 1:
			if (queue_push(&queue, "x", NULL, NULL) == 0)
				model[count++] = queue.last->id;
			else
				assert_int_equal(count, 20);
			break;
		case 2:
		case 3:
			queue_mark_sent(&queue);
			sent += sent < count;
			break;
		case 4:
			if (sent == 0)
				break;
			at = unit_random(&random) % sent;
			assert_true(queue_remove(&queue, model[at]));
			memmove(model + at, model + at + 1, (count - at - 1) * sizeof(*model));
			count--;
			sent--;
			break;
		case 5:
			if (unit_random(&random) % 8 != 0)
				break;
			if (unit_random(&random) % 2 == 0) {
				queue_rewind(&queue);
			} else {
				assert_int_equal(queue_forget_sent(&queue), sent);
				memmove(model, model + sent, (count - sent) * sizeof(*model));
				count -= sent;
			}
			sent = 0;
			break;
		}
		assert_int_equal(queue.count, count);
		assert_int_equal(queue.sent, sent);
		at = 0;
		for (const struct queue_event *event = queue.first; event; event = event->next) {
			assert_int_equal(event->id, model[at]);
			assert_true((event == queue.unsent) == (at == sent));
			at++;
		}
		assert_int_equal(at, count);
	}
	queue_deinit(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_keeps_order),
		cmocka_unit_test(test_queue_lost_connection),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_queue_is_bounded_in_bytes),
		cmocka_unit_test(test_queue_survives_want_of_memory),
		cmocka_unit_test(test_queue_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
