/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a machine or a container: what the core has decided (core/shutdown.c) is carried out here.
 */

#include "init/init.h"

/* The input of that kind. 0 or -ENOMEM; its members are the caller's to free. */
int must_check shutdown_fill(const struct init *init, enum shutdown_action what, struct input_shutdown *in);

/* Tell the core how runlevels 0 and 6 end: the limit, the job whose end is the end. At the start of each image. */
void shutdown_rules(struct init *init);
/* Say that the job is not there whose end is the end. Once all are read. */
void shutdown_tell_lacking(const struct init *init);
/* Go down; on the way down: what is waited for is killed. */
void shutdown_begin(struct init *init);
/* True: init is on its way down, and what is waited for is killed. */
bool shutdown_skip(struct init *init);

/* Where the way down leads to: `level`, and INIT_HALT or NULL; both borrowed. False: there is no way down. */
bool shutdown_aim(const struct init *init, const char **level, const char **halt);
/* What tells the next image of the way down, should it find no state, or one that knows of none. 0 or -ENOMEM. */
int must_check shutdown_arguments(const struct init *init, char ***argv);

/* All jobs are down. Processes that are nobody's are asked to end, then init leaves. */
void shutdown_finish(struct init *init, const struct effect_finished *how);
/* At the start of an image: if it has got as far as that, go on. */
void shutdown_continue(struct init *init);
/*
 * Before the books are opened: an image without the state of the last one takes its aim from it, if that was on its way
 * down; so does each that follows, since a state made meanwhile knows of no way down. 0 or -ENOMEM.
 */
int must_check shutdown_inherit(struct init *init);
/* At the start of an image that has its aim from there: whatever there is ends now. */
void shutdown_resume(struct init *init);
/* Each turn: on the way down of a machine the console is told, log files are closed, and what happens is recorded. */
void shutdown_turn(struct init *init);
void shutdown_deinit(struct init *init);
