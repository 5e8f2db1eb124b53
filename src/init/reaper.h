/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Children that end, stop or continue: looked at, journaled, and only then taken.
 */

#include "init/init.h"

int must_check reaper_init(struct init *init);
void reaper_deinit(struct init *init);
/* At the end of each turn: handle all news there are, if there may be any. */
void reaper_turn(struct init *init);
