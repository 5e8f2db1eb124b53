/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Events on their way to init, in order, and never more than so many (bridges.md 1.10).
 *
 * An event stays here until init has answered for it, so that it can be sent again when the connection is lost in
 * between. Those that were sent and not yet answered always lie before those not yet sent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

#define QUEUE_DEFAULT 4096                      /* events */
#define QUEUE_BYTES ((size_t) 16 * 1024 * 1024) /* of all names and variables together */

struct queue_event {
	struct queue_event *next;
	uint64_t id; /* never used again */
	size_t bytes;
	char *name; /* owned */
	char **env; /* owned */
	char *only; /* owned: the object of the job or instance that it is meant for; NULL: of all */
};

struct queue {
	struct queue_event *first, *last; /* owned */
	struct queue_event *unsent;       /* the first that is not under way; NULL: all are */
	size_t count, sent;
	size_t bytes;
	size_t limit; /* events */
	uint64_t ids;
	unsigned long dropped; /* since queue_take_dropped() */
};

#define QUEUE_INIT(most) { .limit = (most) }

void queue_deinit(struct queue *queue); /* idempotent */

/* Copies all; `only` may be NULL. 0; -ENOBUFS when full, -ENOMEM: either way it is counted as dropped. */
int must_check queue_push(struct queue *queue, const char *name, char *const *env, const char *only);

/* The first unsent event is under way now. */
void queue_mark_sent(struct queue *queue);
/* It was answered: forget it. False if nothing under way has this id. */
bool queue_remove(struct queue *queue, uint64_t id);
/* Nothing is under way any more: all is to be sent again, or what was sent is forgotten; then returns how many. */
void queue_rewind(struct queue *queue);
size_t queue_forget_sent(struct queue *queue);

unsigned long queue_take_dropped(struct queue *queue);
