/* SPDX-License-Identifier: MIT */
/*
 * Evaluating the expression of a `while`. Changes nothing; who asks is in follow.c.
 */
#include "core/binding.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "core/state_index.h"

#define REACH_MAX 256 /* environments that a term is told of in */

/* What is kept of a term while an expression is evaluated. */
struct leaf {
	bool seen;		   /* it was looked at once, and may be again and again */
	bool known;		   /* anything is known of its name; once there is an index */
	struct state_index *index; /* owned */
};

struct evaluation {
	struct core *core;
	struct span root; /* of the session the expression is in */
	const struct condition *cond;
	struct leaf *leaves; /* owned, by the number of the term; NULL: each is looked at once */
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

int
bindings_add(struct bindings *b, char **env)
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
	size_t most; /* bindings that are wanted */
	bool found;
};

static void
look_at_state(char *const *state_env, void *data)
{
	struct seen_state *s = data;
	char **env = NULL;
	int matches;

	if (s->out->n >= s->most || is_over(s->x))
		return;
	matches = condition_node_test(s->node, s->node->name, state_env, s->env, 0);
	if (matches < 0)
		s->x->nomem = true;
	if (matches <= 0)
		return;
	s->found = true;
	if (strv_dup(&env, state_env) < 0 || bindings_add(s->out, env) < 0)
		s->x->nomem = true;
}

/* The index of a term that is looked at again; NULL: the first time, or out of memory. */
static const struct leaf *
find_leaf(struct evaluation *x, const struct condition_node *node, bool negated)
{
	struct leaf *leaf = x->leaves != NULL ? &x->leaves[node->leaf] : NULL;

	if (leaf == NULL || !leaf->seen) {
		if (leaf != NULL)
			leaf->seen = true;
		return NULL;
	}
	if (leaf->index == NULL)
		leaf->index = state_index_new(x->core, x->root, node, negated, &leaf->known);
	if (leaf->index == NULL)
		x->nomem = true;
	return leaf->index != NULL ? leaf : NULL;
}

