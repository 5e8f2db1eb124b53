/* SPDX-License-Identifier: MIT */
/*
 * What waits for the disk: order, bounds, and what a successor finds.
 */
#include "logger/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit.h"

#define MODEL_MAX (STORE_QUEUE_MAX * 2)

/* An anonymous file as init would hold it. */
static int
ring_new(void)
{
	char path[] = "/tmp/upstart-test-ring-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static void
add(struct store_queue *q, const char *s)
{
	store_queue_add(q, s, strlen(s));
}

/* All of a queue, consumed: owned, terminated. */
static char *
drain(struct store_queue *q, size_t step)
{
	char *all = calloc(1, MODEL_MAX + 1);
	size_t len = 0, n;

	assert_non_null(all);
	while ((n = store_queue_peek(q, all + len, step)) > 0) {
		store_queue_consume(q, n);
		len += n;
	}
	return all;
}

static void
assert_drains(struct store_queue *q, const char *expected)
{
	char *all = drain(q, 7);

	assert_string_equal(all, expected);
	free(all);
	assert_int_equal(q->bytes, 0);
}

static void
test_queue_keeps_order(void **state)
{
	int fds[] = { -1, ring_new() };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct store *st = store_new(fds[i]);
		struct store_queue a, b;

		assert_non_null(st);
		store_queue_init(&a, st, "/var/log/a");
		store_queue_init(&b, st, "/var/log/b");
		assert_true(store_queue_is_empty(&a));
		add(&a, "one ");
		add(&b, "eins ");
		add(&a, "two ");
		add(&a, "");
		add(&b, "zwei");
		add(&a, "three");
		assert_false(store_queue_is_empty(&a));
		assert_int_equal(store_bytes(st), 13 + 9);
		assert_drains(&a, "one two three");
		assert_true(store_queue_is_empty(&a));
		add(&a, "again");
		assert_drains(&a, "again");
		assert_drains(&b, "eins zwei");
		assert_int_equal(store_bytes(st), 0);
		store_queue_deinit(&a);
		store_queue_deinit(&b);
		store_queue_deinit(&b);
		store_free(st);
	}
	close(fds[1]);
}

static void
test_queue_full_drops_its_oldest(void **state)
{
	struct store *st = store_new(-1);
	struct store_queue q, other;
	char line[65], *all;
	uint64_t dropped;
	unsigned first;

	store_queue_init(&q, st, "/q");
	store_queue_init(&other, st, "/other");
	add(&other, "quiet");
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "%063u\n", i);
		add(&q, line);
		assert_true(q.bytes <= STORE_QUEUE_MAX);
	}
	dropped = store_queue_dropped(&q);
	assert_int_equal(dropped + q.bytes, 640000);
	assert_true(q.bytes > STORE_QUEUE_MAX - 2 * STORE_BLOCK);
	all = drain(&q, 4096);
	/* The rest is the end of it, without a gap. */
	first = (unsigned) (dropped / 64);
	for (unsigned i = first + 1; i < 10000; i++) {
		snprintf(line, sizeof(line), "%063u\n", i);
		assert_memory_equal(all + (size_t) i * 64 - dropped, line, 64);
	}
	free(all);
	assert_false(store_queue_is_empty(&q));
	store_queue_clear_dropped(&q);
	assert_true(store_queue_is_empty(&q));
	assert_drains(&other, "quiet");
	store_queue_deinit(&q);
	store_queue_deinit(&other);
	store_free(st);
}

static void
test_queue_takes_the_end_of_too_long_a_piece(void **state)
{
	struct store *st = store_new(-1);
	struct store_queue q;
	size_t n = STORE_QUEUE_MAX + 1000;
	char *piece = malloc(n), *all;

	assert_non_null(piece);
	for (size_t i = 0; i < n; i++)
		piece[i] = (char) ('a' + i % 26);
	store_queue_init(&q, st, "/q");
	add(&q, "before");
	store_queue_add(&q, piece, n);
	assert_int_equal(store_queue_dropped(&q), 1006);
	all = drain(&q, 5000);
	assert_memory_equal(all, piece + 1000, STORE_QUEUE_MAX);
	free(all);
	free(piece);
	store_queue_deinit(&q);
	store_free(st);
}

