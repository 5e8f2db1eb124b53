/* SPDX-License-Identifier: MIT */
/*
 * The store: a file of blocks. Responsible for what is kept, where, and for the bounds;
 * not for when it is written.
 *
 * A block is a header and bytes. A queue is a chain of NAME blocks (the path, in parts) and a
 * chain of DATA blocks in the order of their `seq`. The chains live in memory; the headers
 * say enough to build them again. A block is valid as soon as its header is written, and free
 * as soon as the header is zeroed: a logger that is killed between two writes leaves at
 * worst bytes that were already written to the log, never a torn queue.
 */
#include "logger/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <utlist.h>

#define BLOCK_MAGIC 0x55324c42u /* "U2LB" */
#define BLOCKS_PER_PAGE 8u	/* pages of 4096 bytes are given back to the kernel when empty */
#define PAGES (STORE_BLOCKS / BLOCKS_PER_PAGE)
#define NIL UINT32_MAX

enum { BLOCK_FREE, BLOCK_NAME, BLOCK_DATA };

struct block_head {
	uint32_t magic;
	uint16_t type;
	uint16_t start, end; /* valid bytes of the payload: [start, end) */
	uint16_t reserved;
	uint32_t queue;
	uint64_t seq;	  /* order among the blocks of a queue */
	uint64_t dropped; /* first NAME block only */
};

#define PAYLOAD (STORE_BLOCK - sizeof(struct block_head))

/* What is known in memory about a block. */
struct block {
	uint32_t next; /* in its chain, or among the free ones */
	uint16_t start, end;
	char *heap; /* owned; the block itself when there is no file */
};

struct store {
	int fd;
	struct block *blocks; /* owned, STORE_BLOCKS of them */
	uint8_t used[PAGES];  /* blocks in use per page */
	uint32_t free;	      /* chain of blocks that were used once */
	uint32_t fresh;	      /* blocks from here on were never used */
	uint32_t last_id;
	uint64_t seq;
	size_t bytes;
	struct store_queue *queues; /* those that hold blocks; borrowed */
};

/* -- blocks ------------------------------------------------------------------ */

static int
block_put(struct store *st, uint32_t b, size_t offset, const void *p, size_t n)
{
	ssize_t r;

	if (st->fd < 0) {
		if (st->blocks[b].heap == NULL)
			st->blocks[b].heap = calloc(1, STORE_BLOCK);
		if (st->blocks[b].heap == NULL)
			return -ENOMEM;
		memcpy(st->blocks[b].heap + offset, p, n);
		return 0;
	}
	do
		r = pwrite(st->fd, p, n, (off_t) b * STORE_BLOCK + (off_t) offset);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t) r == n ? 0 : -EIO;
}

static int
block_get(const struct store *st, uint32_t b, size_t offset, void *p, size_t n)
{
	ssize_t r;

	if (st->fd < 0) {
		if (st->blocks[b].heap == NULL)
			return -EIO;
		memcpy(p, st->blocks[b].heap + offset, n);
		return 0;
	}
	do
		r = pread(st->fd, p, n, (off_t) b * STORE_BLOCK + (off_t) offset);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t) r == n ? 0 : -EIO;
}

/* An unused block: its number or NIL. It counts as used from now on. */
static uint32_t
block_take(struct store *st)
{
	uint32_t b = st->free;

	if (b != NIL)
		st->free = st->blocks[b].next;
	else if (st->fresh < STORE_BLOCKS)
		b = st->fresh++;
	else
		return NIL;
	st->used[b / BLOCKS_PER_PAGE]++;
	st->blocks[b].next = NIL;
	st->blocks[b].start = st->blocks[b].end = 0;
	return b;
}

