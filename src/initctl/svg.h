/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What starts what, as a picture: one self-contained SVG, without scripts and fonts of its own. From left to right
 * stands what happens first; what has to do with nothing else stands below.
 */

#include <stdio.h>

#include "initctl/relations.h"

/* How a job stands; of events and states SVG_PLAIN. */
enum svg_standing { SVG_PLAIN, SVG_UP, SVG_MOVING, SVG_DOWN };

/*
 * Draw the things that are `wanted` and the ties between them; both arrays have a member for each thing. Errors of
 * writing stay in `out`. `alone`: it is a file of its own, and not within a page.
 */
void svg_write(FILE *out, const struct relations *relations, const bool *wanted, const enum svg_standing *standing, bool alone);
