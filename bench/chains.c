/* SPDX-License-Identifier: MIT */
/*
 * Jobs that follow each other: a chain in which each starts on the one before, a crowd of tasks that one event starts,
 * one task that an event starts, waited for, over and over, and one job among many that wait for other jobs.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 60

/* Until a job has made that file. */
static void
wait_for_file(const struct bench *b, const char *file)
{
	const struct timespec pause = { 0, 1000000 };
	double end = now() + PATIENCE_SECONDS;
	char path[256];

	(void) snprintf(path, sizeof(path), "%s/%s", b->dir, file);
	while (access(path, F_OK) < 0) {
		if (now() > end)
			die("the chain has no end");
		(void) nanosleep(&pause, NULL);
	}
}

void
bench_chain(struct bench *b, int n, bool processes)
{
	char name[64], text[512];
	double begin;

	make_dirs(b);
	for (int i = 0; i < n; i++) {
		(void) snprintf(name, sizeof(name), "c%05d.conf", i);
		if (i == n - 1)
			(void) snprintf(text, sizeof(text),
					"start on started c%05d\ntask\nconsole none\nexec touch %s/end\n", i - 1,
					b->dir);
		else if (i == 0)
			(void) snprintf(text, sizeof(text), "start on go\nconsole none\n%s",
					processes ? "exec /bin/sleep 1000\n" : "");
		else
			(void) snprintf(text, sizeof(text), "start on started c%05d\nconsole none\n%s", i - 1,
					processes ? "exec /bin/sleep 1000\n" : "");
		put_file(b, name, text);
	}
	start_init(b);
	begin = now();
	if (!call(b, emit_message("go", false)))
		die("the event failed");
	wait_for_file(b, "end");
	(void) printf("chain-%d-jobs%s %.1f ms\n", n, processes ? "" : "-without-processes", (now() - begin) * 1e3);
	stop_init(b);
}

void
bench_tasks(struct bench *b, int n)
{
	char name[64];
	double begin;

	make_dirs(b);
	for (int i = 0; i < n; i++) {
		(void) snprintf(name, sizeof(name), "t%05d.conf", i);
		put_file(b, name, "start on go\ntask\nconsole none\nexec /bin/true\n");
	}
	start_init(b);
	begin = now();
	if (!call(b, emit_message("go", true)))
		die("the event failed");
	(void) printf("run-%d-tasks-by-one-event %.1f ms\n", n, (now() - begin) * 1e3);
	stop_init(b);
}

void
bench_emit_with_wait(struct bench *b, int n)
{
	double begin;

	make_dirs(b);
	put_file(b, "one.conf", "start on go\ntask\nconsole none\nexec /bin/true\n");
	start_init(b);
	begin = now();
	for (int i = 0; i < n; i++)
		if (!call(b, emit_message("go", true)))
			die("the event failed");
	(void) printf("emit-with-wait-for-a-task %.3f ms each\n", (now() - begin) * 1e3 / n);
	stop_init(b);
}

/* Microseconds that init has had a processor. */
static double
used_by_init(const struct bench *b)
{
	unsigned long long nanoseconds = 0;
	char path[64];
	FILE *file;

	(void) snprintf(path, sizeof(path), "/proc/%d/schedstat", (int) b->pid);
	file = fopen(path, "re");
	if (file != NULL && fscanf(file, "%llu", &nanoseconds) != 1)
		nanoseconds = 0;
	if (file != NULL)
		(void) fclose(file);
	return (double) nanoseconds / 1e3;
}

void
bench_among(struct bench *b, int others, int n)
{
	char name[64], text[256];
	double begin, used;

	make_dirs(b);
	put_file(b, "one.conf", "start on go\nstop on halt\n");
	for (int i = 0; i < others; i++) {
		(void) snprintf(name, sizeof(name), "o%05d.conf", i);
		(void) snprintf(text, sizeof(text),
				"start on started p%05d or stopped JOB=p%05d RESULT=ok\nexec /bin/true\n", i, i);
		put_file(b, name, text);
	}
	start_init(b);
	if (!call(b, method("GetAllJobs")) || !call(b, emit_message("go", true)) ||
	    !call(b, emit_message("halt", true)))
		die("it does not begin");
	begin = now();
	used = used_by_init(b);
	for (int i = 0; i < n; i++)
		if (!call(b, emit_message("go", true)) || !call(b, emit_message("halt", true)))
			die("the event failed");
	(void) printf("start-and-stop-among-%d-jobs %.0f us each, of which init works %.0f us\n", others,
		      (now() - begin) * 1e6 / n, (used_by_init(b) - used) / n);
	stop_init(b);
}
