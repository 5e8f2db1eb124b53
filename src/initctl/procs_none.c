/* SPDX-License-Identifier: MIT */
#include "initctl/procs.h"

#include <errno.h>

int
procs_read(struct procs *procs unused)
{
	return -ENOTSUP;
}

const struct proc *
procs_find(const struct procs *procs unused, pid_t pid unused)
{
	return NULL;
}

void
procs_deinit(struct procs *procs)
{
	*procs = (struct procs) PROCS_INIT;
}
