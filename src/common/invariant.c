/* SPDX-License-Identifier: MIT */
#include "common/invariant.h"

static invariant_hook_fn hook_fn;
static void *hook_data;
static unsigned failures;

void
invariant_set_hook(invariant_hook_fn hook, void *data)
{
	hook_fn = hook;
	hook_data = data;
}

unsigned
invariant_count(void)
{
	return failures;
}

void
invariant_failed(const char *file, int line, const char *what, bool *told)
{
	failures++;
	if (!*told && hook_fn != NULL)
		hook_fn(file, line, what, hook_data);
	*told = true;
#ifdef UPSTART_STRICT
	__builtin_trap();
#endif
}
