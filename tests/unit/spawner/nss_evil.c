/* SPDX-License-Identifier: MIT */
/*
 * A module for looking users up as a hostile chroot may hold it: leaves a trace as soon as anybody loads it, and says
 * that every user is root.
 */
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <unistd.h>

enum nss_status _nss_evil_getpwnam_r(const char *name, struct passwd *result, char *buf, size_t size, int *error);

static __attribute__((constructor)) void
leave_trace(void)
{
	int fd = open("/evil-ran", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		(void) close(fd);
}

enum nss_status
_nss_evil_getpwnam_r(const char *name, struct passwd *result, char *buf, size_t size, int *error)
{
	static char root[] = "root", empty[] = "";

	(void) name;
	(void) buf;
	(void) size;
	(void) error;
	*result = (struct passwd){
		.pw_name = root, .pw_passwd = empty, .pw_gecos = empty, .pw_dir = empty, .pw_shell = empty
	};
	return NSS_STATUS_SUCCESS;
}