static void
test_full_store_takes_from_the_biggest(void **state)
{
	enum { FLOODS = 70 };
	struct store *st = store_new(-1);
	struct store_queue quiet[20], flood[FLOODS];
	char path[FLOODS][32], names[20][32], *block = malloc(16384);
	uint64_t kept = 0, lost = 0;

	assert_non_null(block);
	memset(block, 'x', 16384);
	for (int i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "/quiet-%d", i);
		store_queue_init(&quiet[i], st, names[i]);
		add(&quiet[i], names[i]);
	}
	for (int i = 0; i < FLOODS; i++) {
		snprintf(path[i], sizeof(path[i]), "/flood-%d", i);
		store_queue_init(&flood[i], st, path[i]);
		for (int j = 0; j < 16; j++)
			store_queue_add(&flood[i], block, 16384);
	}
	assert_true(store_bytes(st) <= (size_t) STORE_BLOCK * STORE_BLOCKS);
	for (int i = 0; i < FLOODS; i++) {
		kept += flood[i].bytes;
		lost += store_queue_dropped(&flood[i]);
		store_queue_deinit(&flood[i]);
	}
	assert_int_equal(kept + lost, (uint64_t) FLOODS * 16 * 16384);
	assert_true(lost > 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_queue_dropped(&quiet[i]), 0);
		assert_drains(&quiet[i], names[i]);
		store_queue_deinit(&quiet[i]);
	}
	assert_int_equal(store_bytes(st), 0);
	free(block);
	store_free(st);
}

/* -- a successor ------------------------------------------------------------- */

struct heirs {
	struct store *st;
	struct store_queue queues[64];
	char *paths[64];
	size_t n;
	bool refuse;
};

static struct store_queue *
found_cb(const char *path, void *data)
{
	struct heirs *h = data;

	if (h->refuse)
		return NULL;
	assert_true(h->n < ARRAY_SIZE(h->queues));
	h->paths[h->n] = strdup(path);
	store_queue_init(&h->queues[h->n], h->st, h->paths[h->n]);
	return &h->queues[h->n++];
}

static void
heirs_free(struct heirs *h)
{
	for (size_t i = 0; i < h->n; i++) {
		store_queue_deinit(&h->queues[i]);
		free(h->paths[i]);
	}
	store_free(h->st);
}

static void
test_successor_finds_all_queues(void **state)
{
	int ring = ring_new();
	struct store *st = store_new(ring);
	struct heirs h = { 0 };
	struct store_queue a, b, gone;
	char long_path[4001], *all, big[3000];

	memset(long_path, 'p', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	memset(big, 'B', sizeof(big));
	store_queue_init(&a, st, "/var/log/upstart/a.log");
	store_queue_init(&b, st, long_path);
	store_queue_init(&gone, st, "/var/log/upstart/gone.log");
	add(&gone, "written in time");
	add(&a, "the first line\n");
	store_queue_add(&b, big, sizeof(big));
	store_queue_consume(&b, 1000);
	add(&a, "the second line\n");
	store_queue_consume(&a, 4);
	store_queue_consume(&gone, 15);
	store_free(st); /* killed: nothing is cleaned up */

	h.st = store_new(ring);
	store_recover(h.st, found_cb, &h);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.paths[0], "/var/log/upstart/a.log");
	assert_string_equal(h.paths[1], long_path);
	add(&h.queues[0], "and a new one\n");
	assert_drains(&h.queues[0], "first line\nthe second line\nand a new one\n");
	all = drain(&h.queues[1], 100);
	assert_int_equal(strlen(all), 2000);
	assert_int_equal(strspn(all, "B"), 2000);
	free(all);
	heirs_free(&h);

	/* Nothing is found twice. */
	h = (struct heirs){ .st = store_new(ring) };
	store_recover(h.st, found_cb, &h);
	assert_int_equal(h.n, 0);
	heirs_free(&h);
	close(ring);
}

