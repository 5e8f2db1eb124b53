/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Crash reports: the state before what init could not do, all inputs since, and what it was, in a file beside the
 * logs that upstart-replay can run. A child writes it, for as long as the disk may take to come: init writes to none.
 */

#include "init/init.h"
#include "init/record.h"

/*
 * Begin a report. It holds the journal's records up to number `upto`, and the payload of a definition if that is what
 * init could not do (NULL: none). One at a time; another is left out meanwhile (told).
 */
void report_begin(struct init *init, const struct record_report *report, uint64_t upto,
		  const struct strbuf *definition);
/* A child ended: was it the one that writes? Then how that went is told. */
bool report_exited(struct init *init, pid_t pid, int status);
