/* SPDX-License-Identifier: MIT */
/*
 * The program jobs of these tests run: writes what it finds itself with, one "KEY=VALUE" a line, to the
 * descriptor given as its first argument. Linked statically so that it runs in an empty chroot.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static FILE *out;

#define FDS_MAX 4096

static bool fd_is_open[FDS_MAX];

static void
find_descriptors(void)
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		fd_is_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void
print_descriptors(void)
{
	fputs("fds=", out);
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (fd_is_open[fd])
			fprintf(out, "%d ", fd);
	fputs("\n", out);
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0)
			fprintf(out, "fd%d=%s %d %x\n", fd, S_ISCHR(st.st_mode) ? "char" : "other", isatty(fd),
				(unsigned) st.st_rdev);
	}
}

static void
print_identity(void)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	fprintf(out, "uid=%d %d\ngid=%d %d\ngroups=", getuid(), geteuid(), getgid(), getegid());
	for (int i = 0; i < n; i++)
		fprintf(out, "%d ", (int) groups[i]);
	fprintf(out, "\npid=%d\nppid=%d\npgid=%d\nsid=%d\n", getpid(), getppid(), getpgrp(), getsid(0));
}

static void
print_limits(void)
{
	static const int numbers[] = { RLIMIT_CORE,    RLIMIT_CPU,	  RLIMIT_DATA,	RLIMIT_FSIZE, RLIMIT_NOFILE,
				       RLIMIT_STACK,   RLIMIT_AS,
#ifdef __linux__
				       RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE,	  RLIMIT_NICE,	RLIMIT_NPROC, RLIMIT_RSS,
				       RLIMIT_RTPRIO,  RLIMIT_SIGPENDING, RLIMIT_LOCKS, RLIMIT_RTTIME
#endif
	};
	static const char *const names[] = { "core",   "cpu",	     "data",	 "fsize", "nofile", "stack",
					     "as",     "memlock",    "msgqueue", "nice",  "nproc",  "rss",
					     "rtprio", "sigpending", "locks",	 "rttime" };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct rlimit l;

		getrlimit(numbers[i], &l);
		fprintf(out, "limit-%s=%lld %lld\n", names[i], (long long) l.rlim_cur, (long long) l.rlim_max);
	}
}

static void
print_signals(void)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	fputs("blocked=", out);
	for (int sig = 1; sig < 32; sig++)
		if (sigismember(&mask, sig) == 1)
			fprintf(out, "%d ", sig);
	fputs("\nhandled=", out);
	for (int sig = 1; sig < 32; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			fprintf(out, "%d ", sig);
	}
	fputs("\n", out);
}

static void
print_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
	struct termios mode;

	fprintf(out, "tty=%s\n", fd >= 0 ? "yes" : "no");
	if (fd >= 0)
		close(fd);
	if (tcgetattr(1, &mode) == 0)
		fprintf(out, "onlcr=%d\n", (mode.c_oflag & (OPOST | ONLCR)) != 0);
}

static void
print_score(void)
{
	char text[32] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		fprintf(out, "oom=%d\n", atoi(text));
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	char cwd[4096];
	mode_t mask = umask(0);
	int fd = argc > 1 ? atoi(argv[1]) : 1;

	/* What is opened here does not count. */
	find_descriptors();
	out = fdopen(dup(fd), "w");
	if (out == NULL)
		return 1;
	print_descriptors();
	print_identity();
	print_limits();
	print_signals();
	print_terminal();
	print_score();
	fprintf(out, "cwd=%s\numask=%03o\nnice=%d\n", getcwd(cwd, sizeof(cwd)) ? cwd : strerror(errno), (unsigned) mask,
		getpriority(PRIO_PROCESS, 0));
	for (int i = 0; i < argc; i++)
		fprintf(out, "arg%d=%s\n", i, argv[i]);
	for (char **e = environ; *e != NULL; e++)
		fprintf(out, "env:%s\n", *e);
	fflush(out);
	return 0;
}