static void
test_successor_knows_what_was_dropped(void **state)
{
	int ring = ring_new();
	struct store *st = store_new(ring);
	struct heirs h = { 0 };
	struct store_queue q;
	char *piece = calloc(1, 1000);

	assert_non_null(piece);
	store_queue_init(&q, st, "/q");
	for (int i = 0; i < 1000; i++)
		store_queue_add(&q, piece, 1000);
	free(piece);
	store_free(st);
	h.st = store_new(ring);
	store_recover(h.st, found_cb, &h);
	assert_int_equal(h.n, 1);
	assert_int_equal(store_queue_dropped(&h.queues[0]) + h.queues[0].bytes, 1000000);
	heirs_free(&h);
	close(ring);
}

static void
test_successor_that_refuses_gets_the_room_back(void **state)
{
	int ring = ring_new();
	struct store *st = store_new(ring);
	struct heirs h = { .refuse = true };
	struct store_queue q;
	struct stat before, after;
	char *piece = calloc(1, 100000);

	assert_non_null(piece);
	store_queue_init(&q, st, "/q");
	store_queue_add(&q, piece, 100000);
	store_free(st);
	assert_int_equal(fstat(ring, &before), 0);
	h.st = store_new(ring);
	store_recover(h.st, found_cb, &h);
	assert_int_equal(store_bytes(h.st), 0);
	assert_int_equal(fstat(ring, &after), 0);
#ifdef FALLOC_FL_PUNCH_HOLE
	assert_true(after.st_blocks * 512 < 100000);
#endif
	heirs_free(&h);
	free(piece);
	close(ring);
}

/* Damage of any kind costs what is damaged, no more; nothing is read outside. */
static void
test_damaged_file_is_survived(void **state)
{
	uint64_t seed = 20130401;

	for (int round = 0; round < 300; round++) {
		int ring = ring_new();
		struct store *st = store_new(ring);
		struct heirs h = { 0 };
		struct store_queue q[8];
		char path[8][32], noise[64], all[4096];
		off_t size;

		for (int i = 0; i < 8; i++) {
			snprintf(path[i], sizeof(path[i]), "/log-%d", i);
			store_queue_init(&q[i], st, path[i]);
			for (int j = 0; j < 30; j++)
				add(&q[i], "thirty two bytes in a short line");
		}
		store_free(st);
		size = lseek(ring, 0, SEEK_END);
		for (int i = 0; i < 40; i++) {
			size_t n = 1 + unit_random(&seed) % sizeof(noise);
			off_t at = (off_t) (unit_random(&seed) % (uint64_t) size);

			for (size_t j = 0; j < n; j++)
				noise[j] = (char) unit_random(&seed);
			if (i % 2 == 0)
				at = at / STORE_BLOCK * STORE_BLOCK + (off_t) (unit_random(&seed) % 32);
			assert_int_equal(pwrite(ring, noise, n, at), n);
		}
		if (round % 10 == 0)
			assert_int_equal(ftruncate(ring, size / 2 + 100), 0);
		h.st = store_new(ring);
		store_recover(h.st, found_cb, &h);
		for (size_t i = 0; i < h.n; i++) {
			size_t n;

			add(&h.queues[i], "more");
			while ((n = store_queue_peek(&h.queues[i], all, sizeof(all))) > 0)
				store_queue_consume(&h.queues[i], n);
		}
		assert_int_equal(store_bytes(h.st), 0);
		heirs_free(&h);
		close(ring);
	}
}

/* -- against a model --------------------------------------------------------- */

