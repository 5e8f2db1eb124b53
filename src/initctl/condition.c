/* SPDX-License-Identifier: MIT */
#include "initctl/condition.h"

#include <errno.h>
#include <string.h>

#include "job/quote.h"

static enum condition_op
op_of(char *const *words, bool of_states)
{
	if (strcmp(words[0], "/AND") == 0)
		return CONDITION_AND;
	if (strcmp(words[0], "/OR") == 0)
		return CONDITION_OR;
	if (of_states && strcmp(words[0], "/NOT") == 0)
		return CONDITION_NOT;
	return CONDITION_EVENT;
}

/* Put the nodes together; the stack never holds more than was read. */
static int
link_nodes(struct condition_tree *tree, char *const *const *rpn, bool of_states, struct condition **stack)
{
	size_t depth = 0;

	for (size_t i = 0; rpn[i]; i++) {
		struct condition *node = &tree->nodes[i];

		if (!rpn[i][0])
			return -EINVAL;
		node->op = op_of(rpn[i], of_states);
		if (node->op == CONDITION_EVENT) {
			node->words = rpn[i];
		} else {
			if (depth < (node->op == CONDITION_NOT ? 1 : 2))
				return -EINVAL;
			node->right = stack[--depth];
			node->left = node->op == CONDITION_NOT ? NULL : stack[--depth];
		}
		stack[depth++] = node;
	}
	if (depth > 1)
		return -EINVAL;
	tree->root = depth ? stack[0] : NULL;
	return 0;
}

static int
tree_read(struct condition_tree *tree, char *const *const *rpn, bool of_states)
{
	struct condition **stack auto_free = NULL;
	size_t n = 0;
	int r;

	while (rpn[n])
		n++;
	stack = calloc(n + 1, sizeof(struct condition *));
	tree->nodes = calloc(n + 1, sizeof(*tree->nodes));
	tree->root = NULL;
	r = stack && tree->nodes ? link_nodes(tree, rpn, of_states, stack) : -ENOMEM;
	if (r < 0)
		condition_tree_deinit(tree);
	return r;
}

int
condition_tree_read(struct condition_tree *tree, char *const *const *rpn)
{
	return tree_read(tree, rpn, false);
}

int
condition_tree_read_while(struct condition_tree *tree, char *const *const *rpn)
{
	return tree_read(tree, rpn, true);
}

void
condition_tree_deinit(struct condition_tree *tree)
{
	free(tree->nodes);
	*tree = (struct condition_tree) CONDITION_TREE_INIT;
}

void
condition_format(const struct condition *condition, struct strbuf *out)
{
	if (condition->op == CONDITION_EVENT) {
		quote_event(out, condition->words[0], false);
		for (size_t i = 1; condition->words[i]; i++) {
			strbuf_addc(out, ' ');
			quote_event_argument(out, condition->words[i], false);
		}
		return;
	}
	if (condition->op == CONDITION_NOT) {
		strbuf_add(out, "not ");
		condition_format(condition->right, out);
		return;
	}
	strbuf_addc(out, '(');
	condition_format(condition->left, out);
	strbuf_add(out, condition->op == CONDITION_AND ? " and " : " or ");
	condition_format(condition->right, out);
	strbuf_addc(out, ')');
}

bool
condition_is_job_event(const char *event)
{
	static const char *const events[] = { "starting", "started", "stopping", "stopped" };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (strcmp(event, events[i]) == 0)
			return true;
	}
	return false;
}

const char *
condition_job(const struct condition *leaf, size_t *word)
{
	char *const *words = leaf->words;

	if (!condition_is_job_event(words[0]))
		return NULL;
	for (*word = 1; words[*word]; (*word)++) {
		if (strncmp(words[*word], "JOB=", 4) == 0)
			return words[*word] + 4;
	}
	*word = 1;
	return words[1] && !strchr(words[1], '=') ? words[1] : NULL;
}

void
condition_visit(const struct condition *condition, condition_visit_fn visit, void *data)
{
	if (condition->op == CONDITION_EVENT) {
		visit(condition, data);
		return;
	}
	if (condition->left)
		condition_visit(condition->left, visit, data);
	condition_visit(condition->right, visit, data);
}