static void
block_release(struct store *st, uint32_t b)
{
	static const struct block_head zero;
	uint32_t page = b / BLOCKS_PER_PAGE;

	if (st->fd >= 0)
		(void) block_put(st, b, 0, &zero, sizeof(zero));
	free(steal(&st->blocks[b].heap));
	st->used[page]--;
#ifdef FALLOC_FL_PUNCH_HOLE
	if (st->fd >= 0 && st->used[page] == 0)
		(void) fallocate(st->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 (off_t) page * BLOCKS_PER_PAGE * STORE_BLOCK, (off_t) BLOCKS_PER_PAGE * STORE_BLOCK);
#endif
	st->blocks[b].next = st->free;
	st->free = b;
}

static void
chain_release(struct store *st, uint32_t b)
{
	while (b != NIL) {
		uint32_t next = st->blocks[b].next;

		block_release(st, b);
		b = next;
	}
}

/* Write a whole new block. */
static int
block_fill(struct store *st, uint32_t b, const struct block_head *head, const char *p)
{
	char whole[STORE_BLOCK];
	int r;

	memcpy(whole, head, sizeof(*head));
	memcpy(whole + sizeof(*head), p, head->end);
	r = block_put(st, b, 0, whole, sizeof(*head) + head->end);
	st->blocks[b].start = head->start;
	st->blocks[b].end = head->end;
	return r;
}

/* Change the header of a block that is in use: which bytes are left, and how many were lost. */
static int
block_update(struct store *st, uint32_t b, uint64_t dropped)
{
	struct block_head head;
	int r = block_get(st, b, 0, &head, sizeof(head));

	if (r < 0)
		return r;
	head.start = st->blocks[b].start;
	head.end = st->blocks[b].end;
	head.dropped = dropped;
	return block_put(st, b, 0, &head, sizeof(head));
}

/* -- dropping ---------------------------------------------------------------- */

/* Give back all blocks. The count of dropped bytes stays, in memory. */
static void
queue_release(struct store_queue *q)
{
	struct store *st = q->store;

	if (q->id == 0)
		return;
	/* Data first: names without data are thrown away at recovery. */
	chain_release(st, q->first);
	chain_release(st, q->names);
	st->bytes -= q->bytes;
	DL_DELETE(st->queues, q);
	q->id = 0;
	q->names = q->first = q->last = NIL;
	q->bytes = 0;
}

static void
count_dropped(struct store_queue *q, size_t n)
{
	q->dropped += n;
	if (q->names != NIL)
		(void) block_update(q->store, q->names, q->dropped);
}

/* Unlink the oldest block of a queue; how many bytes it held. */
static size_t
first_release(struct store_queue *q)
{
	struct store *st = q->store;
	uint32_t b = q->first;
	size_t n = (size_t) (st->blocks[b].end - st->blocks[b].start);

	q->first = st->blocks[b].next;
	if (q->first == NIL)
		q->last = NIL;
	q->bytes -= n;
	st->bytes -= n;
	block_release(st, b);
	return n;
}

static bool
drop_oldest(struct store_queue *q)
{
	if (q == NULL || q->first == NIL)
		return false;
	count_dropped(q, first_release(q));
	return true;
}

/* The store is full: who holds most pays, so that one flood does not push out everybody else's lines. */
static struct store_queue *
biggest(const struct store *st)
{
	struct store_queue *best = NULL, *q;

	DL_FOREACH(st->queues, q)
		if (q->first != NIL && (best == NULL || q->bytes > best->bytes))
			best = q;
	return best;
}

/* A block, if need be at the cost of the biggest queue. */
static uint32_t
block_make(struct store *st)
{
	uint32_t b = block_take(st);

	if (b == NIL && drop_oldest(biggest(st)))
		b = block_take(st);
	return b;
}

/* -- adding ------------------------------------------------------------------ */

