/* SPDX-License-Identifier: MIT */
#pragma once

/* The file of common/reboot_argument.h is left, or removed. */

#include "common/macros.h"

/* Leave it there; NULL: only remove what another has left. 0 or a negative errno. */
int must_check argument_leave(const char *argument);
/* A way down that brings no argument must not find one that was left for another. */
void argument_forget(void);
