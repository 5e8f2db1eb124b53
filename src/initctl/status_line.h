/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How jobs and their instances are shown (control.md 11.3).
 */

#include "initctl/initctl.h"

/* The lines of one instance; of a job without instance when `instance` is NULL. Owned text; never NULL. */
char *status_line_format(const char *job, const struct upstart_instance *instance);

/* Ask how the instance at `path` (NULL: there is none) is and print it; one that is gone has stopped. Exit status. */
int status_line_show(struct initctl *ctl, const char *job, const char *path);
/* The same; the JSON has members for `file` as well, unless that is NULL. */
int status_line_show_with(struct initctl *ctl, const char *job, const char *path, const struct upstart_job_file *file);
