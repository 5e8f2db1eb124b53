/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * org.freedesktop.DBus.ObjectManager: all jobs and instances with their properties at one moment, and how they come and
 * go from then on.
 */

#include "control/call.h"

struct objects;

/* Whoever asks is subscribed (notify.h), so that nothing is missed. */
void objects_get(struct call *call);
struct objects *objects_free(struct objects *objects); /* takes NULL, returns NULL */

/*
 * Tell subscribers of a job, or with `instance` not NULL of an instance of it. What came is told with its properties, which
 * init is asked for first; if it has gone by then it is not told.
 */
void objects_added(struct control *control, const char *job, const char *instance);
void objects_removed(struct control *control, const char *job, const char *instance);
