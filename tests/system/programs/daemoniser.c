/* SPDX-License-Identifier: MIT */
/*
 * A daemon that becomes one in whichever way it is told:
 *
 *   daemoniser STEPS
 *
 * Each letter is a step; whoever carries out the next one has carried out the last.
 *
 *   f	fork; the parent ends			k	fork a helper that ends; wait for it
 *   F	fork; the parent stays			h	fork a helper that stays
 *   t	fork in a thread; the parent ends	H	the same, in a session of its own
 *   z	clone without a signal at the end; the parent ends
 *   l	fork; the child goes on in a thread when its first thread has ended; then the parent ends
 *   L	the same, in a session of its own
 *   U	fork; the child, in a session of its own, gives up the memory that says how it was started, and stays; the
 *	parent ends then
 *   o	fork; the parent ends when the child has a session of its own
 *   v	vfork and execute `true`; wait for it	T	have three threads
 *   x	execute this program with the rest	V	vfork, and execute this program with the rest; the parent ends
 *   s	setsid()				g	setpgid()
 *   n	take its time				i	ignore SIGTERM
 *   m	write down this process: the main one	u	write down SIGUSR1
 *   p	write a pid file, "pid"
 *   w	stay for ever				e0-e9	end with that status
 *   W	wait until the file "go" is there	S	raise SIGSTOP
 *   Y	the same of "go2"			N	become user 65534
 *
 * What it writes down are lines in the file "trace" of the working directory: "main PID", "helper PID", "USR1 PID".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await.h"

#define PAUSE 50000 /* microseconds: so slow is one that takes its time */
#define LOOK 1000   /* microseconds between looks at what nobody tells of */

static const char *program;

static void
note(const char *what)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %d\n", what, (int) getpid());
	int fd = open("trace", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, line, (size_t) n) != n)
		_exit(99);
	(void) close(fd);
}

static void
write_pid(void)
{
	FILE *file = fopen("pid", "we");

	if (file == NULL || fprintf(file, "%d\n", (int) getpid()) < 0 || fclose(file) != 0)
		_exit(99);
}

static void
note_signal(int number)
{
	int error = errno;

	(void) number;
	note("USR1");
	errno = error;
}

static void
stay(void)
{
	for (;;)
		(void) pause();
}

static void *
thread(void *data)
{
	(void) data;
	stay();
	return NULL;
}

static void
have_thread(void *(*fn)(void *), void *data)
{
	pthread_t id;

	if (pthread_create(&id, NULL, fn, data) != 0)
		_exit(98);
}

static void run(const char *steps);

/* The forking thread of the new process is its only one. */
static void *
fork_here(void *data)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(97);
	if (pid > 0)
		_exit(0);
	run(data);
	return NULL;
}

/* The parent ends or stays; the child goes on with the steps. */
static void
split(bool stays)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(97);
	if (pid == 0)
		return;
	if (stays)
		stay();
	_exit(0);
}

static void
split_without_signal(void)
{
	long pid = syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);

	if (pid < 0)
		_exit(97);
	if (pid > 0)
		_exit(0);
}

static void
helper(bool stays, bool waits, bool own_session)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(97);
	if (pid == 0) {
		if (own_session)
			(void) setsid();
		if (stays)
			note("helper");
		if (stays)
			stay();
		_exit(0);
	}
	if (waits)
		(void) waitpid(pid, NULL, 0);
}

static void
vfork_helper(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		(void) execl("/bin/true", "true", (char *) NULL);
		_exit(96);
	}
	if (pid > 0)
		(void) waitpid(pid, NULL, 0);
}

static void
execute(const char *steps)
{
	(void) execl(program, program, steps, (char *) NULL);
	_exit(96);
}

static void
vfork_rest(const char *steps)
{
	pid_t pid = vfork();

	if (pid == 0)
		execute(steps);
	_exit(pid > 0 ? 0 : 97);
}

/* What a thread goes on with: a copy, for the steps may be of a thread that ends. */
static char *
keep(const char *steps)
{
	static char rest[128];

	(void) memmove(rest, steps, strlen(steps) + 1);
	return rest;
}

static void
end_in_thread(const char *steps)
{
	have_thread(fork_here, keep(steps));
	stay();
}

