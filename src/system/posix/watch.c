/* SPDX-License-Identifier: MIT */
#include "system/watch.h"

#include <errno.h>

int
watch_new(struct loop *loop, watch_enter_fn enter, watch_fn fn, void *data, struct watch **watch)
{
	(void) loop;
	(void) enter;
	(void) fn;
	(void) data;
	*watch = NULL;
	return -ENOSYS;
}

struct watch *
watch_free(struct watch *watch)
{
	(void) watch;
	return NULL;
}

int
watch_add(struct watch *watch, unsigned root, const char *path, bool file)
{
	(void) watch;
	(void) root;
	(void) path;
	(void) file;
	return -ENOSYS;
}
