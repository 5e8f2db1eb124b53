/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `script` … `end script` (job-language.md 1.5). Private to job/.
 */

#include "job/lexer.h"

/*
 * Read a block from behind its `script` keyword, which is at `opened`, to behind its end.
 * Frees the old *text; the new one is the caller's. 0, -EINVAL (reported) or -ENOMEM.
 */
int must_check block_read(struct lexer *lex, struct place opened, char **text);

/* Go behind the next line that ends a block, if there is one. */
void block_skip(struct lexer *lex);
