/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Process 1 of a container: whether it is one, and what differs there.
 */

#include "init/init.h"

/*
 * Is this process 1 of a container? By --container; by the variable `container`, which tells what runs it (empty: it is
 * none); or by /run/.containerenv, or /.dockerenv on a root that is no disk. A PID namespace alone is none. Remembered
 * in init->container, and in the variable, for the next image and the last resort.
 */
void container_detect(struct init *init);

/* Descriptors 0-2 as they were given, none of them closed; own session, umask 0, directory /, PATH if there is none. */
void container_prepare(void);
