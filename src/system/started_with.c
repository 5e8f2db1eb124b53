/* SPDX-License-Identifier: MIT */
#include "system/started_with.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "job/class.h"
#include "system/process.h"
#include "system/procfile.h"
#include "system/signals.h"
#include "system/spawn_fds.h"

#define ENVIRON_MAX ((size_t) 256 * 1024) /* bytes that are looked at */
#define PATIENCE 2			  /* seconds: longer than anybody waits for an answer */

/* A file of the first thread that has memory and shows it there: the first of all may have ended. As procfile_read(). */
static ssize_t
read_of_thread(pid_t pid, const char *file, char *buf, size_t size)
{
	ssize_t n = procfile_read(pid, file, buf, size);
	const struct dirent *e;
	char path[64];
	DIR *dir;

	if (n > 0 || (n < 0 && n != -ESRCH))
		return n;
	(void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (n <= 0 && (e = readdir(dir)) != NULL) {
		long thread = strtol(e->d_name, NULL, 10);

		(void) snprintf(path, sizeof(path), "task/%ld/%s", thread, file);
		if (thread > 0 && thread != pid)
			n = procfile_read(pid, path, buf, size);
	}
	(void) closedir(dir);
	return n;
}

/* Is it between two programs? Then it has no arguments either, and others that have no environment have some. */
static bool
is_executing(pid_t pid)
{
	char text[2];

	return read_of_thread(pid, "cmdline", text, sizeof(text)) == 0;
}

static enum started_with
look(pid_t pid, const struct started_variable *variables, size_t n)
{
	char *text = malloc(ENVIRON_MAX);
	ssize_t size = text != NULL ? read_of_thread(pid, "environ", text, ENVIRON_MAX) : -ENOMEM;

	if ((size < 0 && error_is_want((int) size)) || (size == 0 && is_executing(pid)))
		return STARTED_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		if (size <= 0 || !procfile_has_variable(text, (size_t) size, variables[i].name, variables[i].value))
			return STARTED_WITHOUT;
	return STARTED_WITH;
}

pid_t
started_with_ask(pid_t pid, const struct started_variable *variables, size_t n)
{
	pid_t child = process_fork();

	if (child != 0)
		return child > 0 ? child : -errno;
	/* Copies of links and pipes would hide the ends of others from those who wait for them. */
	spawn_fds_close_others(NULL, 0);
	signals_reset();
	(void) alarm(PATIENCE);
	_exit((int) look(pid, variables, n));
}

enum started_with
started_with_status(int status)
{
	/* The alarm says that the process lets nobody see it; who is killed by somebody else has not answered. */
	if (status >= JOB_EXIT_SIGNAL(1) && status != JOB_EXIT_SIGNAL(SIGALRM))
		return STARTED_UNKNOWN;
	return status == STARTED_WITH || status == STARTED_UNKNOWN ? (enum started_with) status : STARTED_WITHOUT;
}

enum started_with
started_with_answer(pid_t child)
{
	int status;
	pid_t r;

	do
		r = waitpid(child, &status, WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return STARTED_NOT_TOLD;
	if (r != child)
		return STARTED_WITHOUT;
	return started_with_status(WIFEXITED(status) ? WEXITSTATUS(status) : JOB_EXIT_SIGNAL(WTERMSIG(status)));
}

void
started_with_drop(pid_t child)
{
	(void) kill(child, SIGKILL);
}
