/* SPDX-License-Identifier: MIT */
/*
 * Figures, never tests: how long a thousand services take to start beside a bare vfork+exec loop of
 * the same program, events per second with many jobs that do not listen, memory of each process, and job files read per
 * second beside a loop that reads the same files and touches every byte; how long init is away when it executes itself
 * anew or crashes (with --survival that alone); how long a chain of jobs takes, tasks by one event, and an event that
 * is waited for; what clients get done; what processes of jobs cost, and their output.
 *
 *     bench --init PATH [--services N] [--events N] [--survival | --chains | --clients | --processes]
 *
 * Starts `PATH --user` on job files of its own in a scratch directory, speaks to its private socket and
 * prints one figure a line: NAME VALUE UNIT.
 */
#include "session.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same program by a bare loop: what the kernel alone costs. */
static double
bare_loop(int n)
{
	pid_t *pids = calloc((size_t) n, sizeof(*pids));
	double begin = now(), took;

	if (pids == NULL)
		die("out of memory");
	for (int i = 0; i < n; i++) {
		pids[i] = vfork();
		if (pids[i] == 0) {
			(void) execl("/bin/sleep", "sleep", "1000", (char *) NULL);
			_exit(127);
		}
	}
	took = now() - begin;
	for (int i = 0; i < n; i++) {
		(void) kill(pids[i], SIGKILL);
		(void) waitpid(pids[i], NULL, 0);
	}
	free(pids);
	return took;
}

static void
bench_services(struct bench *b, int n, const char *console)
{
	char name[64], text[128];
	double begin, took, bare = bare_loop(n);

	make_dirs(b);
	for (int i = 0; i < n; i++) {
		(void) snprintf(name, sizeof(name), "s%05d.conf", i);
		(void) snprintf(text, sizeof(text), "start on go\nconsole %s\nexec /bin/sleep 1000\n", console);
		put_file(b, name, text);
	}
	start_init(b);
	begin = now();
	if (!call(b, emit_message("go", true)))
		die("the event failed");
	took = now() - begin;
	(void) printf("start-%d-services-console-%s %.1f ms (bare vfork+exec %.1f ms, ratio %.2f)\n", n, console,
		      took * 1e3, bare * 1e3, took / bare);
	stop_init(b);
}

static void
load_idle_jobs(const struct bench *b, int n)
{
	char name[64], text[160];

	for (int i = 0; i < n; i++) {
		(void) snprintf(name, sizeof(name), "idle%05d.conf", i);
		(void) snprintf(text, sizeof(text), "start on never-%d\nstop on other-%d\nexec /bin/sleep 1000\n", i,
				i);
		put_file(b, name, text);
	}
}

/* What reading costs at least: the same files, every byte touched. Files per second, of the best of three rounds. */
static double
bare_reading(const struct bench *b, int n)
{
	static volatile unsigned sum;
	double best = 0;

	for (int round = 0; round < 3; round++) {
		double begin = now(), rate;

		for (int i = 0; i < n; i++) {
			char path[256], text[4096];
			size_t got;
			FILE *f;

			(void) snprintf(path, sizeof(path), "%s/conf/idle%05d.conf", b->dir, i);
			f = fopen(path, "r");
			if (f == NULL)
				die("%s: %s", path, strerror(errno));
			while ((got = fread(text, 1, sizeof(text), f)) > 0)
				for (size_t k = 0; k < got; k++)
					sum += (unsigned char) text[k];
			(void) fclose(f);
		}
		rate = n / (now() - begin);
		best = rate > best ? rate : best;
	}
	return best;
}

/* Prints it all; gives the resident size in KiB. */
static long
print_memory(const char *what, pid_t pid, int jobs)
{
	char path[64], line[256];
	long rss = 0, pss = 0, private = 0, value;
	FILE *f;

	(void) snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Rss: %ld", &value) == 1)
			rss = value;
		else if (sscanf(line, "Pss: %ld", &value) == 1)
			pss = value;
		else if (sscanf(line, "Private_Clean: %ld", &value) == 1 ||
			 sscanf(line, "Private_Dirty: %ld", &value) == 1)
		private += value;
	}
	(void) fclose(f);
	(void) printf("memory-%s-%d-jobs RSS %ld PSS %ld private %ld KiB\n", what, jobs, rss, pss, private);
	return rss;
}

/* init and its children that are servants. */
static long
print_all_memory(const struct bench *b, int jobs)
{
	char path[300], comm[64];
	struct dirent *d;
	DIR *proc = opendir("/proc");

	long rss = print_memory("init", b->pid, jobs);

	while (proc != NULL && (d = readdir(proc)) != NULL) {
		int ppid = 0;
		FILE *f;

		(void) snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		if (fscanf(f, "%*d (%63[^)]) %*c %d", comm, &ppid) == 2 && ppid == b->pid &&
		    strncmp(comm, "upstart-", 8) == 0)
			(void) print_memory(comm + 8, atoi(d->d_name), jobs);
		(void) fclose(f);
	}
	if (proc != NULL)
		(void) closedir(proc);
	return rss;
}

