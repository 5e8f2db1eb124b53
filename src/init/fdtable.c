/* SPDX-License-Identifier: MIT */
#include "init/fdtable.h"

#include <errno.h>
#include <utlist.h>

#include "init/state.h"

struct held {
	struct held *prev, *next;
	uint64_t handle;
	int fd; /* owned */
};

struct fdtable {
	struct held *list;
	struct map by_handle;
	uint64_t last;
};

int
fdtable_init(struct init *init)
{
	init->fdtable = calloc(1, sizeof(*init->fdtable));
	return init->fdtable != NULL ? 0 : -ENOMEM;
}

static void
held_free(struct fdtable *t, struct held *h)
{
	map_del_id(&t->by_handle, h->handle);
	DL_DELETE(t->list, h);
	(void) close(h->fd);
	free(h);
}

void
fdtable_deinit(struct init *init)
{
	struct held *h, *next;

	if (init->fdtable == NULL)
		return;
	DL_FOREACH_SAFE(init->fdtable->list, h, next)
		held_free(init->fdtable, h);
	map_deinit(&init->fdtable->by_handle);
	free(init->fdtable);
	init->fdtable = NULL;
}

static int
put(struct fdtable *t, uint64_t handle, int fd)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h == NULL || map_put_id(&t->by_handle, handle, h) < 0) {
		free(h);
		(void) close(fd);
		return -ENOMEM;
	}
	*h = (struct held){ .handle = handle, .fd = fd };
	DL_APPEND(t->list, h);
	if (handle > t->last)
		t->last = handle;
	return 0;
}

int
fdtable_add(struct init *init, int fd, uint64_t *handle)
{
	int r = put(init->fdtable, init->fdtable->last + 1, fd);

	if (r < 0)
		return r;
	*handle = init->fdtable->last;
	STATE_NOTE(init, NOTE_EVENT_FD, *handle, NULL, NOTE_FD(fd));
	return 0;
}

int
fdtable_get(const struct init *init, uint64_t handle)
{
	const struct held *h = map_get_id(&init->fdtable->by_handle, handle);

	return h != NULL ? h->fd : -1;
}

void
fdtable_close(struct init *init, uint64_t handle)
{
	struct held *h = map_get_id(&init->fdtable->by_handle, handle);

	if (h == NULL)
		return;
	STATE_NOTE(init, NOTE_EVENT_FD_GONE, handle, NULL, 0);
	held_free(init->fdtable, h);
}

void
fdtable_save(struct init *init)
{
	const struct held *h;

	DL_FOREACH(init->fdtable->list, h)
		STATE_NOTE(init, NOTE_EVENT_FD, h->handle, NULL, NOTE_FD(h->fd));
}

int
fdtable_load(struct init *init, const struct note *note)
{
	struct held *h = map_get_id(&init->fdtable->by_handle, note->id);

	if (note->kind == NOTE_EVENT_FD)
		return put(init->fdtable, note->id, note_fd(note, 0));
	/* It was closed before the exec: the number may be another's now. */
	if (h != NULL)
		h->fd = -1;
	if (h != NULL)
		held_free(init->fdtable, h);
	return 0;
}

void
fdtable_each(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	const struct held *h;

	DL_FOREACH(init->fdtable->list, h)
		fn(h->fd, data);
}
