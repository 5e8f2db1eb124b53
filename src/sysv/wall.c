/* SPDX-License-Identifier: MIT */
#include "sysv/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"
#include "initctl/tool.h"
#include "sysv/records.h"

#define TERMINAL_TIMEOUT_MS 2000
#define DEV "/dev/"

/* The line comes from a file that more than root may write. */
static bool
is_terminal_name(const char *line)
{
	return *line && *line != '/' && !strstr(line, "..");
}

static void
write_to_terminal(const char *line, void *data)
{
	const char *text = data;
	char *path auto_free = NULL;
	int fd auto_close = -1;
	size_t left = strlen(text);

	if (!is_terminal_name(line) || !(path = str_printf(DEV "%s", line)))
		return;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || !isatty(fd))
		return;
	while (left > 0) {
		struct pollfd writable = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, text, left);

		if (n > 0) {
			text += n;
			left -= (size_t) n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return;
		} else if (poll(&writable, 1, TERMINAL_TIMEOUT_MS) == 0) {
			return;
		}
	}
}

/* Who sends this. */
static char *
sender(void)
{
	const char *name = getlogin();
	const struct passwd *entry;

	if (name && *name)
		return strdup(name);
	entry = getpwuid(getuid());
	if (entry)
		return strdup(entry->pw_name);
	return getuid() == 0 ? strdup("root") : str_printf(_("uid %u"), getuid());
}

static char *
heading(const char *text)
{
	char *from auto_free = sender();
	const char *terminal = ttyname(STDIN_FILENO);
	struct utsname uts = { .nodename = "" };
	time_t now = time(NULL);
	struct tm local = { 0 };

	if (!from)
		return NULL;
	if (!terminal)
		terminal = _("unknown");
	else if (strncmp(terminal, DEV, strlen(DEV)) == 0)
		terminal += strlen(DEV);
	(void) uname(&uts);
	(void) localtime_r(&now, &local);
	return str_printf(_("\a\r\nBroadcast message from %s@%s\r\n\t(%s) at %d:%02d ...\r\n\r\n%s"), from, uts.nodename,
			  terminal, local.tm_hour, local.tm_min, text);
}

void
wall_broadcast(const char *utmp, const char *text)
{
	pid_t child = fork();
	char *all auto_free = NULL;

	if (child != 0)
		return;
	all = heading(text);
	if (all)
		(void) record_each_user(utmp, write_to_terminal, all);
	_exit(EXIT_SUCCESS);
}
