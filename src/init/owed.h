/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Answers to requests that are given by init and not by the core, whose answers are effects: they are noted, and given
 * again by the next image, until the kernel has taken all that control is to be told. control passes over what it has
 * had.
 */

#include "init/init.h"

struct note;
struct msg_reply;

void owed_deinit(struct init *init);

/* Such an answer is about to be given: error and text NULL for success. A second one for a request takes the first's place. */
void owed_add(struct init *init, uint64_t request, const char *error, const char *text);
/* The next image shall answer it, with success. False: out of memory. */
bool owed_promise(struct init *init, uint64_t request);
/* There is none for now: this one answers all that was promised, with an error. */
void owed_break(struct init *init, const char *text);
/*
 * Give an answer, to a request or a query; `fd` goes along unless it is -1, and stays the caller's. When there is no memory
 * for it it is given later: the one that was noted, or else one that says so. False: so it will be.
 */
bool owed_give(struct init *init, const struct msg_reply *reply, int fd);
/* At the end of each turn: what has been taken is owed no more. True: some are left, to be given in a moment. */
bool owed_turn(struct init *init);
/* control has gone on over an exec: give them all again. */
void owed_again(struct init *init);
/* control is gone, and all its requests. */
void owed_forget(struct init *init);

void owed_save(struct init *init);
/* From a note of the journal. 0 or -ENOMEM. */
int must_check owed_load(struct init *init, const struct note *note);
