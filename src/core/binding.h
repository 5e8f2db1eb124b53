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
	bool too_many; /* they were not looked for to the end: there are none here, and nobody knows which there are */
};

void bindings_deinit(struct bindings *b); /* idempotent */
/* Takes env. 0 or -ENOMEM. */
int must_check bindings_add(struct bindings *b, char **env);

/* So many terms and bindings are looked at in one expression. */
#define BINDING_STEPS_MAX 100000
/* Operators in an expression; deeper ones would need too much stack. */
#define BINDING_NODES_MAX 512

/*
 * All bindings of an expression of a class in `slot`, or the first one if it has but one instance; `env` is what $VARIABLES in
 * patterns may speak of. Fills *found, which the caller has zeroed and frees. Out of memory, and when there are too many,
 * core->oom or found->too_many says so: there are none then.
 */
enum truth binding_find(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
			struct bindings *found);

/* A term as it stands, with what the terms to its left bind, if they do: in the first of these environments that makes it so. */
struct binding_term {
	bool negated; /* it is asked for the contrary */
	enum truth truth; /* its own */
	struct bindings found; /* owned: the states that match it */
	char **env; /* owned: what its $VARIABLES speak of */
};

/* All terms, by their numbers from the left. The array is the caller's: binding_terms_free(). 0 or -ENOMEM. */
int must_check binding_terms(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
			     struct binding_term **terms);
struct binding_term *binding_terms_free(struct binding_term *terms, const struct condition *cond); /* takes NULL, returns NULL */

/*
 * The names of the states that make it true, each once: those that hold, where `env` has the variables of the binding. Owned by the
 * caller. 0 or -ENOMEM.
 */
int must_check binding_names(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env,
			     char ***names);

/* Is what stands at that place of the expression asked for the contrary? */
bool binding_is_negated(const struct condition *cond, int index);

/*
 * The terms that keep an expression from holding, as text: "bar, not gdm A=1". Owned; NULL when out of memory.
 */
char *binding_explain(struct core *core, const struct slot *slot, const struct condition *cond, char *const *env);
