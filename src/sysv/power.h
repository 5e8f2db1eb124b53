/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/macros.h"

enum power { POWER_REBOOT, POWER_HALT, POWER_OFF };

/*
 * Have the kernel do it, at once: no process is asked, nothing is written to disk. `argument`, for POWER_REBOOT, is what
 * the firmware or the next kernel is to be told; NULL for none. Returns only when the kernel refuses: a negative errno.
 */
int power_act(enum power power, const char *argument);
