/* SPDX-License-Identifier: MIT */
#include "common/private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the process at the other end of a socket; false where the system does not tell. */
static bool
find_listener(int fd, uid_t *uid, pid_t *pid)
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

/*
 * May that user listen at an address? At those that init has by custom root may, or the user whose number is in the
 * name, or our own; at others whoever named them knows best.
 */
static bool
may_listen(const char *address, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	if (strncmp(address, PRIVATE_SESSION, strlen(PRIVATE_SESSION)) == 0)
		return strtoul(address + strlen(PRIVATE_SESSION), NULL, 10) == uid;
	return strcmp(address, PRIVATE_SYSTEM) != 0 && strcmp(address, PRIVATE_RUN) != 0;
}

bool
private_is_init(const char *address, int fd, bool *foreign)
{
	pid_t pid = 1;
	uid_t uid;

	*foreign = false;
	if (fd < 0 || !find_listener(fd, &uid, &pid))
		return true;
	*foreign = pid == 0;
	return may_listen(address, uid);
}

const char *
private_second(const char *address, bool foreign)
{
	return foreign && strcmp(address, PRIVATE_SYSTEM) == 0 ? PRIVATE_RUN : NULL;
}
