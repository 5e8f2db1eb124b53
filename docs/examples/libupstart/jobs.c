/* SPDX-License-Identifier: MIT */
/*
 * Start a job, wait until it runs, and list all jobs: calls that block.
 *
 *	cc jobs.c $(pkg-config --cflags --libs libupstart) -o jobs && ./jobs web
 */
#include <stdio.h>
#include <stdlib.h>
#include <upstart.h>

static int
fail(struct upstart_error *err)
{
	fprintf(stderr, "jobs: %s\n", err->text);
	upstart_error_clear(err);
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart *init = NULL;
	char **jobs = NULL, *job = NULL;

	/* NULL, outside of a session: process 1. */
	if (upstart_connect(&init, UPSTART_PRIVATE, getenv("UPSTART_SESSION"), &err) < 0)
		return fail(&err);
	if (argc > 1) {
		if (upstart_get_job(init, argv[1], &job, &err) < 0 ||
		    upstart_job_start(init, job, argv + 2, true, NULL, &err) < 0)
			return fail(&err);
		free(job);
	}
	if (upstart_get_jobs(init, &jobs, &err) < 0)
		return fail(&err);
	for (size_t i = 0; jobs[i]; i++) {
		char *name = NULL, **instances = NULL;

		if (upstart_job_name(init, jobs[i], &name, &err) < 0 ||
		    upstart_job_instances(init, jobs[i], &instances, &err) < 0)
			return fail(&err);
		printf("%s\n", name);
		for (size_t k = 0; instances[k]; k++) {
			struct upstart_instance *instance = NULL;

			if (upstart_instance_properties(init, instances[k], &instance, &err) < 0)
				return fail(&err);
			printf("  [%s] %s/%s", instance->name, instance->goal, instance->state);
			for (size_t p = 0; p < instance->process_count; p++)
				printf(", %s", instance->processes[p].kind);
			printf("\n");
			upstart_instance_free(instance);
		}
		upstart_strv_free(instances);
		free(name);
	}
	upstart_strv_free(jobs);
	upstart_free(init);
	return EXIT_SUCCESS;
}
