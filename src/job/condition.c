/* SPDX-License-Identifier: MIT */
/*
 * Conditions: truth, matching, printing. Trees may be as deep as a file is long, so
 * nothing here recurses: children lie before their parents in the array, and every
 * node knows its parent.
 */
#include "job/condition.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "job/quote.h"

struct condition *
condition_free(struct condition *cond)
{
	if (cond == NULL)
		return NULL;
	for (int i = 0; i < cond->n_nodes; i++) {
		free(cond->nodes[i].name);
		(void) strv_free(cond->nodes[i].args);
	}
	free(cond->nodes);
	free(cond->leaves);
	free(cond->truth);
	free(cond);
	return NULL;
}

/* matching */

/* Does the pattern, expanded, match `value`? 1, 0, -EINVAL (it can't be expanded) or -ENOMEM. */
static int
pattern_test(const char *pattern, const char *value, char *const *vars)
{
	struct error err = ERROR_INIT;
	auto_free char *expanded = NULL;
	int r;

	if (strchr(pattern, '$') == NULL)
		return fnmatch(pattern, value, 0) == 0;
	r = env_expand(&expanded, pattern, vars, &err);
	return r < 0 ? r : fnmatch(expanded, value, 0) == 0;
}

/* The index of variable KEY of an event, or -1. */
static int
find_variable(char *const *env, struct span key)
{
	for (int i = 0; env != NULL && env[i] != NULL; i++)
		if (strncmp(env[i], key.p, key.n) == 0 && env[i][key.n] == '=')
			return i;
	return -1;
}

static const char *
value_of(const char *pair)
{
	const char *equals = strchr(pair, '=');

	return equals != NULL ? equals + 1 : "";
}

/* KEY!=VALUE */
static bool
is_negated(const char *arg)
{
	const char *equals = strchr(arg, '=');

	return equals != NULL && equals > arg && equals[-1] == '!';
}

/*
 * One argument against the event's variables. *at is where the next positional
 * argument looks; it moves on. 1, 0, -ENOMEM, or another error that is no match, negated or
 * not: there is no such variable, the pattern can't be expanded.
 */
static int
argument_test(const char *arg, char *const *env, int *at, char *const *vars, bool literal)
{
	const char *equals = strchr(arg, '=');
	bool negated = is_negated(arg);
	const char *pattern = equals != NULL ? equals + 1 : arg;
	int i = *at;
	int r;

	if (equals != NULL)
		i = find_variable(env, (struct span){ arg, (size_t) (equals - arg) - negated });
	if (i < 0 || env == NULL || env[i] == NULL)
		return -ENOENT;
	*at = i + 1;
	r = literal ? strcmp(pattern, value_of(env[i])) == 0 : pattern_test(pattern, value_of(env[i]), vars);
	return r >= 0 && negated ? !r : r;
}

int
condition_node_test(const struct condition_node *node, const char *name, char *const *env, char *const *vars,
		    unsigned flags)
{
	int at = 0;

	if (node->type != CONDITION_MATCH || strcmp(node->name, name) != 0)
		return 0;
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++) {
		int r = argument_test(node->args[i], env, &at, vars, flags & CONDITION_LITERAL);

		if (r == -ENOENT && (flags & CONDITION_ABSENT_IS_UNEQUAL) && is_negated(node->args[i]))
			continue;
		if (r != 1)
			return r == -ENOMEM ? r : 0;
	}
	return 1;
}

bool
condition_node_matches(const struct condition_node *node, const char *name, char *const *env, char *const *vars)
{
	return condition_node_test(node, name, env, vars, 0) == 1;
}

bool
condition_argument_is_plain(const char *arg)
{
	const char *equals = strchr(arg, '=');

	return !is_negated(arg) && strpbrk(equals != NULL ? equals + 1 : arg, "$*?[\\") == NULL;
}

/* truth */

bool
condition_evaluate(const struct condition *cond, const bool *held, bool *used)
{
	bool *truth = cond->truth;
	bool root;

	for (int i = 0; i < cond->n_nodes; i++) {
		const struct condition_node *node = &cond->nodes[i];

		if (node->type == CONDITION_MATCH)
			truth[i] = held[node->leaf];
		else if (node->type == CONDITION_AND)
			truth[i] = truth[node->left] && truth[node->right];
		else if (node->type == CONDITION_NOT)
			truth[i] = !truth[node->right];
		else
			truth[i] = truth[node->left] || truth[node->right];
	}
	root = truth[cond->n_nodes - 1];
	/* From the root down: what lies under something false does not count. */
	for (int i = cond->n_nodes - 1; i >= 0 && used != NULL; i--) {
		const struct condition_node *node = &cond->nodes[i];

		if (node->parent >= 0)
			truth[i] = truth[i] && truth[node->parent];
		if (node->type == CONDITION_MATCH)
			used[node->leaf] = truth[i];
	}
	return root;
}

/* text */

static void
print_match(struct strbuf *b, const struct condition_node *node, bool of_states)
{
	quote_event(b, node->name, of_states);
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++) {
		strbuf_addc(b, ' ');
		quote_event_argument(b, node->args[i], of_states);
	}
}

char *
condition_print_leaf(const struct condition *cond, int leaf)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	print_match(&b, &cond->nodes[cond->leaves[leaf]], cond->of_states);
	return strbuf_steal(&b);
}

char *
condition_print(const struct condition *cond)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	int node = cond->n_nodes - 1;
	int from = -1; /* the node we come from: the parent, or the child that is done */

	while (node >= 0) {
		const struct condition_node *n = &cond->nodes[node];
		int next = n->parent;

		if (n->type == CONDITION_MATCH) {
			print_match(&b, n, cond->of_states);
		} else if (n->type == CONDITION_NOT && from == n->parent) {
			strbuf_add(&b, "not ");
			next = n->right;
		} else if (n->type == CONDITION_NOT) {
			next = n->parent;
		} else if (from == n->parent) {
			strbuf_addc(&b, '(');
			next = n->left;
		} else if (from == n->left) {
			strbuf_add(&b, n->type == CONDITION_AND ? " and " : " or ");
			next = n->right;
		} else {
			strbuf_addc(&b, ')');
		}
		from = node;
		node = next;
	}
	return strbuf_steal(&b);
}

bool
condition_equal(const struct condition *a, const struct condition *b)
{
	if (a->n_nodes != b->n_nodes || a->of_states != b->of_states)
		return false;
	for (int i = 0; i < a->n_nodes; i++) {
		const struct condition_node *x = &a->nodes[i];
		const struct condition_node *y = &b->nodes[i];

		if (x->type != y->type)
			return false;
		if (x->type != CONDITION_MATCH ? x->left != y->left || x->right != y->right
					       : strcmp(x->name, y->name) != 0 || !strv_equal(x->args, y->args))
			return false;
	}
	return true;
}
