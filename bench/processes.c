/* SPDX-License-Identifier: MIT */
/*
 * Processes of jobs: what one costs beside a bare posix_spawn(3), with few jobs and with many; how long it takes from
 * the death of a service to the next one's main(); how fast output gets to a log, beside `cat > file`.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds */

struct birth {
	double when;
	pid_t pid;
};

/* -- what a process costs ---------------------------------------------------------------- */

static double
bare_spawns(int n)
{
	static char *argv[] = { (char *) "true", NULL };
	double begin = now();
	pid_t pid;

	for (int i = 0; i < n; i++)
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) != 0 || waitpid(pid, NULL, 0) != pid)
			die("posix_spawn");
	return (now() - begin) / n;
}

void
bench_spawn(struct bench *b, int jobs, int n)
{
	char name[64];
	double begin, took;

	make_dirs(b);
	for (int i = 0; i < jobs; i++) {
		(void) snprintf(name, sizeof(name), "idle%05d.conf", i);
		put_file(b, name, "start on never\nexec /bin/sleep 1000\n");
	}
	for (int i = 0; i < n; i++) {
		(void) snprintf(name, sizeof(name), "t%05d.conf", i);
		put_file(b, name, "start on go\ntask\nconsole none\nexec /bin/true\n");
	}
	start_init(b);
	begin = now();
	if (!call(b, emit_message("go", true)))
		die("the event failed");
	took = (now() - begin) / n;
	(void) printf("spawn-with-%d-jobs %.0f us, bare posix_spawn %.0f us\n", jobs, took * 1e6, bare_spawns(n) * 1e6);
	stop_init(b);
}

/* -- from death to birth --------------------------------------------------------------------- */

void
tell_birth(const char *fifo)
{
	struct birth birth = { now(), getpid() };
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, &birth, sizeof(birth)) != (ssize_t) sizeof(birth))
		die("%s: %s", fifo, strerror(errno));
	(void) close(fd);
	for (;;)
		(void) pause();
}

static struct birth
next_birth(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct birth birth;

	if (poll(&p, 1, PATIENCE * 1000) != 1 || read(fd, &birth, sizeof(birth)) != (ssize_t) sizeof(birth))
		die("nobody is born");
	return birth;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

void
bench_respawn(struct bench *b, int n)
{
	double *took = calloc((size_t) n, sizeof(*took));
	char fifo[192], text[512], self[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct birth birth;
	int fd;

	need(took != NULL && length > 0);
	self[length] = '\0';
	make_dirs(b);
	(void) snprintf(fifo, sizeof(fifo), "%s/births", b->dir);
	(void) snprintf(text, sizeof(text), "start on go\nrespawn\nrespawn limit unlimited\nexec %s --tell-birth %s\n",
			self, fifo);
	put_file(b, "phoenix.conf", text);
	need(mkfifo(fifo, 0600) == 0);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	need(fd >= 0);
	start_init(b);
	need(call(b, emit_message("go", true)));
	birth = next_birth(fd);
	for (int i = 0; i < n; i++) {
		double death = now();

		need(kill(birth.pid, SIGKILL) == 0);
		birth = next_birth(fd);
		took[i] = birth.when - death;
	}
	qsort(took, (size_t) n, sizeof(*took), compare);
	(void) printf("respawn min %.2f ms, median %.2f ms, p99 %.2f ms of %d\n", took[0] * 1e3, took[n / 2] * 1e3,
		      took[n * 99 / 100] * 1e3, n);
	(void) close(fd);
	stop_init(b);
	free(took);
}

/* -- output ------------------------------------------------------------------------------------- */

static void
wait_for_size(const char *path, off_t size)
{
	const struct timespec pause = { 0, 1000000 };
	double end = now() + PATIENCE;
	struct stat st;

	while (stat(path, &st) < 0 || st.st_size < size) {
		if (now() > end)
			die("%s stays short", path);
		(void) nanosleep(&pause, NULL);
	}
}

void
bench_log(struct bench *b, int megabytes)
{
	char text[512], path[192];
	double begin, bare, took;

	make_dirs(b);
	(void) snprintf(text, sizeof(text),
			"yes 'a line of some sixty characters, as a server writes them' | head -c %dM > %s/data",
			megabytes, b->dir);
	need(system(text) == 0);
	(void) snprintf(text, sizeof(text), "cat %s/data > %s/copy", b->dir, b->dir);
	begin = now();
	need(system(text) == 0);
	bare = now() - begin;
	(void) snprintf(text, sizeof(text), "start on go\ntask\nlog max-size 100G\nexec /bin/cat %s/data\n", b->dir);
	put_file(b, "talker.conf", text);
	start_init(b);
	begin = now();
	need(call(b, emit_message("go", false)));
	(void) snprintf(path, sizeof(path), "%s/log/talker.log", b->dir);
	wait_for_size(path, (off_t) megabytes << 20);
	took = now() - begin;
	(void) printf("log-%d-MB %.0f MB per second, cat > file %.0f MB per second\n", megabytes, megabytes / took,
		      megabytes / bare);
	stop_init(b);
}
