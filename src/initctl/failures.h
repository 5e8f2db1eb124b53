/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Instances whose last run failed, and how.
 */

#include "initctl/initctl.h"

/* Of the jobs `wanted` approves of. EXIT_SUCCESS, or EXIT_FAILURE after saying why not. */
int failures_show(struct initctl *ctl, bool (*wanted)(const struct initctl *ctl, const char *job));
