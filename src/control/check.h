/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who may call what: the checks inside init of control.md 1.5, on every transport.
 *
 * Each returns true if the call may go on; otherwise the call has been answered and is gone.
 */

#include "control/call.h"

/* The caller check proper, without an answer. */
bool check_is_allowed(const struct call *call);

bool check_caller(struct call *call);
bool check_modify_env(struct call *call);  /* caller check, then never in process 1 */
bool check_notify_bus(struct call *call);  /* never in process 1, then caller check */
bool check_end_session(struct call *call); /* process 1: nothing happens, and that is fine */
