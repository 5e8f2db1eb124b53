/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Output that could not be written yet: bounded queues of bytes, one per log file.
 *
 * The memory is a file of fixed blocks. When init hands in a descriptor of an anonymous
 * file, what waits outlives this process: the next logger finds every queue again.
 * Without one the blocks lie on the heap. When a queue, or the whole store, is full the oldest
 * bytes go and are counted; nothing here ever fails in another way.
 */

#include <stdbool.h>

#include "common/macros.h"

#define STORE_BLOCK 512u		      /* bytes, header included */
#define STORE_BLOCKS 32768u		      /* 16 MiB in all */
#define STORE_QUEUE_MAX ((size_t) 256 * 1024) /* bytes of data in one queue */

struct store;

/* Bytes that wait for one path. Zeroed = empty; store_queue_init() before use, members are private. */
struct store_queue {
	struct store *store;		 /* borrowed */
	struct store_queue *prev, *next; /* among those that hold something */
	const char *path;		 /* borrowed: lives as long as the queue */
	uint32_t id;			 /* 0: holds no block */
	uint32_t names;			 /* chain of blocks with the path */
	uint32_t first, last;		 /* chain of blocks with data */
	size_t bytes;
	uint64_t dropped;
};

/*
 * A store over `fd` (borrowed, positioned I/O only; -1: heap). What a predecessor left in it is
 * kept for store_recover(). NULL: out of memory.
 */
struct store *store_new(int fd);
struct store *store_free(struct store *store); /* takes NULL, returns NULL; the file is left as it is */

/*
 * Go through what a predecessor left: `found` is called once for each path and returns the
 * queue (initialised, empty) that takes it over, or NULL to throw it away.
 * Call once, before anything is added. Damaged blocks are thrown away.
 */
typedef struct store_queue *(*store_found_fn)(const char *path, void *data);
void store_recover(struct store *store, store_found_fn found, void *data);

/* Bytes of data in all queues. */
size_t store_bytes(const struct store *store);

void store_queue_init(struct store_queue *q, struct store *store, const char *path);
void store_queue_deinit(struct store_queue *q); /* idempotent; what it held is gone */

/* Nothing to write: neither bytes nor word of dropped ones. */
bool store_queue_is_empty(const struct store_queue *q);
/* Bytes lost before those that are left. */
uint64_t store_queue_dropped(const struct store_queue *q);
/* The loss has been told. */
void store_queue_clear_dropped(struct store_queue *q);

/* Append; what does not fit pushes out the oldest. */
void store_queue_add(struct store_queue *q, const char *p, size_t n);
/* Copy up to `size` bytes from the front; how many. 0 with bytes left: unreadable, dropped and counted. */
size_t store_queue_peek(struct store_queue *q, char *buf, size_t size);
/* Forget `n` bytes at the front. */
void store_queue_consume(struct store_queue *q, size_t n);
/* The same, and count them as lost. */
void store_queue_drop(struct store_queue *q, size_t n);
