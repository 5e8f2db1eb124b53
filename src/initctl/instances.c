/* SPDX-License-Identifier: MIT */
#include "initctl/instances.h"

#include "common/str.h"

int
instances_read(struct instances *instances, struct upstart *conn, const char *job, struct upstart_error *err)
{
	char **paths auto_strv = NULL;
	int r = upstart_job_instances(conn, job, &paths, err);

	if (r < 0 || strv_len(paths) == 0)
		return r;
	instances->p = calloc(strv_len(paths), sizeof(struct upstart_instance *));
	if (!instances->p)
		tool_nomem();
	for (size_t i = 0; r == 0 && paths[i]; i++) {
		struct upstart_instance *one = NULL;

		r = upstart_instance_properties(conn, paths[i], &one, err);
		if (r < 0 && upstart_error_is(err, UPSTART_ERROR_GONE)) {
			upstart_error_clear(err);
			r = 0;
		}
		if (one)
			instances->p[instances->n++] = one;
	}
	return r;
}

void
instances_deinit(struct instances *instances)
{
	for (size_t i = 0; i < instances->n; i++)
		upstart_instance_free(instances->p[i]);
	free(instances->p);
	*instances = (struct instances) INSTANCES_INIT;
}
