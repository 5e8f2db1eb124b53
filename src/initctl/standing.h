/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How jobs stand, for pictures of them.
 */

#include "initctl/instances.h"
#include "initctl/svg.h"

/*
 * Read the instances of a job, given by name; it is up if one of them is. One that vanished meanwhile has none. Like an
 * upstart_ function.
 */
int must_check standing_read(struct instances *instances, enum svg_standing *standing, struct upstart *conn,
			     const char *job, struct upstart_error *err);
