/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading event expressions (job-language.md section 4.1). Private to job/.
 */

#include "job/lexer.h"

/*
 * Read an expression up to the end of its logical line; line ends inside parentheses
 * count as blanks. *cond is the caller's. 0, -EINVAL (reported) or -ENOMEM.
 */
int must_check expression_read(struct lexer *lex, struct condition **cond);
