/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The record of how a machine or a container goes down, for `initctl last-shutdown` afterwards: LOGDIR/last-shutdown, lines of
 * a word and a text. Children write it, since init writes to no disk: anew whenever there is more to tell, so that it is
 * there too when others end the machine, and once more at the very end.
 */

#include "common/str.h"
#include "init/init.h"

/*
 * Not in a PID namespace that is no container and was given no folder of its own: the usual one is the machine's there,
 * with the record of the machine; nor in a container that shall write no logs.
 */
bool last_is_wanted(const struct init *init);
/* Each turn: is there more to tell? Of a way down that is called off nothing is kept but that the record says so. */
void last_turn(struct init *init);
/* When the way down began is known from now on, if there is one. */
void last_begin(struct init *init);
/* Of a container that leaves: is all of it on the disk? True where there is none to write. */
bool last_is_written(const struct init *init);
/* A child ended: was it the one that writes? */
bool last_exited(struct init *init, pid_t pid);
/* A process of no job had to be killed. */
void last_note_stray(struct init *init, pid_t pid);

/* The record so far, with what could not be unmounted; `ended`: it is over, as far as can be told. NULL: no memory. */
char *last_text(struct init *init, char *const *left, bool ended);
/* Put it on the disk, whole. For a child: it may hang. 0 or a negative errno. */
int last_write(const char *dir, const char *text);
/* The same if a record of the same way down is there; else -ENOENT: its disk may have been unmounted. */
int last_write_again(const char *dir, const char *text);
/* Where it belongs; borrowed. */
const char *last_folder(const struct init *init);
void last_deinit(struct init *init);
