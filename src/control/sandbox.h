/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the servant gives up once it serves: capabilities, new privileges, and all system calls but those it needs.
 */

#include <stdbool.h>

/*
 * Enter the sandbox; there is no way out. `capabilities`: drop those too (a session init's bus may lie
 * where only they reach). Each part that the system lacks is skipped with a message at info level.
 */
void sandbox_enter(bool capabilities);
