/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finding and executing the servants' programs.
 */

#include "init/init.h"

/* "upstart-spawner" …: for messages, and the name of the program. */
const char *servant_name(enum servant_id id);
/* Is there such a servant on this platform? */
bool servant_exists(enum servant_id id);
/* Start it with `link` as its end of the link. Its pid, or a negative errno. */
pid_t servant_exec(struct init *init, enum servant_id id, int link);
