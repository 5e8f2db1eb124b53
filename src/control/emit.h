/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The methods of the manager that emit events.
 */

#include "control/call.h"

void emit_event(struct call *call);
void emit_event_with_file(struct call *call);
void emit_event_with_token(struct call *call);
/*
 * A dictionary says the rest: wait (b), token (s), literal (b), only (ao), fds (ah). An unknown name, a name that comes
 * twice and a value of another type are errors, so that nobody relies on what this init does not do.
 */
void emit_event_with_options(struct call *call);
