/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where this init follows other rules than the usual ones: /etc/init.conf, and over it the command line. They are read
 * when init begins and handed to each next image as they were then: what the journal holds was decided by them.
 */

#include "init/faults.h"
#include "init/options.h"
#include "job/settings.h"

#define SETTINGS_FILE "/etc/init.conf"

/*
 * Fill *s from the options and, if `file` is not NULL, that file and the override next to it; with --settings of an
 * earlier image from that alone. What is wrong is logged and has no effect. 0, or the negative errno of a want (error_is_want()):
 * then a file could not be read, and *s is not to be used.
 */
int must_check settings_read(struct settings *s, const struct options *o, const char *file);

/* Bits of enum core_policy. */
uint32_t settings_policies(const struct settings *s);

/* Log what is wrong with a file of settings and the override next to it; it changes nothing but *faults. */
void settings_check(const char *path, struct faults *faults);

/* Is that the path of such a file, or of its override? */
bool settings_is_file(const char *path);

/* Add the options that tell the next image the same. 0 or -ENOMEM. */
int must_check settings_arguments(const struct settings *s, char ***argv);
