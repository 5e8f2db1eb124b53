/* SPDX-License-Identifier: MIT */
/*
 * Matching an event against a condition, and expanding text. The input is lines: the first is expanded and is the
 * condition too, those that follow are variables, of the event while they come before an empty line, then of the job.
 */
#include "job/parse.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* Lines up to an empty one, those with '='; *rest is what follows. */
static char **
variables(char **rest)
{
	char **env = NULL;
	char *line;

	while ((line = strsep(rest, "\n")) != NULL && *line != '\0')
		if (strchr(line, '=') != NULL)
			check(strv_add(&env, line) == 0);
	return env;
}

static void
expand(const char *text, char *const *env)
{
	struct error err = ERROR_INIT;
	char *out = NULL;
	int r = env_expand(&out, text, env, &err);

	check(r == 0 || r == -EINVAL);
	check((r == 0) == (out != NULL));
	check(r == 0 || err.text[0] != '\0');
	/* Nothing to expand: the same. */
	check(strchr(text, '$') != NULL || strcmp(out, text) == 0);
	free(out);
}

static void
match(const struct condition *cond, char *const *event, char *const *vars)
{
	for (int i = 0; i < cond->n_leaves; i++) {
		const struct condition_node *node = &cond->nodes[cond->leaves[i]];
		int r = condition_node_test(node, node->name, event, vars, 0);

		check(r == 0 || r == 1);
		check((r == 1) == condition_node_matches(node, node->name, event, vars));
		check(!condition_node_matches(node, "", event, vars) || node->name[0] == '\0');
		/* Who takes what is absent for unequal matches at least as much. */
		check(r == 0 || condition_node_test(node, node->name, event, vars, CONDITION_ABSENT_IS_UNEQUAL) == 1);
		check(node->args != NULL || r == 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parse_report report = { 0 };
	struct condition *cond = NULL;
	char *copy, *rest, *first, **event, **vars;

	copy = malloc(size + 1);
	check(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	rest = copy;
	first = strsep(&rest, "\n");
	event = variables(&rest);
	vars = variables(&rest);
	expand(first, vars);
	if (condition_parse(span_of(first), "fuzz", false, &cond, &report) == 0)
		match(cond, event, vars);
	(void) condition_free(cond);
	parse_report_deinit(&report);
	(void) strv_free(event);
	(void) strv_free(vars);
	free(copy);
	return 0;
}
