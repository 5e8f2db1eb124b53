/* SPDX-License-Identifier: MIT */
#include "init/container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "system/boot.h"

#define VARIABLE "container"

static const struct {
	const char *path;
	const char *name; /* as the variable has it */
	bool in_images;	  /* it goes with an image that is made a disk of a machine */
} marks[] = {
	{ "/run/.containerenv", "podman", false },
	{ "/.dockerenv", "docker", true },
};

/* A root of layers has no block device. */
static bool
root_is_disk(void)
{
	struct stat st;

	return stat("/", &st) == 0 && major(st.st_dev) != 0;
}

void
container_detect(struct init *init)
{
	const char *said = getenv(VARIABLE);
	const char *name = said != NULL && *said != '\0' ? said : NULL;

	if (!init_is_system(init) || getpid() != 1)
		return;
	for (size_t i = 0; said == NULL && name == NULL && i < ARRAY_SIZE(marks); i++)
		if (access(marks[i].path, F_OK) == 0 && !(marks[i].in_images && root_is_disk()))
			name = marks[i].name;
	init->container = init->options.container || name != NULL;
	if (init->container && (said == NULL || *said == '\0'))
		(void) setenv(VARIABLE, name != NULL ? name : "other", 1);
}

void
container_prepare(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void) !open("/dev/null", O_RDWR | O_NOCTTY); /* the lowest that is free: this one */
	(void) setsid();
	(void) umask(0);
	(void) setenv("PATH", BOOT_PATH, 0);
	if (chdir("/") < 0)
		log_warn("Unable to change to the root directory: %s", strerror(errno));
}