/* Write one more block to the end of a chain. */
static int
chain_add(struct store_queue *q, uint16_t type, const char *p, size_t n, uint32_t *first, uint32_t *last)
{
	struct store *st = q->store;
	struct block_head head = { .magic = BLOCK_MAGIC, .type = type, .end = (uint16_t) n, .queue = q->id };
	uint32_t b = block_make(st);
	int r;

	if (b == NIL)
		return -ENOSPC;
	head.seq = ++st->seq;
	if (type == BLOCK_NAME && *first == NIL)
		head.dropped = q->dropped;
	r = block_fill(st, b, &head, p);
	if (r < 0) {
		block_release(st, b);
		return r;
	}
	/* Making room may have emptied this very chain: look at its end only now. */
	if (*first == NIL)
		*first = b;
	else
		st->blocks[*last].next = b;
	*last = b;
	return 0;
}

/* Give the queue an id and write its path down. */
static int
queue_open(struct store_queue *q)
{
	struct store *st = q->store;
	size_t len = strlen(q->path);
	uint32_t last = NIL;

	if (q->id != 0)
		return 0;
	do
		st->last_id++;
	while (st->last_id == 0);
	q->id = st->last_id;
	q->names = q->first = q->last = NIL;
	q->bytes = 0;
	DL_APPEND(st->queues, q);
	for (size_t done = 0; done < len;) {
		size_t n = len - done < PAYLOAD ? len - done : PAYLOAD;
		int r = chain_add(q, BLOCK_NAME, q->path + done, n, &q->names, &last);

		if (r < 0) {
			queue_release(q);
			return r;
		}
		done += n;
	}
	return 0;
}

/* Put what fits into the last block; how much. */
static size_t
last_extend(struct store_queue *q, const char *p, size_t n)
{
	struct store *st = q->store;
	struct block *b;

	if (q->last == NIL)
		return 0;
	b = &st->blocks[q->last];
	if (n > PAYLOAD - b->end)
		n = PAYLOAD - b->end;
	if (n == 0 || block_put(st, q->last, sizeof(struct block_head) + b->end, p, n) < 0)
		return 0;
	b->end = (uint16_t) (b->end + n);
	if (block_update(st, q->last, 0) < 0) {
		b->end = (uint16_t) (b->end - n);
		return 0;
	}
	q->bytes += n;
	st->bytes += n;
	return n;
}

void
store_queue_add(struct store_queue *q, const char *p, size_t n)
{
	struct store *st = q->store;

	if (n > STORE_QUEUE_MAX) {
		/* Only its end can be kept, and nothing that is older than it. */
		size_t over = n - STORE_QUEUE_MAX;

		count_dropped(q, q->bytes + over);
		queue_release(q);
		p += over;
		n -= over;
	}
	if (n == 0)
		return;
	if (queue_open(q) < 0) {
		count_dropped(q, n);
		return;
	}
	while (q->bytes + n > STORE_QUEUE_MAX && drop_oldest(q))
		continue;
	while (n > 0) {
		size_t part = last_extend(q, p, n);

		if (part == 0) {
			part = n < PAYLOAD ? n : PAYLOAD;
			if (chain_add(q, BLOCK_DATA, p, part, &q->first, &q->last) < 0) {
				count_dropped(q, n);
				break;
			}
			q->bytes += part;
			st->bytes += part;
		}
		p += part;
		n -= part;
	}
	if (q->first == NIL)
		queue_release(q);
}

/* -- taking ------------------------------------------------------------------ */

size_t
store_queue_peek(struct store_queue *q, char *buf, size_t size)
{
	struct store *st = q->store;
	size_t done = 0;

	if (q->id == 0)
		return 0;
	for (uint32_t b = q->first; b != NIL && done < size; b = st->blocks[b].next) {
		size_t n = (size_t) (st->blocks[b].end - st->blocks[b].start);

		if (n > size - done)
			n = size - done;
		if (block_get(st, b, sizeof(struct block_head) + st->blocks[b].start, buf + done, n) < 0) {
			if (done == 0)
				(void) drop_oldest(q);
			break;
		}
		done += n;
	}
	if (q->first == NIL)
		queue_release(q);
	return done;
}

