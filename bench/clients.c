/* SPDX-License-Identifier: MIT */
/*
 * Figures of clients: what init and upstart-control do per second over one connection, what a connection costs that is
 * only there, and how long others wait meanwhile.
 */
#include "session.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOB_PATH "/com/ubuntu/Upstart/jobs/"
#define MANY_JOBS 10000
#define IDLE_CONNECTIONS 1000

/* A call of a job without variables, that waits. */
static DBusMessage *
job_message(const char *job, const char *name)
{
	char path[128];
	DBusMessage *m;
	DBusMessageIter it, array;
	dbus_bool_t wait = TRUE;

	(void) snprintf(path, sizeof(path), JOB_PATH "%s", job);
	m = dbus_message_new_method_call("com.ubuntu.Upstart", path, "com.ubuntu.Upstart0_6.Job", name);
	if (m == NULL)
		die("out of memory");
	if (strcmp(name, "GetAllInstances") == 0)
		return m;
	dbus_message_iter_init_append(m, &it);
	if (!dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "s", &array) ||
	    !dbus_message_iter_close_container(&it, &array) ||
	    !dbus_message_iter_append_basic(&it, DBUS_TYPE_BOOLEAN, &wait))
		die("out of memory");
	return m;
}

/* KiB of the memory that a process has to itself, and with others. */
static long
rss_of(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	(void) snprintf(path, sizeof(path), "/proc/%d/statm", (int) pid);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		(void) fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Seconds of a processor it has used. */
static double
cpu_of(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	f = fopen(path, "r");
	if (f == NULL ||
	    fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		user = system = 0;
	if (f != NULL)
		(void) fclose(f);
	return (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
}

static pid_t
control_of(const struct bench *b)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	pid_t found = 0;

	while (proc != NULL && (d = readdir(proc)) != NULL) {
		char path[300], comm[64];
		int ppid = 0;
		FILE *f;

		(void) snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		if (fscanf(f, "%*d (%63[^)]) %*c %d", comm, &ppid) == 2 && ppid == b->pid &&
		    strcmp(comm, "upstart-control") == 0)
			found = atoi(d->d_name);
		(void) fclose(f);
	}
	if (proc != NULL)
		(void) closedir(proc);
	return found;
}

static void
bench_idle(struct bench *b)
{
	char line[128];
	DBusConnection **idle = calloc(IDLE_CONNECTIONS, sizeof(DBusConnection *));
	pid_t control = control_of(b);
	long before = rss_of(control), with, after;
	struct bench other = *b;

	if (idle == NULL)
		die("out of memory");
	(void) snprintf(line, sizeof(line), "unix:abstract=/com/ubuntu/upstart-session/%u/%d", (unsigned) getuid(), (int) b->pid);
	for (int i = 0; i < IDLE_CONNECTIONS; i++) {
		idle[i] = dbus_connection_open_private(line, NULL);
		if (idle[i] == NULL)
			die("a connection was refused");
		dbus_connection_set_exit_on_disconnect(idle[i], FALSE);
		other.bus = idle[i];
		if (!call(&other, method("GetAllJobs")))
			die("a connection was closed");
	}
	with = rss_of(control);
	for (int i = 0; i < IDLE_CONNECTIONS; i++) {
		dbus_connection_close(idle[i]);
		dbus_connection_unref(idle[i]);
	}
	for (int i = 0; i < 100; i++) /* it has seen them go by then */
		if (!call(b, method("GetAllJobs")))
			die("init is gone");
	after = rss_of(control);
	(void) printf("idle-connection %.1f KiB of upstart-control each, of %d; %ld KiB before, %ld with, %ld after\n",
		      (double) (with - before) / IDLE_CONNECTIONS, IDLE_CONNECTIONS, before, with, after);
	free(idle);
}

static void
bench_start_stop(struct bench *b, int n)
{
	double begin = now();

	for (int i = 0; i < n; i++)
		if (!call(b, job_message("trivial", "Start")) || !call(b, job_message("trivial", "Stop")))
			die("the job failed");
	(void) printf("start-and-stop %.0f per second\n", n / (now() - begin));
	begin = now();
	for (int i = 0; i < n; i++)
		if (!call(b, job_message("abstract", "Start")) || !call(b, job_message("abstract", "Stop")))
			die("the job failed");
	(void) printf("start-and-stop-without-process %.0f per second\n", n / (now() - begin));
}

/* What `initctl list` asks of jobs that don't run: the list, and of each its name and instances. */
static void
bench_list(struct bench *b)
{
	double begin = now(), took;
	char name[32];

	if (!call(b, method("GetAllJobs")))
		die("no list");
	(void) printf("get-all-jobs-of-%d %.1f ms\n", MANY_JOBS, (now() - begin) * 1e3);
	begin = now();
	for (int i = 0; i < MANY_JOBS; i++) {
		(void) snprintf(name, sizeof(name), "j%05d", i);
		if (!call(b, job_message(name, "GetAllInstances")))
			die("no instances");
	}
	took = now() - begin;
	(void) printf("list-of-%d-jobs %.0f jobs per second, one question after the other\n", MANY_JOBS, MANY_JOBS / took);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* So many requests a minute over another connection: how long a question waits meanwhile. */
static void
bench_flood(struct bench *b, int a_minute)
{
	enum { ASKED = 200, TOGETHER = 50 };
	struct bench other = *b;
	double took[ASKED], begin;
	char line[128];

	(void) snprintf(line, sizeof(line), "unix:abstract=/com/ubuntu/upstart-session/%u/%d", (unsigned) getuid(), (int) b->pid);
	other.bus = dbus_connection_open_private(line, NULL);
	if (other.bus == NULL || !call(&other, method("GetAllJobs")))
		die("a connection was refused");
	dbus_connection_set_exit_on_disconnect(other.bus, FALSE);
	for (int i = 0; i < ASKED; i++) {
		for (int n = 0; n < TOGETHER; n++) {
			DBusMessage *m = emit_message("nobody-listens", false);

			dbus_message_set_no_reply(m, TRUE);
			if (!dbus_connection_send(other.bus, m, NULL))
				die("out of memory");
			dbus_message_unref(m);
		}
		dbus_connection_flush(other.bus);
		begin = now();
		if (!call(b, method("GetAllJobs")))
			die("init is gone");
		took[i] = now() - begin;
		if (took[i] < TOGETHER * 60.0 / a_minute)
			(void) usleep((useconds_t) ((TOGETHER * 60.0 / a_minute - took[i]) * 1e6));
	}
	qsort(took, ASKED, sizeof(took[0]), compare);
	(void) printf("question-among-%d-requests-a-minute %.2f ms median, %.2f p99\n", a_minute, took[ASKED / 2] * 1e3,
		      took[ASKED * 99 / 100] * 1e3);
	dbus_connection_close(other.bus);
	dbus_connection_unref(other.bus);
}

void
bench_clients(struct bench *b, int n)
{
	char name[32];
	double begin, own, controls;

	make_dirs(b);
	put_file(b, "trivial.conf", "exec sleep 1000\n");
	put_file(b, "abstract.conf", "");
	start_init(b);
	own = cpu_of(b->pid);
	controls = cpu_of(control_of(b));
	begin = now();
	for (int i = 0; i < n; i++)
		if (!call(b, emit_message("nobody-listens", false)))
			die("the event failed");
	(void) printf("emit-event %.0f per second, %.0f us of init and %.0f of control each\n", n / (now() - begin),
		      (cpu_of(b->pid) - own) * 1e6 / n, (cpu_of(control_of(b)) - controls) * 1e6 / n);
	bench_start_stop(b, n / 10);
	bench_idle(b);
	bench_flood(b, 100000);
	stop_init(b);
	make_dirs(b);
	for (int i = 0; i < MANY_JOBS; i++) {
		(void) snprintf(name, sizeof(name), "j%05d.conf", i);
		put_file(b, name, "start on never\nexec sleep 1000\n");
	}
	start_init(b);
	bench_list(b);
	stop_init(b);
}
