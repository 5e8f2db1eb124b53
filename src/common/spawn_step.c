/* SPDX-License-Identifier: MIT */
#include "common/spawn_step.h"

#include <stdio.h>
#include <string.h>

#include "common/macros.h"

void
spawn_step_text(uint32_t step, uint32_t arg, int error, char *buf, size_t size)
{
	static const char *const texts[] = {
#define X(id, text) [SPAWN_##id] = text,
		SPAWN_STEPS(X)
#undef X
	};
	/* The order of the limit stanza's names (job/class.h, job_limit_names). */
	static const char *const limits[] = {
		"core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile",
		"nproc", "rss", "rtprio", "sigpending", "stack", "locks", "rttime", "as",
	};
	const char *text = step < ARRAY_SIZE(texts) ? texts[step] : "unknown step";
	int n;

	if (step == SPAWN_RLIMIT)
		n = snprintf(buf, size, "unable to set \"%s\" resource limit", arg < ARRAY_SIZE(limits) ? limits[arg] : "?");
	else
		n = snprintf(buf, size, "%s", text);
	if (n < 0 || (size_t) n >= size || error == 0 || step == SPAWN_BAD_SETUID || step == SPAWN_BAD_SETGID)
		return;
	(void) snprintf(buf + n, size - (size_t) n, ": %s", strerror(error));
}