static enum truth
find_term(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out,
	  size_t most)
{
	struct seen_state s = { x, node, env, out, most, false };
	const struct leaf *leaf = find_leaf(x, node, negated);
	bool known = leaf != NULL && leaf->known;

	if (leaf == NULL)
		known = state_each(x->core, x->root, node->name, negated, look_at_state, &s);
	else if (state_index_each(leaf->index, env, look_at_state, &s) < 0)
		x->nomem = true;
	if (!known)
		return TRUTH_UNKNOWN;
	return s.found ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth find(struct evaluation *x, int index, char *const *env, bool negated, struct bindings *out, size_t most);

/* Add both as one environment, in which `over` wins. 0 or -ENOMEM. */
static int
add_merged(struct bindings *b, char *const *env, char *const *over)
{
	auto_strv char **both = NULL;

	if (strv_dup(&both, env) < 0 || env_merge(&both, over) < 0)
		return -ENOMEM;
	return bindings_add(b, steal(&both));
}

/* The right side of an `and`, for one binding of the left one. */
static enum truth
find_right(struct evaluation *x, int index, char *const *env, char *const *left, bool negated, struct bindings *out,
	   size_t most)
{
	struct bindings right = { 0 };
	auto_strv char **reach = NULL;
	enum truth truth;

	if (strv_dup(&reach, env) < 0 || env_merge(&reach, left) < 0) {
		x->nomem = true;
		return TRUTH_FALSE;
	}
	truth = find(x, index, reach, negated, &right, most - out->n);
	for (size_t i = 0; i < right.n && !is_over(x); i++)
		if (add_merged(out, left, right.p[i]) < 0)
			x->nomem = true;
	bindings_deinit(&right);
	return truth;
}

static enum truth
find_and(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out,
	 size_t most)
{
	struct bindings left = { 0 };
	enum truth truth = find(x, node->left, env, negated, &left, SIZE_MAX); /* any may be the one */
	enum truth best = TRUTH_FALSE;

	for (size_t i = 0; i < left.n && out->n < most && !is_over(x); i++) {
		enum truth right = find_right(x, node->right, env, left.p[i], negated, out, most);

		best = right > best ? right : best;
	}
	bindings_deinit(&left);
	return truth == TRUTH_TRUE ? best : truth;
}

static enum truth
find_not(struct evaluation *x, const struct condition_node *node, char *const *env, bool negated, struct bindings *out)
{
	struct bindings inner = { 0 };
	enum truth truth = find(x, node->right, env, !negated, &inner, 1);

	bindings_deinit(&inner);
	if (truth == TRUTH_UNKNOWN)
		return truth;
	if (truth == TRUTH_TRUE)
		return TRUTH_FALSE;
	if (bindings_add(out, NULL) < 0)
		x->nomem = true;
	return TRUTH_TRUE;
}

/* Recursion is as deep as the expression, which BINDING_NODES_MAX bounds. */
static enum truth
find(struct evaluation *x, int index, char *const *env, bool negated, struct bindings *out, size_t most)
{
	const struct condition_node *node = &x->cond->nodes[index];
	enum truth left, right;

	if (is_over(x))
		return TRUTH_FALSE;
	switch (node->type) {
	case CONDITION_MATCH:
		return find_term(x, node, env, negated, out, most);
	case CONDITION_AND:
		return find_and(x, node, env, negated, out, most);
	case CONDITION_NOT:
		return find_not(x, node, env, negated, out);
	case CONDITION_OR:
		break;
	}
	left = find(x, node->left, env, negated, out, most);
	if (out->n >= most)
		return left;
	right = find(x, node->right, env, negated, out, most);
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
	if (cond->n_leaves > 1) {
		x.leaves = calloc((size_t) cond->n_leaves, sizeof(*x.leaves));
		x.nomem = x.leaves == NULL;
	}
	truth = find(&x, cond->n_nodes - 1, env, false, found, job_class_has_instances(follow_class_of(slot)) ? SIZE_MAX : 1);
	for (int i = 0; x.leaves != NULL && i < cond->n_leaves; i++)
		(void) state_index_free(x.leaves[i].index);
	free(x.leaves);
	if (x.nomem)
		core->oom = true;
	if (x.nomem || x.too_long) {
		bindings_deinit(found);
		found->too_many = x.too_long;
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

/* -- telling ------------------------------------------------------------------------------ */

struct binding_term *
binding_terms_free(struct binding_term *terms, const struct condition *cond)
{
	for (int i = 0; terms != NULL && i < cond->n_leaves; i++) {
		bindings_deinit(&terms[i].found);
		(void) strv_free(terms[i].env);
	}
	free(terms);
	return NULL;
}

/* Those that are not there yet. Takes what is in `from`. */
static void
add_new(struct evaluation *x, struct bindings *to, struct bindings *from)
{
	for (size_t i = 0; i < from->n; i++) {
		bool is_there = false;

		for (size_t k = 0; k < to->n && !is_there; k++)
			is_there = strv_equal(to->p[k], from->p[i]);
		if (!is_there && bindings_add(to, steal(&from->p[i])) < 0)
			x->nomem = true;
	}
	bindings_deinit(from);
}

/* A term in each of the environments that reach it: it is as it should be if it is so in one of them. */
static void
tell_term(struct evaluation *x, const struct condition_node *node, const struct bindings *reach, struct binding_term *term)
{
	enum truth wanted = term->negated ? TRUTH_FALSE : TRUTH_TRUE;

	for (size_t i = 0; i < reach->n && !x->nomem; i++) {
		struct bindings found = { 0 };
		enum truth truth = find_term(x, node, reach->p[i], term->negated, &found, SIZE_MAX);

		if (i == 0 || (truth == wanted && term->truth != wanted)) {
			bindings_deinit(&term->found);
			term->truth = truth;
			term->env = strv_free(term->env);
			if (strv_dup(&term->env, reach->p[i]) < 0)
				x->nomem = true;
		}
		if (truth == term->truth)
			add_new(x, &term->found, &found);
		bindings_deinit(&found);
	}
}

/* The environments that reach what is right of an `and`; those of the `and` itself if nothing on its left binds. */
static void
find_reach(struct evaluation *x, int left, const struct bindings *reach, bool negated, struct bindings *out)
{
	for (size_t i = 0; i < reach->n && out->n < REACH_MAX && !x->nomem; i++) {
		struct bindings found = { 0 };

		(void) find(x, left, reach->p[i], negated, &found, REACH_MAX - out->n);
		for (size_t k = 0; k < found.n && out->n < REACH_MAX; k++)
			if (add_merged(out, reach->p[i], found.p[k]) < 0)
				x->nomem = true;
		bindings_deinit(&found);
	}
}

/* Recursion is as deep as the expression, which BINDING_NODES_MAX bounds. */
static void
tell(struct evaluation *x, int index, const struct bindings *reach, bool negated, struct binding_term *terms)
{
	const struct condition_node *node = &x->cond->nodes[index];
	struct bindings further = { 0 };

	if (node->type == CONDITION_MATCH) {
		terms[node->leaf].negated = negated;
		tell_term(x, node, reach, &terms[node->leaf]);
		return;
	}
	if (node->type == CONDITION_NOT) {
		tell(x, node->right, reach, !negated, terms);
		return;
	}
	tell(x, node->left, reach, negated, terms);
	if (node->type == CONDITION_AND)
		find_reach(x, node->left, reach, negated, &further);
	tell(x, node->right, further.n > 0 ? &further : reach, negated, terms);
	bindings_deinit(&further);
}

int
binding_terms(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
	      struct binding_term **terms)
{
	struct evaluation x = { .core = core, .root = scope_root(slot->name), .cond = cond };
	struct bindings reach = { 0 };
	char **copy = NULL;

	*terms = calloc((size_t) cond->n_leaves, sizeof(**terms));
	if (*terms == NULL || strv_dup(&copy, env) < 0 || bindings_add(&reach, copy) < 0)
		x.nomem = true;
	else if (cond->n_nodes <= BINDING_NODES_MAX)
		tell(&x, cond->n_nodes - 1, &reach, false, *terms);
	bindings_deinit(&reach);
	if (x.nomem)
		*terms = binding_terms_free(*terms, cond);
	return x.nomem ? -ENOMEM : 0;
}

/* What keeps it from being so: "not stc I=e0". */
static int
add_text(struct strbuf *b, const struct condition_node *node, const struct binding_term *term)
{
	if (b->len > 0)
		strbuf_add(b, ", ");
	if (term->negated)
		strbuf_add(b, "not ");
	strbuf_add(b, node->name);
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++) {
		struct error err = ERROR_INIT;
		auto_free char *value = NULL;
		int r = env_expand(&value, node->args[i], term->env, &err);

		if (r == -ENOMEM)
			return r;
		strbuf_addf(b, " %s", r < 0 ? node->args[i] : value);
	}
	if (term->truth == TRUTH_UNKNOWN)
		strbuf_add(b, " (unknown)");
	return 0;
}

char *
binding_explain(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct binding_term *terms;
	int r = binding_terms(core, slot, cond, env, &terms);

	for (int i = 0; i < cond->n_leaves && r == 0; i++)
		if (terms[i].truth == TRUTH_UNKNOWN || (terms[i].truth == TRUTH_TRUE) == terms[i].negated)
			r = add_text(&b, &cond->nodes[cond->leaves[i]], &terms[i]);
	if (r == 0)
		(void) binding_terms_free(terms, cond);
	return r == 0 ? strbuf_steal(&b) : NULL;
}

int
binding_names(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env, char ***names)
{
	struct evaluation x = { .core = core, .root = scope_root(slot->name), .cond = cond };
	auto_free bool *held = calloc((size_t) cond->n_leaves, sizeof(*held));
	auto_free bool *used = calloc((size_t) cond->n_leaves, sizeof(*used));

	*names = NULL;
	if (held == NULL || used == NULL)
		return -ENOMEM;
	for (int i = 0; i < cond->n_leaves; i++) {
		const struct condition_node *node = &cond->nodes[cond->leaves[i]];
		struct bindings found = { 0 };

		held[i] = find_term(&x, node, env, binding_is_negated(cond, cond->leaves[i]), &found, 1) == TRUTH_TRUE;
		bindings_deinit(&found);
	}
	(void) condition_evaluate(cond, held, used);
	for (int i = 0; i < cond->n_leaves && !x.nomem; i++) {
		const char *name = cond->nodes[cond->leaves[i]].name;

		if (used[i] && !strv_has(*names, name) && strv_add(names, name) < 0)
			x.nomem = true;
	}
	if (x.nomem)
		*names = strv_free(*names);
	return x.nomem ? -ENOMEM : 0;
}
