/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The states that a term of a `while` may mean, to be asked for those with one value of a variable: a term on the right of an
 * `and` is evaluated for each binding of the left one, and looking at all states each time would cost their product.
 */

#include "core/binding.h"

struct state_index;

/*
 * What there is now under the name of a term (state_each()), copied; *known: whether anything is known of that name. Owned; NULL:
 * out of memory.
 */
struct state_index *state_index_new(const struct core *core, struct span root, const struct condition_node *node, bool present,
				    bool *known);
struct state_index *state_index_free(struct state_index *index); /* takes NULL, returns NULL */

/*
 * Call fn, in the order of state_each(), with all states that the term may match when its $VARIABLES are those of `vars`, and
 * perhaps with others. 0 or -ENOMEM.
 */
int must_check state_index_each(const struct state_index *index, char *const *vars, state_fn fn, void *data);