/* One after the other: each round trip is client, control, init and back. */
static double
events_in_turn(struct bench *b, int n)
{
	double begin = now();

	for (int i = 0; i < n; i++)
		if (!call(b, emit_message("nobody-listens", true)))
			die("the event failed");
	return n / (now() - begin);
}

/* All at once, then all answers. */
static double
events_together(struct bench *b, int n)
{
	DBusPendingCall **pending = calloc((size_t) n, sizeof(*pending));
	double begin = now();

	if (pending == NULL)
		die("out of memory");
	for (int i = 0; i < n; i++) {
		DBusMessage *m = emit_message("nobody-listens", true);

		if (!dbus_connection_send_with_reply(b->bus, m, &pending[i], DBUS_TIMEOUT_INFINITE) ||
		    pending[i] == NULL)
			die("out of memory");
		dbus_message_unref(m);
	}
	for (int i = 0; i < n; i++) {
		dbus_pending_call_block(pending[i]);
		dbus_pending_call_unref(pending[i]);
	}
	free(pending);
	return n / (now() - begin);
}

static void
bench_jobs(struct bench *b, int jobs, int events)
{
	static long rss_of_none;
	static double time_of_none;
	double begin, taken;
	long rss;

	make_dirs(b);
	load_idle_jobs(b, jobs);
	begin = now();
	start_init(b);
	taken = now() - begin;
	(void) printf("load-%d-jobs %.1f ms\n", jobs, taken * 1e3);
	rss = print_all_memory(b, jobs);
	if (jobs == 0) {
		rss_of_none = rss;
		time_of_none = taken;
	} else {
		(void) printf("job-files-%d %.0f per second, only read and touched %.0f per second\n", jobs,
			      jobs / (taken > time_of_none ? taken - time_of_none : taken), bare_reading(b, jobs));
		(void) printf("memory-per-job-of-%d %.0f bytes of RSS\n", jobs,
			      (double) (rss - rss_of_none) * 1024 / jobs);
		(void) printf("events-in-turn-%d-jobs %.0f per second\n", jobs, events_in_turn(b, events));
		(void) printf("events-together-%d-jobs %.0f per second\n", jobs, events_together(b, events));
	}
	stop_init(b);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "init", required_argument, NULL, 'i' },
		{ "services", required_argument, NULL, 's' },
		{ "events", required_argument, NULL, 'e' },
		{ "survival", no_argument, NULL, 'S' },
		{ "chains", no_argument, NULL, 'C' },
		{ "clients", no_argument, NULL, 'D' },
		{ "processes", no_argument, NULL, 'P' },
		{ "tell-birth", required_argument, NULL, 'T' },
		{ NULL, 0, NULL, 0 },
	};
	static const int loads[] = { 0, 10, 1000, 10000 };
	struct bench b = { 0 };
	int services = 1000, events = 5000, c;
	bool survival_only = false, chains_only = false, clients_only = false, processes_only = false;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i')
			b.init = optarg;
		else if (c == 's')
			services = atoi(optarg);
		else if (c == 'e')
			events = atoi(optarg);
		else if (c == 'S')
			survival_only = true;
		else if (c == 'C')
			chains_only = true;
		else if (c == 'D')
			clients_only = true;
		else if (c == 'P')
			processes_only = true;
		else if (c == 'T')
			tell_birth(optarg);
		else
			return 2;
	}
	if (b.init == NULL)
		die("usage: bench --init PATH [--services N] [--events N] [--survival | --chains | --clients | --processes]");
	(void) setvbuf(stdout, NULL, _IOLBF, 0);
	if (!survival_only && !chains_only && !clients_only) {
		bench_spawn(&b, 10, 500);
		bench_spawn(&b, 10000, 500);
		bench_respawn(&b, 300);
		bench_log(&b, 256);
	}
	if (processes_only)
		return 0;
	if (!survival_only && !chains_only) {
		bench_clients(&b, events);
		if (clients_only)
			return 0;
		bench_services(&b, services, "none");
		bench_services(&b, services, "log");
		for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
			bench_jobs(&b, loads[i], events);
	}
	if (!survival_only) {
		bench_chain(&b, 500, true);
		bench_chain(&b, 500, false);
		bench_tasks(&b, 1000);
		bench_emit_with_wait(&b, 200);
		for (size_t i = 1; i < sizeof(loads) / sizeof(loads[0]); i++)
			bench_among(&b, loads[i], 500);
	}
	if (chains_only)
		return 0;
	bench_survival(&b, 0, false);
	for (int running = 0; running < 2; running++)
		for (int jobs = 1000; jobs <= 10000; jobs *= 10)
			bench_survival(&b, jobs, running != 0);
	return 0;
}
