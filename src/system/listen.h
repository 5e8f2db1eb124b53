/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The socket on which control hears its private clients. It is init's, so that clients who connect while
 * control is being replaced only wait a little.
 */

#include "common/macros.h"

/*
 * The D-Bus address for init of this kind: `session` false = the machine's. Owned; NULL when out of memory,
 * or where no place for it is known.
 */
char *listen_address(int session);

/*
 * Another one for a session, when somebody else listens at the first: nobody can guess it. Owned; NULL when out of memory
 * or where the first is never somebody else's.
 */
char *listen_other_address(void);

/* Listen on an address of that form. A descriptor (close-on-exec) or a negative errno. */
int must_check listen_open(const char *address);
/* The same of one in the file system. Whatever lies there is replaced; its folder is made, not that one's. */
int must_check listen_open_path(const char *address);

/*
 * The machine's second address, in the file system: reached from other network namespaces, and nobody's who is not root.
 * NULL where the first is like that already.
 */
const char *listen_second_address(void);

/* Remove what listening left in the file system, if anything. */
void listen_remove(const char *address);
