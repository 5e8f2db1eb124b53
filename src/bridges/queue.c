/* SPDX-License-Identifier: MIT */
#include "bridges/queue.h"

#include <errno.h>
#include <string.h>

#include "common/str.h"

static void
event_free(struct queue_event *event)
{
	if (!event)
		return;
	free(event->name);
	(void) strv_free(event->env);
	free(event->only);
	free(event);
}

/* Take `event` out; `before` is the one before it, NULL if it is the first. */
static void
unlink_after(struct queue *queue, struct queue_event *before, struct queue_event *event)
{
	if (before)
		before->next = event->next;
	else
		queue->first = event->next;
	if (queue->last == event)
		queue->last = before;
	queue->count--;
	queue->bytes -= event->bytes;
	event_free(event);
}

void
queue_deinit(struct queue *queue)
{
	while (queue->first)
		unlink_after(queue, NULL, queue->first);
	queue->unsent = NULL;
	queue->sent = 0;
}

static size_t
size_of(const char *name, char *const *env)
{
	size_t bytes = strlen(name);

	for (; env && *env; env++)
		bytes += strlen(*env);
	return bytes;
}

int
queue_push(struct queue *queue, const char *name, char *const *env, const char *only)
{
	size_t bytes = size_of(name, env) + (only ? strlen(only) : 0);
	struct queue_event *event;

	if (queue->count >= queue->limit || bytes > QUEUE_BYTES - queue->bytes) {
		queue->dropped++;
		return -ENOBUFS;
	}
	event = calloc(1, sizeof(*event));
	if (event)
		event->name = strdup(name);
	if (!event || !event->name || strv_dup(&event->env, env) < 0 || str_copy(&event->only, only) < 0) {
		event_free(event);
		queue->dropped++;
		return -ENOMEM;
	}
	event->id = ++queue->ids;
	event->bytes = bytes;
	if (queue->last)
		queue->last->next = event;
	else
		queue->first = event;
	queue->last = event;
	queue->count++;
	queue->bytes += bytes;
	if (!queue->unsent)
		queue->unsent = event;
	return 0;
}

void
queue_mark_sent(struct queue *queue)
{
	if (!queue->unsent)
		return;
	queue->unsent = queue->unsent->next;
	queue->sent++;
}

bool
queue_remove(struct queue *queue, uint64_t id)
{
	struct queue_event *before = NULL;

	for (struct queue_event *event = queue->first; event && event != queue->unsent; event = event->next) {
		if (event->id == id) {
			unlink_after(queue, before, event);
			queue->sent--;
			return true;
		}
		before = event;
	}
	return false;
}

void
queue_rewind(struct queue *queue)
{
	queue->unsent = queue->first;
	queue->sent = 0;
}

size_t
queue_forget_sent(struct queue *queue)
{
	size_t forgotten = 0;

	while (queue->first && queue->first != queue->unsent) {
		unlink_after(queue, NULL, queue->first);
		forgotten++;
	}
	queue->sent = 0;
	return forgotten;
}

unsigned long
queue_take_dropped(struct queue *queue)
{
	unsigned long dropped = queue->dropped;

	queue->dropped = 0;
	return dropped;
}
