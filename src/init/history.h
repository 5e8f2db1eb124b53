/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What started when and why, for charts: the history of the core, as JSON.
 */

#include "init/init.h"

/*
 * {"began", "startup", "now", "dropped", "runs": […]}; owned. NULL: out of memory. Times are seconds since
 * "began", which is the monotonic time of the first input; null where a run has not come. Members are described in
 * initctl(8), chart.
 */
char *history_json(struct init *init);