void
store_queue_consume(struct store_queue *q, size_t n)
{
	struct store *st = q->store;

	while (n > 0 && q->id != 0 && q->first != NIL) {
		struct block *b = &st->blocks[q->first];
		size_t have = (size_t) (b->end - b->start);

		if (have <= n) {
			n -= first_release(q);
			continue;
		}
		b->start = (uint16_t) (b->start + n);
		q->bytes -= n;
		st->bytes -= n;
		n = 0;
		(void) block_update(st, q->first, 0);
	}
	if (q->id != 0 && q->first == NIL)
		queue_release(q);
}

void
store_queue_drop(struct store_queue *q, size_t n)
{
	count_dropped(q, n);
	store_queue_consume(q, n);
}

void
store_queue_init(struct store_queue *q, struct store *store, const char *path)
{
	*q = (struct store_queue){ .store = store, .path = path, .names = NIL, .first = NIL, .last = NIL };
}

void
store_queue_deinit(struct store_queue *q)
{
	if (q->store != NULL)
		queue_release(q);
	q->dropped = 0;
}

bool
store_queue_is_empty(const struct store_queue *q)
{
	return q->bytes == 0 && q->dropped == 0;
}

uint64_t
store_queue_dropped(const struct store_queue *q)
{
	return q->dropped;
}

void
store_queue_clear_dropped(struct store_queue *q)
{
	if (q->dropped == 0)
		return;
	q->dropped = 0;
	if (q->id != 0 && q->first == NIL)
		queue_release(q);
	else if (q->names != NIL)
		(void) block_update(q->store, q->names, 0);
}

/* -- recovery ---------------------------------------------------------------- */

/* A block that a predecessor left. */
struct left {
	uint32_t block;
	struct block_head head;
};

/* By queue; names before data; then by age. */
static int
left_compare(const void *a, const void *b)
{
	const struct left *x = a, *y = b;

	if (x->head.queue != y->head.queue)
		return x->head.queue < y->head.queue ? -1 : 1;
	if (x->head.type != y->head.type)
		return x->head.type < y->head.type ? -1 : 1;
	if (x->head.seq != y->head.seq)
		return x->head.seq < y->head.seq ? -1 : 1;
	return 0;
}

static bool
head_is_valid(const struct block_head *h)
{
	return h->magic == BLOCK_MAGIC && (h->type == BLOCK_NAME || h->type == BLOCK_DATA) && h->queue != 0 &&
	       h->start < h->end && h->end <= PAYLOAD;
}

/* Read all headers. The number of valid ones; *left is the caller's. */
static size_t
read_heads(struct store *st, struct left **left)
{
	size_t n = 0, room = 0;

	for (uint32_t b = 0; b < STORE_BLOCKS;) {
		struct block_head head;
#ifdef SEEK_DATA
		off_t data = b % BLOCKS_PER_PAGE == 0 ? lseek(st->fd, (off_t) b * STORE_BLOCK, SEEK_DATA) : 0;

		if (data < 0)
			break;
		if (data / STORE_BLOCK > (off_t) b) {
			b = (uint32_t) (data / STORE_BLOCK);
			continue;
		}
#endif
		if (block_get(st, b, 0, &head, sizeof(head)) == 0 && head_is_valid(&head)) {
			if (n == room) {
				struct left *more = realloc(*left, (room = room * 2 + 64) * sizeof(**left));

				if (more == NULL)
					break;
				*left = more;
			}
			(*left)[n++] = (struct left){ b, head };
		}
		b++;
	}
	return n;
}

/* Mark as used what was found; everything else below is free. */
static void
mark_used(struct store *st, const struct left *left, size_t n)
{
	auto_free uint8_t *seen = calloc(STORE_BLOCKS, 1);

	st->fresh = 0;
	for (size_t i = 0; i < n; i++) {
		const struct left *l = &left[i];

		if (l->block >= st->fresh)
			st->fresh = l->block + 1;
		st->used[l->block / BLOCKS_PER_PAGE]++;
		st->blocks[l->block] = (struct block){ NIL, l->head.start, l->head.end, NULL };
		if (l->head.seq > st->seq)
			st->seq = l->head.seq;
		if (l->head.queue > st->last_id)
			st->last_id = l->head.queue;
		if (seen != NULL)
			seen[l->block] = 1;
	}
	/* Without the map of gaps they are only lost to this process. */
	for (uint32_t b = 0; seen != NULL && b < st->fresh; b++)
		if (!seen[b]) {
			st->blocks[b].next = st->free;
			st->free = b;
		}
}

