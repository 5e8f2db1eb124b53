/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Conditions: the tree of a `start on` or `stop on`, over events, or of a `while`, over states.
 *
 * The tree is pure description; which leaf holds which event is the core's
 * business, by leaf index. Nodes lie in one array in reverse Polish order
 * (children before parents, the root last), which is also what D-Bus shows.
 */

#include "common/env.h"
#include "common/error.h"
#include "common/str.h"

/* NOT stands in a `while` only; its operand is `right`, `left` is -1. */
enum condition_type { CONDITION_MATCH, CONDITION_AND, CONDITION_OR, CONDITION_NOT };

struct condition_node {
	enum condition_type type;
	char *name;	 /* MATCH: event name, owned */
	char **args;	 /* MATCH: arguments as written, quotes removed; owned */
	int left, right; /* AND, OR, NOT: indices of the operands */
	int parent;	 /* -1: the root */
	int leaf;	 /* MATCH: its number from the left, else -1 */
};

struct condition {
	struct condition_node *nodes; /* owned */
	int n_nodes;		      /* the root is nodes[n_nodes - 1] */
	int n_leaves;
	int *leaves;	/* owned: leaf number -> node index */
	bool *truth;	/* owned: scratch of condition_evaluate(), by node */
	bool of_states; /* a `while` */
};

struct condition *condition_free(struct condition *cond); /* takes NULL, returns NULL */

/*
 * Does event NAME with ENV (ordered KEY=VALUE) match leaf `node`? Patterns are
 * expanded with `vars`; an expansion error is no match (job-language.md 4.2, D26).
 */
bool condition_node_matches(const struct condition_node *node, const char *name, char *const *env, char *const *vars);

#define CONDITION_ABSENT_IS_UNEQUAL 1u /* KEY!=VALUE matches an event that has no KEY; usually that is no match */
#define CONDITION_LITERAL 2u /* a value must be the pattern as it is written: nothing is expanded, * is an asterisk */

/*
 * The same for those who must know when memory ran out: 1, 0, or -ENOMEM. Without a '$' in the leaf, and with
 * CONDITION_LITERAL, it never does.
 */
int must_check condition_node_test(const struct condition_node *node, const char *name, char *const *env,
				   char *const *vars, unsigned flags);

/*
 * Does an argument of a leaf (VALUE or KEY=VALUE) stand for one value, literally: no pattern, no $VARIABLE, no !=?
 * Then no event matches, with whatever flags, unless one of its variables (KEY's, if there is one) has that value.
 */
bool condition_argument_is_plain(const char *arg);

/*
 * The truth of the whole tree when leaf i is true where held[i]. For each leaf, *used[i] (may
 * be NULL) tells whether it lies in a true sub-tree all the way up: those are the events
 * that count for the environment (4.3). Uses the scratch memory of `cond`: one thread only.
 */
bool condition_evaluate(const struct condition *cond, const bool *held, bool *used);

/* "((a or b) and c)", re-parseable (D29); owned by the caller; NULL when out of memory. */
char *condition_print(const struct condition *cond);

/* One leaf, by its number from the left, in the same way: "started web". Owned; NULL when out of memory. */
char *condition_print_leaf(const struct condition *cond, int leaf);

/* Same tree, same text. */
bool condition_equal(const struct condition *a, const struct condition *b);
