/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What started when, as a picture: one self-contained SVG without scripts, light or dark as its reader likes it. A line
 * for each run, in the order in which they began; the critical chain is drawn out.
 */

#include <stdio.h>

#include "initctl/timeline.h"

/* `all`: not of the boot alone; `alone`: as a file of its own, not within a page. Errors of writing stay in `out`. */
void chart_svg_write(FILE *out, const struct timeline *t, bool all, bool alone);
