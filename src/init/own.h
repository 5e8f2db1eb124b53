/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What init has to tell the core by itself, and nobody would tell again: events of signals, that control came or went,
 * the end of a session. When it is refused for want of memory it is told a moment later; nothing is needed to remember
 * it. As with signals, what comes twice before it is told is told once.
 */

#include "init/init.h"

int must_check own_init(struct init *init);
void own_deinit(struct init *init);

/* Emit an event without environment. `name` is borrowed for good. */
void own_emit(struct init *init, const char *name);
void own_control(struct init *init, bool present);
/* A session is to end, as for a shutdown. */
void own_session_end(struct init *init);
/* The rules of the way down, that it begins, or that nobody wants to wait (core/input.h). */
void own_shutdown(struct init *init, enum shutdown_action what);
