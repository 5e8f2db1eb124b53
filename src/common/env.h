/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Environment tables: string vectors of KEY=VALUE in which each KEY occurs once.
 * Values are bytes; nothing here knows a locale.
 */

#include "common/error.h"
#include "common/str.h"

/* The value of KEY, borrowed from the table; NULL when it is not there. */
const char *env_get(char *const *env, const char *key);
const char *env_get_span(char *const *env, struct span key);

/* Set `pair` (KEY=VALUE): replaces KEY where it stands, else appends. 0 or -ENOMEM. */
int must_check env_set(char ***env, const char *pair);
int must_check env_set_value(char ***env, const char *key, const char *value);

/* Remove exactly KEY; true if it was there. */
bool env_unset(char ***env, const char *key);

/* env_set() each pair of `over`. 0 or -ENOMEM. */
int must_check env_merge(char ***env, char *const *over);

/*
 * What is wrong with an environment that somebody sends, or NULL; *error gets the name of its error then. Every element
 * must have an '=', and there may be at most ENV_MAX of them: look-ups scan, so that a longer list would cost its square.
 */
#define ENV_MAX 4096
#define ENV_TOO_MANY "More than 4096 variables"
const char *env_fault(char *const *env, const char **error);

/*
 * Expand $NAME, ${NAME}, ${NAME:-WORD} … in `text` as job-language.md section 5 says,
 * the unused branch left alone (D31). `*out` is the caller's.
 * 0; -ENOMEM; -EINVAL with the text users know ("Unknown parameter: X",
 * "Mismatched braces", "Expected operator") and ERR_INVALID_ARGS.
 */
int must_check env_expand(char **out, const char *text, char *const *env, struct error *err);
