/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where this kind of init has its things: configuration sources (job-language.md 8.1), log files (runtime.md 13).
 */

#include "init/init.h"

#define SYSTEM_CONFDIR "/etc/init"

/* Add all sources, highest priority first. 0 or -ENOMEM. */
int must_check places_sources(struct init *init);
/* Say which directories that options name are none, and that there is no job at all. Once all are read. */
void places_tell_lacking(const struct init *init);
/* Choose init->log_dir; in a session the directory is made. 0 or -ENOMEM. */
int must_check places_log_dir(struct init *init);
