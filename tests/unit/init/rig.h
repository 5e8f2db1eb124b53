/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An init without servants, signals or surroundings: core, journal and sources, for tests of what lies between.
 */

#include "init/init.h"

/* Lines that were logged since the last call of rig_messages(), each ending in a newline. */
struct rig {
	struct init init;
	struct strbuf messages;
};

void rig_init(struct rig *rig);
void rig_deinit(struct rig *rig);
/* Carry out what the loop has, without waiting for more than `ms` milliseconds. */
void rig_turn(struct rig *rig, int ms);
/* The messages so far; forgotten with rig_forget(). */
const char *rig_messages(struct rig *rig);
void rig_forget(struct rig *rig);
