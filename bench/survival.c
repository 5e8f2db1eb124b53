/* SPDX-License-Identifier: MIT */
/*
 * How long init is away: from the request to execute itself anew, or from a fatal signal, to the next image, and from
 * there to the first answer to a question that init itself must answer.
 */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 5
#define IMAGE_SECONDS 60
#define LOOK_PAUSE 50 /* microseconds between looks at the process */
#define ROUND_PAUSE (200 * 1000)
#define STACK_FIELD 25 /* of /proc/PID/stat, behind the name: where the stack begins, at random in each image */

struct away {
	double gone[ROUNDS]; /* seconds to the next image */
	double back[ROUNDS]; /* and from there to the answer */
};

/* Something that differs between two images of the process. */
static unsigned long
image(const struct bench *b)
{
	char path[64], line[1024], *p;
	FILE *f;

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) b->pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		die("%s: %s", path, strerror(errno));
	(void) fclose(f);
	p = strrchr(line, ')');
	for (int i = 0; p != NULL && i <= STACK_FIELD; i++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoul(p, NULL, 10) : 0;
}

static void
wait_for_next(const struct bench *b, unsigned long before)
{
	double end = now() + IMAGE_SECONDS;

	while (image(b) == before) {
		if (now() > end)
			die("init did not come back");
		(void) usleep(LOOK_PAUSE);
	}
}

static DBusMessage *
question(void)
{
	DBusMessage *m = method("GetJobByName");
	const char *name = "s00000";

	if (!dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID))
		die("out of memory");
	return m;
}

static void
ask_to_execute(struct bench *b)
{
	if (!call(b, method("Restart")))
		die("init does not execute itself");
}

static void
hit(struct bench *b)
{
	(void) kill(b->pid, SIGSEGV);
}

static void
measure(struct bench *b, void (*disturb)(struct bench *b), struct away *away)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long before = image(b);
		double begin = now(), next;

		disturb(b);
		wait_for_next(b, before);
		next = now();
		(void) call(b, question()); /* that there is no such job is an answer */
		away->back[i] = now() - next;
		away->gone[i] = next - begin;
		(void) usleep(ROUND_PAUSE);
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median_ms(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2] * 1e3;
}

static void
report(const char *what, int jobs, bool running, struct away *away)
{
	const char *kind = running ? "running" : "idle";

	(void) printf("%s-%d-%s-jobs-to-next-image %.1f ms\n", what, jobs, kind, median_ms(away->gone));
	(void) printf("%s-%d-%s-jobs-from-there-to-answer %.1f ms\n", what, jobs, kind, median_ms(away->back));
}

void
bench_survival(struct bench *b, int jobs, bool running)
{
	struct away away;
	char name[64];

	make_dirs(b);
	for (int i = 0; i < jobs; i++) {
		(void) snprintf(name, sizeof(name), "s%05d.conf", i);
		put_file(b, name, "start on go\nstop on end\nconsole none\nexec /bin/sleep 100000\n");
	}
	start_init(b);
	if (running && !call(b, emit_message("go", true)))
		die("the event failed");
	measure(b, ask_to_execute, &away);
	report("reexec", jobs, running, &away);
	measure(b, hit, &away);
	report("crash", jobs, running, &away);
	stop_init(b);
}
