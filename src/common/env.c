/* SPDX-License-Identifier: MIT */
#include "common/env.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

/* The index of KEY, or the number of elements. */
static size_t
env_find(char *const *env, struct span key)
{
	size_t i = 0;

	for (; env != NULL && env[i] != NULL; i++)
		if (strncmp(env[i], key.p, key.n) == 0 && env[i][key.n] == '=')
			break;
	return i;
}

const char *
env_get_span(char *const *env, struct span key)
{
	size_t i = env_find(env, key);

	if (env == NULL || env[i] == NULL)
		return NULL;
	return env[i] + key.n + 1;
}

const char *
env_get(char *const *env, const char *key)
{
	return env_get_span(env, span_of(key));
}

int
env_set(char ***env, const char *pair)
{
	struct span key = { pair, strcspn(pair, "=") };
	size_t i = env_find(*env, key);
	char *copy;

	if (*env == NULL || (*env)[i] == NULL)
		return strv_add(env, pair);
	copy = strdup(pair);
	if (copy == NULL)
		return -ENOMEM;
	free((*env)[i]);
	(*env)[i] = copy;
	return 0;
}

int
env_set_value(char ***env, const char *key, const char *value)
{
	auto_free char *pair = str_printf("%s=%s", key, value);

	if (pair == NULL)
		return -ENOMEM;
	return env_set(env, pair);
}

bool
env_unset(char ***env, const char *key)
{
	size_t i = env_find(*env, span_of(key));

	if (*env == NULL || (*env)[i] == NULL)
		return false;
	free((*env)[i]);
	for (; (*env)[i] != NULL; i++)
		(*env)[i] = (*env)[i + 1];
	return true;
}

int
env_merge(char ***env, char *const *over)
{
	for (size_t i = 0; over != NULL && over[i] != NULL; i++)
		if (env_set(env, over[i]) < 0)
			return -ENOMEM;
	return 0;
}

const char *
env_fault(char *const *env, const char **error)
{
	_Static_assert(ENV_MAX == 4096, "ENV_TOO_MANY says so");
	size_t i;

	for (i = 0; env != NULL && env[i] != NULL && i < ENV_MAX; i++)
		if (strchr(env[i], '=') == NULL) {
			*error = ERR_INVALID_ARGS;
			return "Env must be KEY=VALUE pairs";
		}
	if (env == NULL || env[i] == NULL)
		return NULL;
	*error = ERR_LIMITS;
	return ENV_TOO_MANY;
}
