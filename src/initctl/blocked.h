/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `list --blocked`: what waits for what.
 */

#include "initctl/initctl.h"

/* Ask a connected init and print it; exit status. */
int blocked_show(struct initctl *ctl);
