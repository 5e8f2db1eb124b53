/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text that others made, within XML and HTML. What they may not hold, and bytes that are no UTF-8, become U+FFFD.
 */

#include <stdio.h>

#include "common/str.h"

/* Write it so that it is text and nothing else: control characters as tool_add_visible() does. */
void markup_text(FILE *out, const char *text);
/* The same of what a program has printed: lines stay lines, and colours and other orders to a terminal are left out. */
void markup_lines(FILE *out, struct span text);
