/* SPDX-License-Identifier: MIT */
/*
 * Object paths of jobs and instances (control.md section 2). The rule is frozen: clients compute them too.
 */
#include "libupstart/upstart.h"

#include <string.h>

#include "common/str.h"

#define JOBS_PATH "/com/ubuntu/Upstart/jobs"

/* PARENT/E(name): bytes other than letters and digits become _ and two hexadecimal digits, "" becomes _. */
static char *
path_below(const char *parent, const char *name)
{
	struct strbuf path auto_strbuf = STRBUF_INIT;

	strbuf_addf(&path, "%s/", parent);
	if (!*name)
		strbuf_addc(&path, '_');
	for (; *name; name++) {
		unsigned char c = (unsigned char) *name;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			strbuf_addc(&path, (char) c);
		else
			strbuf_addf(&path, "_%02x", (unsigned int) c);
	}
	return strbuf_steal(&path);
}

char *
upstart_job_path(const char *job)
{
	return path_below(JOBS_PATH, job);
}

char *
upstart_instance_path(const char *job_path, const char *instance)
{
	return path_below(job_path, instance);
}
