/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where to go on after a fault. Private to job/.
 */

#include "job/lexer.h"

/*
 * After a fault in the statement that began at `start`: go to where the next one
 * begins. `may_open_block` tells that a `script` in it is worth skipping to its end.
 */
void lexer_recover(struct lexer *lex, const struct lexer_mark *start, bool may_open_block);
