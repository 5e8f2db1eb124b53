/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a program is to listen (`expect listen`): PORT, tcp:PORT, tcp4:PORT, tcp6:PORT, a path, or @NAME for an abstract
 * one of Unix.
 */

#include <stdbool.h>
#include <stdint.h>

struct listener {
	bool tcp4, tcp6;
	uint16_t port;
	const char *path; /* borrowed from the text; NULL: TCP */
};

/* False: it is none. */
bool listener_read(const char *text, struct listener *l);

/* Is a line of /proc/net/tcp, tcp6 or unix a socket that listens there? Its inode; 0: no. */
uint64_t listener_match_tcp(const struct listener *l, const char *line);
uint64_t listener_match_unix(const struct listener *l, const char *line);