/* What a queue should hold: the bytes that were added, in order, numbered; the oldest may be missing. */
struct model {
	uint64_t added, taken; /* numbers of the next byte to add, and to expect */
};

static char
model_byte(uint64_t number, unsigned queue)
{
	return (char) ('!' + (number * 7 + queue) % 90);
}

static void
test_random_use_agrees_with_model(void **state)
{
	enum { QUEUES = 6 };
	uint64_t seed = 7;
	int ring = ring_new();
	struct store *st = store_new(ring);
	struct store_queue q[QUEUES];
	struct model m[QUEUES] = { 0 };
	char path[QUEUES][32], *buf = malloc(STORE_QUEUE_MAX * 2);

	assert_non_null(buf);
	for (unsigned i = 0; i < QUEUES; i++) {
		snprintf(path[i], sizeof(path[i]), "/m%u", i);
		store_queue_init(&q[i], st, path[i]);
	}
	for (int step = 0; step < 20000; step++) {
		unsigned i = (unsigned) (unit_random(&seed) % QUEUES);
		size_t n = unit_random(&seed) % (step % 100 == 0 ? STORE_QUEUE_MAX + 5000 : 2000);

		if (unit_random(&seed) % 2 == 0) {
			for (size_t j = 0; j < n; j++)
				buf[j] = model_byte(m[i].added++, i);
			store_queue_add(&q[i], buf, n);
		} else {
			n = store_queue_peek(&q[i], buf, n + 1);
			m[i].taken += store_queue_dropped(&q[i]);
			store_queue_clear_dropped(&q[i]);
			for (size_t j = 0; j < n; j++)
				if (buf[j] != model_byte(m[i].taken + j, i))
					fail_msg("queue %u, step %d, byte %zu", i, step, j);
			n = n > 0 ? unit_random(&seed) % (n + 1) : 0;
			store_queue_consume(&q[i], n);
			m[i].taken += n;
		}
		assert_int_equal(m[i].taken + store_queue_dropped(&q[i]) + q[i].bytes, m[i].added);
	}
	for (unsigned i = 0; i < QUEUES; i++)
		store_queue_deinit(&q[i]);
	assert_int_equal(store_bytes(st), 0);
	free(buf);
	store_free(st);
	close(ring);
}

/* Without memory bytes are lost, but counted; the store stays whole. */
static int
use_without_memory(void *data)
{
	struct store *st = store_new(-1);
	struct store_queue q;
	size_t kept, n, taken = 0;
	char buf[100];

	if (st == NULL)
		return -ENOMEM;
	store_queue_init(&q, st, "/a/path");
	for (int i = 0; i < 10; i++)
		add(&q, "a line of which twenty fill more than one block, so that several are needed here\n");
	kept = q.bytes;
	assert_int_equal(kept + store_queue_dropped(&q), 10 * 81);
	while ((n = store_queue_peek(&q, buf, sizeof(buf))) > 0) {
		store_queue_consume(&q, n);
		taken += n;
	}
	assert_int_equal(taken, kept);
	store_queue_deinit(&q);
	store_free(st);
	return 0;
}

static void
test_memory_short_is_counted(void **state)
{
	assert_true(failalloc_each_lenient(use_without_memory, NULL) > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_keeps_order),
		cmocka_unit_test(test_queue_full_drops_its_oldest),
		cmocka_unit_test(test_queue_takes_the_end_of_too_long_a_piece),
		cmocka_unit_test(test_full_store_takes_from_the_biggest),
		cmocka_unit_test(test_successor_finds_all_queues),
		cmocka_unit_test(test_successor_knows_what_was_dropped),
		cmocka_unit_test(test_successor_that_refuses_gets_the_room_back),
		cmocka_unit_test(test_damaged_file_is_survived),
		cmocka_unit_test(test_random_use_agrees_with_model),
		cmocka_unit_test(test_memory_short_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
