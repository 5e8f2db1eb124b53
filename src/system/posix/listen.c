/* SPDX-License-Identifier: MIT */
/*
 * Sockets in the file system: /run/upstart/private, or in the user's run-time directory.
 */
#include "system/listen.h"

#include <string.h>

#include "common/private.h"
#include "common/str.h"

#define PREFIX "unix:path="

char *
listen_address(int session)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!session)
		return strdup(PRIVATE_RUN);
	if (dir == NULL || *dir != '/')
		return str_printf(PREFIX "/tmp/upstart-%u-%d", (unsigned) getuid(), (int) getpid());
	return str_printf(PREFIX "%s/upstart/private-%d", dir, (int) getpid());
}

/* Whatever lies at the first is replaced. */
char *
listen_other_address(void)
{
	return NULL;
}

const char *
listen_second_address(void)
{
	return NULL;
}

int
listen_open(const char *address)
{
	return listen_open_path(address);
}
