/* SPDX-License-Identifier: MIT */
/*
 * A daemon that does as it is told: dmn LETTERS, one after the other.
 *
 *   f  fork; the parent exits          k  fork a helper that exits, and wait for it      v  vfork /bin/true and wait
 *   x  execute itself with the rest    s  sleep for 0.2 s                                 S  raise SIGSTOP
 *   w  wait for ever                   eN exit with N
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
fork_on(void)
{
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0);
}

static void
run_helper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	(void) waitpid(pid, NULL, 0);
}

static void
run_program(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		(void) execl("/bin/true", "true", (char *) NULL);
		_exit(127);
	}
	(void) waitpid(pid, NULL, 0);
}

static void
doze(void)
{
	const struct timespec time = { .tv_nsec = 200000000 };

	(void) nanosleep(&time, NULL);
}

int
main(int argc, char **argv)
{
	for (const char *p = argc > 1 ? argv[1] : ""; *p != '\0'; p++)
		switch (*p) {
		case 'f':
			fork_on();
			break;
		case 'k':
			run_helper();
			break;
		case 'v':
			run_program();
			break;
		case 'x':
			(void) execl("/proc/self/exe", argv[0], p + 1, (char *) NULL);
			return 127;
		case 's':
			doze();
			break;
		case 'S':
			(void) raise(SIGSTOP);
			break;
		case 'w':
			for (;;)
				(void) pause();
		case 'e':
			return atoi(p + 1);
		default:
			return 2;
		}
	return 0;
}
