/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text that others made, within XML and HTML.
 */

#include <stdio.h>

/* Write it so that it is text and nothing else: control characters as tool_add_visible() does, what no XML may hold as U+FFFD. */
void markup_text(FILE *out, const char *text);
