/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a class and an effect to the spawner's message.
 */

#include "init/init.h"

/* "web main" or "tty (1) main"; owned; NULL when out of memory. */
char *spawn_display(const struct effect_spawn *e);

/*
 * Fill *msg (zeroed; release it with wire_free_struct() in any case) and append the descriptors of events behind
 * the *n_fds that are in `fds` (room for IPC_MAX_FDS). 0, -ENOMEM, -EINVAL (a variable that can't be expanded).
 */
int must_check spawn_request_fill(const struct init *init, const struct effect_spawn *e, const struct job_class *cls,
				  const char *name, struct msg_spawn *msg, int *fds, size_t *n_fds);
