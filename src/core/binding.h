/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the expression of a `while` yields: bindings, each an environment in which it holds.
 *
 *   NAME MATCH…  one per matching state, with its KEY=VALUEs
 *   a and b      for each binding of a those of b, evaluated with a's variables in reach; merged, the right one wins
 *   a or b       those of both
 *   not a        one, empty, if a yields none and it is known that it does
 *
 * A name that nobody ever set is unknown: neither the term on it nor its `not` holds. Under `not` a job is asked for
 * that is not even present; else one that is up.
 */

#include "core/internal.h"

enum truth { TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_TRUE };

struct bindings {
	char ***p; /* owned; each an environment, NULL for an empty one */
	size_t n;
};

void bindings_deinit(struct bindings *b); /* idempotent */

/* Beyond so many terms and bindings looked at an expression is not worth it: it does not hold. */
#define BINDING_STEPS_MAX 100000
/* Operators in an expression; deeper ones would need too much stack. */
#define BINDING_NODES_MAX 512

/*
 * All bindings of an expression of a class in `slot`; `env` is what $VARIABLES in patterns may speak of. Fills *found,
 * which the caller has zeroed and frees. Out of memory, and when there are too many, core->oom or *found says so: there
 * are none then.
 */
enum truth binding_find(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
			struct bindings *found);

/*
 * One term, by its number from the left: is it asked for the contrary, is it true itself, and which states match it.
 * *found as above. 0 or -ENOMEM.
 */
int must_check binding_term(struct core *core, const struct slot *slot, const struct condition *cond, int leaf,
			    char *const *env, bool *negated, enum truth *truth, struct bindings *found);

/* Is what stands at that place of the expression asked for the contrary? */
bool binding_is_negated(const struct condition *cond, int index);

/*
 * The terms that keep an expression from holding, as text: "bar, not gdm". Owned; NULL when out of memory.
 */
char *binding_explain(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env);
