/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The logger: what upstart-logger does between its start and its end.
 */

#include "common/macros.h"

struct logger;

/*
 * A logger that talks to init over `link_fd` (owned from now on, also on failure) and keeps what waits in the
 * file `ring_fd` (owned; -1: in memory of its own, which dies with it).
 * 0, or -ENOMEM or the error of the event loop.
 */
int must_check logger_new(struct logger **logger, int link_fd, int ring_fd);
struct logger *logger_free(struct logger *lg); /* takes NULL, returns NULL */

/* Work until init says so or is gone. 0, or a negative errno when the loop broke. */
int must_check logger_run(struct logger *lg);

/* Allow as many open descriptors as the system lets us; how many that are. */
size_t logger_raise_nofile(void);
