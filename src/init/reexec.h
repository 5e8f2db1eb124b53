/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The next image: what is to be said is handed to the kernel first, then a snapshot is taken and init executes its
 * own program, which goes on from the journal.
 */

#include "init/init.h"

/* Re-execute as soon as nothing waits to be sent, in a second at the latest. */
void reexec_begin(struct init *init);
/* At the end of each turn. Returns at all only if it is not time yet or the exec failed. */
void reexec_turn(struct init *init);
