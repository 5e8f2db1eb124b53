/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Further lines behind an error, for people: why a job failed, what is wrong with its file, which operand was meant.
 * Scripts know the messages that stand before them, so these are printed only if standard error is a terminal.
 */

#include "initctl/target.h"

/* Like initctl_failed(), for what was asked about a target. */
int why_failed(struct initctl *ctl, const struct target *target, struct upstart_error *err);
/* Behind "Unknown job": the faults of its file, or which name may have been meant. */
void why_unknown_job(struct initctl *ctl, const char *job);
/* Behind "Env must be KEY=VALUE pairs": which is none, or that there are too many. */
void why_bad_env(const struct upstart_error *err, char *const *env);
