/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading expressions over events (job-language.md section 4.1) and over states (`while`). Private to job/.
 */

#include "job/lexer.h"
#include "job/variables.h"

/*
 * Read an expression up to the end of its logical line; line ends inside parentheses
 * count as blanks. With `of_states` there is `not`, and `none` alone is no condition (*cond becomes NULL).
 * *cond is the caller's, the old one is freed. `variables` may be NULL; else it has the places of *cond's. 0, -EINVAL
 * (reported) or -ENOMEM.
 */
int must_check expression_read(struct lexer *lex, bool of_states, struct condition **cond, struct variables *variables);
