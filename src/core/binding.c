/* SPDX-License-Identifier: MIT */
/*
 * Evaluating the expression of a `while`. Changes nothing; who asks is in follow.c.
 */
#include "core/binding.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct evaluation {
	struct core *core;
	struct span root; /* of the session the expression is in */
	const struct condition *cond;
	unsigned steps;
	bool nomem, too_long;
};

void
bindings_deinit(struct bindings *b)
{
	for (size_t i = 0; i < b->n; i++)
		(void) strv_free(b->p[i]);
	free(b->p);
	*b = (struct bindings) { 0 };
}

/* Takes env. */
static int
add(struct bindings *b, char **env)
{
	char ***p = b->p;

	/* Grown to powers of two. */
	if ((b->n & (b->n - 1)) == 0)
		p = realloc(b->p, (b->n != 0 ? 2 * b->n : 1) * sizeof(*p));
	if (p == NULL) {
		(void) strv_free(env);
		return -ENOMEM;
	}
	b->p = p;
	p[b->n++] = env;
	return 0;
}

static bool
is_over(struct evaluation *x)
{
	core_visit(x->core);
	if (++x->steps > BINDING_STEPS_MAX)
		x->too_long = true;
	return x->too_long || x->nomem;
}

/* A state that a term on its name may mean. */
struct seen_state {
	struct evaluation *x;
	const struct condition_node *node;
	char *const *env;
	struct bindings *out;
	bool found;
};

static void
look_at_state(char *const *state_env, void *data)
{
	struct seen_state *s = data;
	char **env = NULL;
	int matches = is_over(s->x) ? 0 : condition_node_test(s->node, s->node->name, state_env, s->env, 0);

	if (matches < 0)
		s->x->nomem = true;
	if (matches <= 0)
		return;
	s->found = true;
	if (strv_dup(&env, state_env) < 0 || add(s->out, env) < 0)
		s->x->nomem = true;
}

static enum truth
find_term(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out)
{
	struct seen_state s = { x, node, env, out, false };

	if (!state_each(x->core, x->root, node->name, negated, look_at_state, &s))
		return TRUTH_UNKNOWN;
	return s.found ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth find(struct evaluation *x, int index, char *const *env, bool negated, struct bindings *out);

/* The right side of an `and`, for one binding of the left one. */
static enum truth
find_right(struct evaluation *x, int index, char *const *env, char *const *left, bool negated, struct bindings *out)
{
	struct bindings right = { 0 };
	auto_strv char **reach = NULL;
	enum truth truth;

	if (strv_dup(&reach, env) < 0 || env_merge(&reach, left) < 0) {
		x->nomem = true;
		return TRUTH_FALSE;
	}
	truth = find(x, index, reach, negated, &right);
	for (size_t i = 0; i < right.n; i++) {
		char **both = NULL;

		if (is_over(x))
			break;
		if (strv_dup(&both, left) < 0 || env_merge(&both, right.p[i]) < 0) {
			x->nomem = true;
			both = strv_free(both);
			break;
		}
		if (add(out, both) < 0)
			x->nomem = true;
	}
	bindings_deinit(&right);
	return truth;
}

static enum truth
find_and(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out)
{
	struct bindings left = { 0 };
	enum truth truth = find(x, node->left, env, negated, &left);
	enum truth best = TRUTH_FALSE;

	for (size_t i = 0; i < left.n && !is_over(x); i++) {
		enum truth right = find_right(x, node->right, env, left.p[i], negated, out);

		best = right > best ? right : best;
	}
	bindings_deinit(&left);
	return truth == TRUTH_TRUE ? best : truth;
}

static enum truth
find_not(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out)
{
	struct bindings inner = { 0 };
	enum truth truth = find(x, node->right, env, !negated, &inner);

	bindings_deinit(&inner);
	if (truth == TRUTH_UNKNOWN)
		return truth;
	if (truth == TRUTH_TRUE)
		return TRUTH_FALSE;
	if (add(out, NULL) < 0)
		x->nomem = true;
	return TRUTH_TRUE;
}

/* Recursion is as deep as the expression, which BINDING_NODES_MAX bounds. */
static enum truth
find(struct evaluation *x, int index, char *const *env, bool negated, struct bindings *out)
{
	const struct condition_node *node = &x->cond->nodes[index];
	enum truth left, right;

	if (is_over(x))
		return TRUTH_FALSE;
	switch (node->type) {
	case CONDITION_MATCH:
		return find_term(x, node, env, negated, out);
	case CONDITION_AND:
		return find_and(x, node, env, negated, out);
	case CONDITION_NOT:
		return find_not(x, node, env, negated, out);
	case CONDITION_OR:
		break;
	}
	left = find(x, node->left, env, negated, out);
	right = find(x, node->right, env, negated, out);
	return left > right ? left : right;
}

enum truth
binding_find(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
	     struct bindings *found)
{
	struct evaluation x = { .core = core, .root = scope_root(slot->name), .cond = cond };
	enum truth truth;

	if (cond->n_nodes > BINDING_NODES_MAX)
		return TRUTH_FALSE;
	truth = find(&x, cond->n_nodes - 1, env, false, found);
	if (x.nomem)
		core->oom = true;
	if (x.nomem || x.too_long) {
		bindings_deinit(found);
		return TRUTH_FALSE;
	}
	return truth;
}

/* By how many `not`s stand over it. */
bool
binding_is_negated(const struct condition *cond, int index)
{
	bool negated = false;

	for (int i = cond->nodes[index].parent; i >= 0; i = cond->nodes[i].parent)
		negated ^= cond->nodes[i].type == CONDITION_NOT;
	return negated;
}

static void
add_text(struct strbuf *b, const struct condition_node *node, bool negated, enum truth truth)
{
	if (b->len > 0)
		strbuf_add(b, ", ");
	if (negated)
		strbuf_add(b, "not ");
	strbuf_add(b, node->name);
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++)
		strbuf_addf(b, " %s", node->args[i]);
	if (truth == TRUTH_UNKNOWN)
		strbuf_add(b, " (unknown)");
}

int
binding_term(struct core *core, const struct slot *slot, const struct condition *cond, int leaf, char *const *env,
	     bool *negated, enum truth *truth, struct bindings *found)
{
	struct evaluation x = { .core = core, .root = scope_root(slot->name), .cond = cond };

	*negated = binding_is_negated(cond, cond->leaves[leaf]);
	*truth = find_term(&x, &cond->nodes[cond->leaves[leaf]], env, *negated, found);
	return x.nomem ? -ENOMEM : 0;
}

char *
binding_explain(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < cond->n_leaves; i++) {
		struct bindings found = { 0 };
		enum truth truth;
		bool negated;
		int r = binding_term(core, slot, cond, i, env, &negated, &truth, &found);

		bindings_deinit(&found);
		if (r < 0)
			return NULL;
		if (truth == TRUTH_UNKNOWN || (truth == TRUTH_TRUE) == negated)
			add_text(&b, &cond->nodes[cond->leaves[i]], negated, truth);
	}
	return strbuf_steal(&b);
}