static void
wait_for_leader_to_end(pid_t pid)
{
	char path[64], text[512];

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	for (;;) {
		FILE *file = fopen(path, "re");
		const char *end = file != NULL && fgets(text, sizeof(text), file) != NULL ? strrchr(text, ')') : NULL;

		if (file != NULL)
			(void) fclose(file);
		if (end != NULL && strncmp(end, ") Z", 3) == 0)
			return;
		(void) usleep(LOOK);
	}
}

static void *
go_on_without_leader(void *data)
{
	wait_for_leader_to_end(getpid());
	run(data);
	return NULL;
}

static void
lose_leader(const char *steps, bool own_session)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(97);
	if (pid > 0) {
		wait_for_leader_to_end(pid);
		_exit(0);
	}
	if (own_session)
		(void) setsid();
	have_thread(go_on_without_leader, keep(steps));
	pthread_exit(NULL);
}

/* The end of a pipe that somebody keeps until it has got somewhere: wait until nobody has the other one any more. */
static void
wait_for_end(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		continue;
}

/* fork() with a pipe, of which the parent has the end to read from, and the child the other. */
static pid_t
fork_with_pipe(int *end)
{
	int ends[2];
	pid_t pid = pipe(ends) == 0 ? fork() : -1;

	if (pid < 0)
		_exit(97);
	(void) close(ends[pid > 0 ? 1 : 0]);
	*end = ends[pid > 0 ? 0 : 1];
	return pid;
}

static void
split_off(void)
{
	int end;

	if (fork_with_pipe(&end) > 0) {
		wait_for_end(end);
		_exit(0);
	}
	(void) setsid();
	(void) close(end);
}

/* Unmap the first thread's stack: arguments and environment are at its end. */
static void *
unmap_stack(void *data)
{
	const int *end = data;
	char line[512];
	unsigned long from, to;
	FILE *file = fopen("/proc/self/maps", "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, "[stack]") != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2)
			(void) munmap((void *) (uintptr_t) from, to - from);
	(void) close(*end);
	stay();
	return NULL;
}

static void
lose_stack(void)
{
	static int end; /* not on that stack */

	if (fork_with_pipe(&end) > 0) {
		wait_for_end(end);
		_exit(0);
	}
	(void) setsid();
	note("main");
	have_thread(unmap_stack, &end);
	stay();
}

static void
become_nobody(void)
{
	if (setgid(65534) < 0 || setuid(65534) < 0)
		_exit(95);
}

static void
wait_for_file(const char *name)
{
	if (await_file(name) < 0)
		_exit(98);
}

static void
run(const char *steps)
{
	for (; *steps != '\0'; steps++)
		switch (*steps) {
		case 'f':
			split(false);
			break;
		case 'F':
			split(true);
			break;
		case 't':
			end_in_thread(steps + 1);
			break;
		case 'z':
			split_without_signal();
			break;
		case 'l':
			lose_leader(steps + 1, false);
			break;
		case 'L':
			lose_leader(steps + 1, true);
			break;
		case 'o':
			split_off();
			break;
		case 'U':
			lose_stack();
			break;
		case 'v':
			vfork_helper();
			break;
		case 'V':
			vfork_rest(steps + 1);
			break;
		case 'x':
			execute(steps + 1);
			break;
		case 'k':
			helper(false, true, false);
			break;
		case 'h':
			helper(true, false, false);
			break;
		case 'H':
			helper(true, false, true);
			break;
		case 'T':
			for (int i = 0; i < 3; i++)
				have_thread(thread, NULL);
			break;
		case 's':
			(void) setsid();
			break;
		case 'g':
			(void) setpgid(0, 0);
			break;
		case 'n':
			(void) usleep(PAUSE);
			break;
		case 'i':
			(void) signal(SIGTERM, SIG_IGN);
			break;
		case 'u':
			(void) signal(SIGUSR1, note_signal);
			break;
		case 'm':
			note("main");
			break;
		case 'p':
			write_pid();
			break;
		case 'w':
			stay();
			break;
		case 'W':
			wait_for_file("go");
			break;
		case 'N':
			become_nobody();
			break;
		case 'Y':
			wait_for_file("go2");
			break;
		case 'S':
			(void) raise(SIGSTOP);
			break;
		case 'e':
			_exit(steps[1] - '0');
		default:
			(void) fprintf(stderr, "daemoniser: unknown step %c\n", *steps);
			_exit(95);
		}
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		(void) fprintf(stderr, "usage: daemoniser STEPS\n");
		return 2;
	}
	program = argv[0];
	run(argv[1]);
	return 0;
}