/* The path in the name blocks among left[0..n): owned, or NULL. *n_names: how many there are. */
static char *
read_path(const struct store *st, const struct left *left, size_t n, size_t *n_names)
{
	char *path;
	size_t len = 0, i;

	for (i = 0; i < n && left[i].head.type == BLOCK_NAME; i++)
		len += left[i].head.end;
	*n_names = i;
	path = malloc(len + 1);
	if (path == NULL)
		return NULL;
	len = 0;
	for (i = 0; i < *n_names; i++) {
		if (block_get(st, left[i].block, sizeof(left[i].head), path + len, left[i].head.end) < 0)
			break;
		len += left[i].head.end;
	}
	path[len] = '\0';
	if (i == *n_names && path[0] == '/' && strlen(path) == len)
		return path;
	free(path);
	return NULL;
}

/* Link left[0..n) into a chain. */
static void
link_blocks(struct store *st, const struct left *left, size_t n, uint32_t *first, uint32_t *last)
{
	for (size_t i = 0; i < n; i++) {
		if (*first == NIL)
			*first = left[i].block;
		else
			st->blocks[*last].next = left[i].block;
		*last = left[i].block;
	}
}

/* All blocks of one queue: find their new owner, or free them. */
static void
recover_queue(struct store *st, const struct left *left, size_t n, store_found_fn found, void *data)
{
	size_t n_names = 0;
	auto_free char *path = read_path(st, left, n, &n_names);
	struct store_queue *q = NULL;
	uint32_t last_name = NIL;

	if (path != NULL && n_names > 0 && (n_names < n || left[0].head.dropped > 0))
		q = found(path, data);
	if (q == NULL || q->id != 0) {
		for (size_t i = n; i-- > 0;)
			block_release(st, left[i].block);
		return;
	}
	q->id = left[0].head.queue;
	q->dropped = left[0].head.dropped;
	link_blocks(st, left, n_names, &q->names, &last_name);
	link_blocks(st, left + n_names, n - n_names, &q->first, &q->last);
	for (size_t i = n_names; i < n; i++)
		q->bytes += (size_t) (left[i].head.end - left[i].head.start);
	st->bytes += q->bytes;
	DL_APPEND(st->queues, q);
}

void
store_recover(struct store *st, store_found_fn found, void *data)
{
	auto_free struct left *left = NULL;
	size_t n;

	if (st->fd < 0)
		return;
	n = read_heads(st, &left);
	if (n == 0)
		return;
	qsort(left, n, sizeof(*left), left_compare);
	mark_used(st, left, n);
	for (size_t from = 0; from < n;) {
		size_t to = from;

		while (to < n && left[to].head.queue == left[from].head.queue)
			to++;
		recover_queue(st, left + from, to - from, found, data);
		from = to;
	}
}

/* -- the store --------------------------------------------------------------- */

struct store *
store_new(int fd)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->blocks = calloc(STORE_BLOCKS, sizeof(*st->blocks));
	if (st->blocks == NULL) {
		free(st);
		return NULL;
	}
	st->fd = fd;
	st->free = NIL;
	return st;
}

struct store *
store_free(struct store *st)
{
	if (st == NULL)
		return NULL;
	for (uint32_t b = 0; b < STORE_BLOCKS && st->fd < 0; b++)
		free(st->blocks[b].heap);
	free(st->blocks);
	free(st);
	return NULL;
}

size_t
store_bytes(const struct store *st)
{
	return st->bytes;
}
