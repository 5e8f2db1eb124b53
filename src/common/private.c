/* SPDX-License-Identifier: MIT */
#include "common/private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool
private_listener(int fd, uid_t *uid, pid_t *pid)
{
#ifdef SO_PEERCRED
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		*uid = cred.uid;
		*pid = cred.pid;
		return true;
	}
#endif
	(void) fd;
	(void) uid;
	(void) pid;
	return false;
}

bool
private_may_listen(const char *address, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	if (strncmp(address, PRIVATE_SESSION, strlen(PRIVATE_SESSION)) == 0)
		return strtoul(address + strlen(PRIVATE_SESSION), NULL, 10) == uid;
	return strcmp(address, PRIVATE_SYSTEM) != 0 && strcmp(address, PRIVATE_RUN) != 0;
}
