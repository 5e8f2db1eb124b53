/* SPDX-License-Identifier: MIT */
#include "system/spawn_limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "job/class.h"

static const struct {
	const char *name;
	int resource;
} resources[] = {
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "nofile", RLIMIT_NOFILE },
	{ "stack", RLIMIT_STACK },
#ifdef RLIMIT_AS
	{ "as", RLIMIT_AS },
#endif
#ifdef RLIMIT_LOCKS
	{ "locks", RLIMIT_LOCKS },
#endif
#ifdef RLIMIT_MEMLOCK
	{ "memlock", RLIMIT_MEMLOCK },
#endif
#ifdef RLIMIT_MSGQUEUE
	{ "msgqueue", RLIMIT_MSGQUEUE },
#endif
#ifdef RLIMIT_NICE
	{ "nice", RLIMIT_NICE },
#endif
#ifdef RLIMIT_NPROC
	{ "nproc", RLIMIT_NPROC },
#endif
#ifdef RLIMIT_RSS
	{ "rss", RLIMIT_RSS },
#endif
#ifdef RLIMIT_RTPRIO
	{ "rtprio", RLIMIT_RTPRIO },
#endif
#ifdef RLIMIT_RTTIME
	{ "rttime", RLIMIT_RTTIME },
#endif
#ifdef RLIMIT_SIGPENDING
	{ "sigpending", RLIMIT_SIGPENDING },
#endif
};

int
spawn_limit_resource(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
		if (strcmp(resources[i].name, name) == 0)
			return resources[i].resource;
	return -1;
}

static rlim_t
limit_value(uint64_t v)
{
	return v == UINT64_MAX ? RLIM_INFINITY : (rlim_t) v;
}

int
spawn_limits_apply(const struct u64v *limits, uint16_t *which)
{
	for (size_t i = 0; i < limits->n; i += 3) {
		struct rlimit limit;
		int resource;

		*which = limits->p[i] < JOB_LIMIT_COUNT ? (uint16_t) limits->p[i] : UINT16_MAX;
		if (*which == UINT16_MAX || limits->n - i < 3)
			return EINVAL;
		resource = spawn_limit_resource(job_limit_names[*which]);
		if (resource < 0)
			return ENOTSUP;
		limit = (struct rlimit){ limit_value(limits->p[i + 1]), limit_value(limits->p[i + 2]) };
		if (setrlimit(resource, &limit) < 0)
			return errno;
	}
	return 0;
}
