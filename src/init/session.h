/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What only the init of a user's session does: its file, and its end.
 */

#include "init/init.h"

/* Write $XDG_RUNTIME_DIR/upstart/sessions/PID.session. Failure is told and harmless (control.md 1.3). */
void session_announce(struct init *init);
/* The session is over: servants finish, then init leaves its loop with that status. */
void session_leave(struct init *init, int status);
/* Somebody asks for the servants not to be waited for. */
void session_hurry(struct init *init);
/* At the end of each turn: leave when the servants have gone. */
void session_turn(struct init *init);
