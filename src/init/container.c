/* SPDX-License-Identifier: MIT */
#include "init/container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "system/boot.h"

#define VARIABLE "container"

static const struct {
	const char *path;
	const char *name; /* as the variable has it */
} marks[] = {
	{ "/run/.containerenv", "podman" },
	{ "/.dockerenv", "docker" },
};

void
container_detect(struct init *init)
{
	const char *said = getenv(VARIABLE);
	const char *name = said != NULL && *said != '\0' ? said : NULL;

	if (!init_is_system(init) || getpid() != 1)
		return;
	for (size_t i = 0; said == NULL && name == NULL && i < ARRAY_SIZE(marks); i++)
		if (access(marks[i].path, F_OK) == 0)
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
