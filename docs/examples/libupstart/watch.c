/* SPDX-License-Identifier: MIT */
/*
 * Start a job and print what init tells until the job runs: an event loop of one's own, in which nothing blocks.
 *
 *	cc watch.c $(pkg-config --cflags --libs libupstart) -o watch && ./watch web
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <upstart.h>

struct outcome {
	bool known;
	int result;
};

/* Called by upstart_dispatch(). */
static void
print_signal(const struct upstart_signal *signal, void *data)
{
	(void) data;
	if (signal->type == UPSTART_SIGNAL_EVENT) {
		printf("event %s\n", signal->text);
	} else if (signal->type == UPSTART_SIGNAL_STATE) {
		printf("%s %s\n", signal->job, signal->text);
	}
}

/* So is this, once. */
static void
started(int result, const struct upstart_error *err, const char *instance, void *data)
{
	struct outcome *outcome = data;

	if (result < 0)
		fprintf(stderr, "watch: %s\n", err->text);
	else
		printf("running: %s\n", instance);
	outcome->known = true;
	outcome->result = result;
}

int
main(int argc, char **argv)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct outcome outcome = { false, 0 };
	struct upstart *init = NULL;
	char *job;

	if (argc < 2) {
		fprintf(stderr, "Usage: watch JOB [KEY=VALUE]...\n");
		return EXIT_FAILURE;
	}
	/* The path of a job follows from its name: nothing needs to be asked for it. */
	job = upstart_job_path(argv[1]);
	if (job == NULL || upstart_connect(&init, UPSTART_PRIVATE, getenv("UPSTART_SESSION"), &err) < 0 ||
	    upstart_subscribe(init, print_signal, NULL, &err) < 0 ||
	    upstart_job_start_async(init, job, argv + 2, started, &outcome, &err) < 0)
		goto failed;
	while (!outcome.known) {
		struct pollfd fd = { .fd = upstart_fd(init), .events = (short) upstart_events(init) };

		/* Here other descriptors of the program would be waited for too. */
		if (poll(&fd, 1, -1) >= 0 && upstart_dispatch(init, 0, &err) < 0)
			goto failed;
	}
	upstart_free(init);
	free(job);
	return outcome.result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
failed:
	fprintf(stderr, "watch: %s\n", err.text != NULL ? err.text : "out of memory");
	upstart_error_clear(&err);
	return EXIT_FAILURE;
}
