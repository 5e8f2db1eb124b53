/* SPDX-License-Identifier: MIT */
/*
 * A system that does not say what is mounted: what is in memory is written.
 */
#include "system/unmount.h"

#include <unistd.h>

#include "common/str.h"

void
unmount_all(struct unmount *u)
{
	(void) u;
}

void
unmount_rest(struct unmount *u)
{
	(void) u;
}

void
unmount_root(struct unmount *u)
{
	(void) u;
	sync();
}

void
unmount_deinit(struct unmount *u)
{
	u->left = strv_free(u->left);
	u->hung = strv_free(u->hung);
	u->cut = strv_free(u->cut);
	u->dead = strv_free(u->dead);
}
