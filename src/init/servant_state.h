/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the next image of init must know of the servants: who they are, and where their links lie.
 */

#include "init/init.h"

struct note;

/* Journal what a servant is now. */
void servant_note(const struct servant *s);
/* All of them. */
void servants_save(struct init *init);
/* Take a note of theirs. 0. */
int must_check servants_load(struct init *init, const struct note *note);
/* All notes have been read: open the links. 0, or -ENOMEM; then descriptors of links are where they were. */
int must_check servants_loaded(struct init *init);
/* The descriptors of their links. */
void servants_each(const struct init *init, void (*fn)(int fd, void *data), void *data);
