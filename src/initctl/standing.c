/* SPDX-License-Identifier: MIT */
#include "initctl/standing.h"

#include <string.h>

int
standing_read(struct instances *instances, enum svg_standing *standing, struct upstart *conn, const char *job,
	      struct upstart_error *err)
{
	char *path auto_free = NULL;
	int r = upstart_get_job(conn, job, &path, err);

	*standing = SVG_DOWN;
	if (r == 0)
		r = instances_read(instances, conn, path, err);
	if (r < 0 && (upstart_error_is(err, UPSTART_ERROR_GONE) || upstart_error_is(err, UPSTART_ERROR_UNKNOWN_JOB))) {
		upstart_error_clear(err); /* it vanished meanwhile */
		return 0;
	}
	for (size_t i = 0; i < instances->n; i++) {
		const struct upstart_instance *one = instances->p[i];

		if (strcmp(one->state, "running") == 0 && strcmp(one->goal, "stop") != 0)
			*standing = SVG_UP;
		else if (*standing == SVG_DOWN)
			*standing = SVG_MOVING;
	}
	return r;
}
