/* SPDX-License-Identifier: MIT */
#include "core/policy.h"

#include <errno.h>
#include <string.h>

/* Is the variable of this KEY=VALUE one that init itself makes for jobs and events? */
static bool
is_own(const char *pair)
{
	static const char *const own[] = { "JOB", "INSTANCE", "RESULT", "PROCESS", "EXIT_SIGNAL", "EXIT_STATUS" };
	size_t n = strcspn(pair, "=");

	if (strncmp(pair, "UPSTART_", 8) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strlen(own[i]) == n && strncmp(pair, own[i], n) == 0)
			return true;
	return false;
}

static bool
is_imported(const struct job_class *cls, const char *pair)
{
	size_t n = strcspn(pair, "=");

	for (size_t i = 0; cls->import != NULL && cls->import[i] != NULL; i++)
		if (strlen(cls->import[i]) == n && strncmp(pair, cls->import[i], n) == 0)
			return true;
	return false;
}

int
policy_merge(const struct core_config *config, const struct job_class *cls, char ***env, char *const *over)
{
	if ((config->policies & CORE_POLICY_IMPORT_LISTED) == 0)
		return env_merge(env, over);
	for (size_t i = 0; over != NULL && over[i] != NULL; i++)
		if ((is_own(over[i]) || is_imported(cls, over[i])) && env_set(env, over[i]) < 0)
			return -ENOMEM;
	return 0;
}

int
policy_client_env(const struct core_config *config, char *const *env, char ***made)
{
	auto_strv char **kept = NULL;

	if ((config->policies & CORE_POLICY_IMPORT_LISTED) == 0)
		return strv_dup(made, env);
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		if (!is_own(env[i]) && strv_add(&kept, env[i]) < 0)
			return -ENOMEM;
	*made = steal(&kept);
	return 0;
}
