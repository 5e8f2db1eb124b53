/* SPDX-License-Identifier: MIT */
#include "init/servant_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/rlimits.h"
#include "system/boot.h"
#include "system/process.h"
#include "system/signals.h"

#define EXTRA_FD (IPC_SERVANT_FD + 1) /* the listening sockets, or the logger's memory */
#define EXTRA_MAX 2
#define EXIT_EXEC 127

static const struct {
	const char *name;
	const char *build; /* its folder in the build tree, beside init's */
} programs[SERVANT_COUNT] = {
	[SERVANT_SPAWNER] = { "upstart-spawner", "spawner" },
	[SERVANT_LOGGER] = { "upstart-logger", "logger" },
	[SERVANT_CONTROL] = { "upstart-control", "control" },
};

const char *
servant_name(enum servant_id id)
{
	return programs[id].name;
}

bool
servant_exists(enum servant_id id)
{
#ifdef UPSTART_PLATFORM_POSIX
	return id != SERVANT_SPAWNER;
#else
	return id < SERVANT_COUNT;
#endif
}

/* The program's path if it is there; owned. */
static char *
candidate(const char *dir, size_t n, const char *rest, const char *name)
{
	char *path = str_printf("%.*s%s%s", (int) n, dir, rest, name);

	if (path != NULL && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/*
 * Where it lies: beside an installed init (PREFIX/sbin/init) below PREFIX/libexec or PREFIX/lib, for /sbin/init
 * below /usr too, or in the build tree. A session can be told another folder.
 */
static char *
find_program(const struct init *init, enum servant_id id)
{
	static const char *const places[] = {
		"/../libexec/upstart/",	   "/../lib/upstart/",	   "/../usr/libexec/upstart/",
		"/../../libexec/upstart/", "/../usr/lib/upstart/",
	};
	const char *told = init_is_system(init) ? NULL : getenv("UPSTART_LIBEXECDIR");
	const char *own = init->own_path;
	auto_free char *build = str_printf("/../%s/", programs[id].build);
	char *path = NULL;
	size_t n;

	if (told != NULL && *told == '/') {
		path = candidate(told, strlen(told), "/", programs[id].name);
		if (path != NULL)
			return path;
	}
	n = own != NULL && strrchr(own, '/') != NULL ? (size_t) (strrchr(own, '/') - own) : 0;
	for (size_t i = 0; own != NULL && path == NULL && i < ARRAY_SIZE(places); i++)
		path = candidate(own, n, places[i], programs[id].name);
	if (own != NULL && path == NULL && build != NULL)
		path = candidate(own, n, build, programs[id].name);
	if (path == NULL)
		path = candidate(UPSTART_SERVANT_DIR, strlen(UPSTART_SERVANT_DIR), "/", programs[id].name);
	return path;
}

/* The arguments: what each needs to know before the first message. */
static char **
arguments(const struct init *init, enum servant_id id, const char *path, const int extra[EXTRA_MAX])
{
	static const char *const modes[] = {
		[MODE_SYSTEM] = "system",
		[MODE_USER] = "user",
		[MODE_SESSION] = "session",
	};
	char **argv = NULL;
	int r = strv_add(&argv, path);

	if (r == 0 && id == SERVANT_LOGGER && extra[0] >= 0)
		r = strv_take(&argv, str_printf("--ring-fd=%d", EXTRA_FD));
	if (r == 0 && id == SERVANT_CONTROL) {
		r = strv_add(&argv, "--mode");
		if (r == 0)
			r = strv_add(&argv, modes[init->mode]);
		if (r == 0 && init->options.no_dbus)
			r = strv_add(&argv, "--no-dbus");
		for (int i = 0; i < EXTRA_MAX; i++)
			if (r == 0 && extra[i] >= 0)
				r = strv_take(&argv, str_printf("--listen-fd=%d", EXTRA_FD + i));
	}
	return r == 0 ? argv : strv_free(argv);
}

/* In the child: put the descriptors where they belong. Those in between were close-on-exec and stay so. */
static void
place(int link, const int extra[EXTRA_MAX])
{
	int fds[1 + EXTRA_MAX] = { link, extra[0], extra[1] };

	/* First out of the way of each other. */
	for (int i = 0; i <= EXTRA_MAX; i++)
		if (fds[i] >= 0)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, EXTRA_FD + EXTRA_MAX);
	for (int i = 0; i <= EXTRA_MAX; i++)
		if (fds[i] >= 0)
			(void) dup2(fds[i], IPC_SERVANT_FD + i);
}

/* In the child: what it says goes where init's own words go. */
static void
join_log(void)
{
	const char *path = boot_log_path();
	int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY) : -1;

	if (fd < 0)
		return;
	(void) dup2(fd, STDOUT_FILENO);
	(void) dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void) close(fd);
}

/*
 * In the child of a session or in a container: its words go where those of init go, but it must not wait for a reader. The flags of
 * a pipe or terminal are shared with whoever else has it, so it gets a description of its own; files never wait.
 */
static void
make_output_impatient(void)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		char path[40];
		struct stat st;
		int own;

		if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
			continue;
		(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0)
			(void) dup2(own, fd);
		if (own > STDERR_FILENO)
			(void) close(own);
	}
}

static void
child(const struct init *init, char **argv, int link, const int extra[EXTRA_MAX])
{
	(void) setsid();
	signals_reset();
	place(link, extra);
	if (init_is_machine(init))
		join_log();
	else
		make_output_impatient();
	limits_give_back(init);
	(void) execv(argv[0], argv);
	_exit(EXIT_EXEC);
}

pid_t
servant_exec(struct init *init, enum servant_id id, int link)
{
	auto_free char *path = find_program(init, id);
	auto_strv char **argv = NULL;
	int extra[EXTRA_MAX] = { -1, -1 };
	pid_t pid;

	if (path == NULL)
		return -ENOENT;
	if (id == SERVANT_CONTROL) {
		extra[0] = init->listen_fd;
		extra[1] = init->second_fd;
	} else if (id == SERVANT_LOGGER) {
		extra[0] = init->ring_fd;
	}
	argv = arguments(init, id, path, extra);
	if (argv == NULL)
		return -ENOMEM;
	pid = process_fork();
	if (pid == 0)
		child(init, argv, link, extra);
	return pid < 0 ? -errno : pid;
}
