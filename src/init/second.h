/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The second private socket of the machine's init, below /run: made anew when something is mounted over it.
 */

#include "init/init.h"

/* Listen, if there is to be one and none was inherited. Without it most clients miss nothing. */
void second_open(struct init *init);
/* From now on look after it. */
void second_watch(struct init *init);
void second_deinit(struct init *init);
