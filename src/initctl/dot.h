/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What jobs and events have to do with each other, as a graph for Graphviz (control.md section 13, initctl2dot).
 *
 * Jobs are records with the ports job, start and stop; events are diamonds, dotted where a pattern stands for many.
 * Arrows go from what happens to what it starts or stops. A job that starts or stops on `starting X` holds X up until
 * it has: that arrow goes the other way.
 */

#include <stdio.h>

#include "initctl/listing.h"

/* Colours as Graphviz understands them; all borrowed, none NULL. */
struct dot_colours {
	const char *emits, *start_on, *stop_on, *terms; /* of `while` */
	const char *event, *job, *background;
	const char *text, *event_text, *job_text;
};

#define DOT_COLOURS                                                                                                    \
	{                                                                                                              \
		.emits = "green", .start_on = "blue", .stop_on = "red", .terms = "purple", .event = "thistle",         \
		.job = "#DCDCDC", .background = "white", .text = "black", .event_text = "black", .job_text = "black",                    \
	}

/*
 * Write the graph of the listing to `out`; `only`: a vector of job names, NULL for all. Of other jobs the arrows from
 * and to these are drawn. 0 or -ENOMEM; errors of writing stay in `out`.
 */
int must_check dot_write(FILE *out, const struct listing *listing, char *const *only,
			 const struct dot_colours *colours);
