/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Descriptors that came with events, by the handles the core knows them by.
 */

#include "init/init.h"

struct note;

int must_check fdtable_init(struct init *init);
void fdtable_deinit(struct init *init);

/* Take a descriptor in (it is owned from now on, closed on failure). 0 and *handle, or a negative errno. */
int must_check fdtable_add(struct init *init, int fd, uint64_t *handle);
/* Borrowed, or -1. */
int fdtable_get(const struct init *init, uint64_t handle);
void fdtable_close(struct init *init, uint64_t handle); /* unknown ones are ignored */

void fdtable_save(struct init *init);
int must_check fdtable_load(struct init *init, const struct note *note);
void fdtable_each(const struct init *init, void (*fn)(int fd, void *data), void *data);
