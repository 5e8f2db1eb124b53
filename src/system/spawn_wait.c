/* SPDX-License-Identifier: MIT */
#include "system/spawn_wait.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/listener.h"
#include "common/str.h"
#include "common/wire.h"
#include "system/spawn.h"

#define LOOK_MS 20
#define AGAIN 25 /* looks, until the same is said again */
#define TEXT_SIZE 128 /* postfix puts up to 31 blanks in front of its number */
#define LINE_SIZE 512

/* What is in the file, up to a few bytes; "" when it is not there. */
static void
look(const char *path, char text[TEXT_SIZE])
{
	auto_close int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, TEXT_SIZE - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
}

/* A number, alone in its line; 0: it is none. A line without end may be half written: `sure` says that it is not. */
static long
pid_of(const char *text, bool sure)
{
	char *end;
	long pid;

	while (isblank((unsigned char) *text))
		text++;
	if (!isdigit((unsigned char) *text))
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || pid <= 0 || pid > INT32_MAX || (*end == '\0' ? !sure : !isspace((unsigned char) *end)))
		return 0;
	return pid;
}

void
spawn_wait_pidfile(const char *path, int out)
{
	char text[TEXT_SIZE] = "", before[TEXT_SIZE];
	long said = 0;
	int looks = 0;

	spawn_set_name("pidfile-watch");
	for (;;) {
		struct pollfd p = { .fd = out };
		long pid;

		(void) memcpy(before, text, sizeof(text));
		look(path, text);
		pid = pid_of(text, strcmp(text, before) == 0);
		if (pid != 0 && (pid != said || ++looks >= AGAIN)) {
			char line[TEXT_SIZE];
			int n = snprintf(line, sizeof(line), "%ld\n", pid);

			if (write(out, line, (size_t) n) < 0 && errno == EPIPE)
				break;
			said = pid;
			looks = 0;
		}
		if (poll(&p, 1, LOOK_MS) > 0)
			break; /* nobody reads */
	}
	_exit(0);
}

/* -- who listens ------------------------------------------------------------------------------ */

/* Add the inodes of the sockets that listen there and are in that table of the kernel's. */
static void
add_sockets(const struct listener *l, const char *pid, const char *table, uint64_t (*match)(const struct listener *, const char *),
	    struct u64v *inodes)
{
	auto_free char *path = str_printf("/proc/%s/net/%s", pid, table);
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	char line[LINE_SIZE];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		uint64_t inode;

		line[strcspn(line, "\n")] = '\0';
		inode = match(l, line);
		if (inode != 0)
			(void) !u64v_add(inodes, inode);
	}
	if (file != NULL)
		(void) fclose(file);
}

static void
find_sockets(const struct listener *l, const char *pid, struct u64v *inodes)
{
	if (l->path != NULL)
		add_sockets(l, pid, "unix", listener_match_unix, inodes);
	if (l->tcp4)
		add_sockets(l, pid, "tcp", listener_match_tcp, inodes);
	if (l->tcp6)
		add_sockets(l, pid, "tcp6", listener_match_tcp, inodes);
}

/* Does a process have one of those sockets? */
static bool
has_socket(const char *pid, const struct u64v *inodes)
{
	auto_free char *folder = str_printf("/proc/%s/fd", pid);
	DIR *dir = folder != NULL ? opendir(folder) : NULL;
	const struct dirent *e;
	bool found = false;

	while (!found && dir != NULL && (e = readdir(dir)) != NULL) {
		char to[64];
		ssize_t n = readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1);
		uint64_t inode;

		if (n <= 0)
			continue;
		to[n] = '\0';
		if (sscanf(to, "socket:[%" SCNu64 "]", &inode) == 1)
			for (size_t i = 0; i < inodes->n; i++)
				found = found || inodes->p[i] == inode;
	}
	if (dir != NULL)
		(void) closedir(dir);
	return found;
}

/* False: nobody reads. */
static bool
tell_owners(const struct u64v *inodes, int out)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	bool heard = true;

	while (heard && dir != NULL && (e = readdir(dir)) != NULL) {
		char line[TEXT_SIZE];
		int n;

		if (!isdigit((unsigned char) e->d_name[0]) || !has_socket(e->d_name, inodes))
			continue;
		n = snprintf(line, sizeof(line), "%.16s\n", e->d_name);
		heard = write(out, line, (size_t) n) == n || errno != EPIPE;
	}
	if (dir != NULL)
		(void) closedir(dir);
	return heard;
}

void
spawn_wait_listener(const char *address, const char *pid, int out)
{
	struct listener l;
	size_t before = 0;
	int looks = 0;

	spawn_set_name("listen-watch");
	while (listener_read(address, &l)) {
		struct pollfd p = { .fd = out };
		struct u64v inodes = { 0 };

		find_sockets(&l, kill((pid_t) strtol(pid, NULL, 10), 0) == 0 || errno == EPERM ? pid : "self", &inodes);
		/* Somebody else may listen there: looking who is not cheap. */
		if (inodes.n > 0 && (inodes.n != before || ++looks >= AGAIN)) {
			looks = 0;
			if (!tell_owners(&inodes, out))
				break;
		}
		before = inodes.n;
		u64v_deinit(&inodes);
		if (poll(&p, 1, LOOK_MS) > 0)
			break;
	}
	_exit(0);
}
