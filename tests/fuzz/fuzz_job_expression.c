/* SPDX-License-Identifier: MIT */
/*
 * Expressions over events, or with an odd first byte over states. What is accepted must be a tree in order, must read
 * back from its printed form as the same, and have a truth.
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

static void
check_tree(const struct condition *cond)
{
	for (int i = 0; i < cond->n_nodes; i++) {
		const struct condition_node *node = &cond->nodes[i];

		check((node->parent == -1) == (i == cond->n_nodes - 1));
		check(node->parent == -1 || (node->parent > i && node->parent < cond->n_nodes));
		check((node->type == CONDITION_MATCH) == (node->name != NULL && node->leaf >= 0));
		if (node->type == CONDITION_AND || node->type == CONDITION_OR)
			check(cond->nodes[node->left].parent == i && cond->nodes[node->right].parent == i);
		if (node->type == CONDITION_NOT)
			check(cond->of_states && cond->nodes[node->right].parent == i);
	}
}

/* Truth for all leaves true, and for every second. */
static void
evaluate(const struct condition *cond)
{
	bool *held = calloc((size_t) cond->n_leaves, 2 * sizeof(*held));

	check(held != NULL);
	for (int step = 1; step <= 2; step++) {
		bool root;

		for (int i = 0; i < cond->n_leaves; i++)
			held[i] = i % step == 0;
		root = condition_evaluate(cond, held, held + cond->n_leaves);
		check(root == condition_evaluate(cond, held, NULL));
		for (int i = 0; i < cond->n_leaves && !root && !cond->of_states; i++)
			check(!held[cond->n_leaves + i]);
	}
	free(held);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parse_report report = { 0 }, second = { 0 };
	struct condition *cond = NULL, *again = NULL;
	bool of_states = size > 0 && data[0] % 2 == 1;
	char *text;
	int r;

	if (size < 1)
		return 0;
	r = condition_parse((struct span){ (const char *) data + 1, size - 1 }, "fuzz", of_states, &cond, &report);
	check(r == 0 || (r == -EINVAL && report.errors > 0 && cond == NULL));
	if (cond != NULL) {
		check_tree(cond);
		evaluate(cond);
		text = condition_print(cond);
		check(text != NULL);
		check(condition_parse(span_of(text), "again", of_states, &again, &second) == 0);
		check(again != NULL && condition_equal(cond, again));
		free(text);
	}
	(void) condition_free(cond);
	(void) condition_free(again);
	parse_report_deinit(&report);
	parse_report_deinit(&second);
	return 0;
}
