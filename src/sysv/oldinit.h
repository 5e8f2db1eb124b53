/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/macros.h"

/*
 * Ask a System V init for runlevel `level` through its FIFO: it may still be process 1 after an upgrade to us. Does not
 * wait for it. 0 or negative errno: nobody reads the FIFO.
 */
int must_check oldinit_change_level(char level);
