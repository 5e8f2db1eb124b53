/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `init --check FILE|DIR...`: reads job files, says all that is wrong with them, and runs nothing (D38).
 */

#include "init/options.h"

/* Check what the words of the command line name. The exit status: 0 all is right, 1 something is not. */
int check_files(const struct options *o);
