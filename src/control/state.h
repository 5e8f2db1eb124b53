/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The methods about states.
 */

#include "control/call.h"

void state_set(struct call *call);
void state_clear(struct call *call);
void state_replace(struct call *call);
void state_get_all(struct call *call);
