/* SPDX-License-Identifier: MIT */
#include "initctl/definitions.h"

#include <string.h>

#include "common/str.h"

static int
compare(const void *a, const void *b)
{
	return strcmp((*(struct upstart_job *const *) a)->name, (*(struct upstart_job *const *) b)->name);
}

int
definitions_read(struct definitions *definitions, struct upstart *conn, struct upstart_error *err)
{
	char **paths auto_strv = NULL;
	int r = upstart_get_jobs(conn, &paths, err);

	if (r < 0)
		return r;
	definitions->job = calloc(strv_len(paths) + 1, sizeof(struct upstart_job *));
	if (!definitions->job)
		tool_nomem();
	for (size_t i = 0; paths[i]; i++) {
		r = upstart_job_properties(conn, paths[i], &definitions->job[definitions->n], err);
		if (r == 0)
			definitions->n++;
		else if (!upstart_error_is(err, UPSTART_ERROR_GONE))
			return r;
	}
	upstart_error_clear(err);
	qsort(definitions->job, definitions->n, sizeof(struct upstart_job *), compare);
	return 0;
}

const struct upstart_job *
definitions_find(const struct definitions *definitions, const char *name)
{
	struct upstart_job wanted = { .name = (char *) name };
	const struct upstart_job *key = &wanted;
	struct upstart_job **found = NULL;

	if (definitions->n)
		found = bsearch(&key, definitions->job, definitions->n, sizeof(struct upstart_job *), compare);
	return found ? *found : NULL;
}

void
definitions_deinit(struct definitions *definitions)
{
	for (size_t i = 0; i < definitions->n; i++)
		upstart_job_free(definitions->job[i]);
	free(definitions->job);
	*definitions = (struct definitions) DEFINITIONS_INIT;
}
