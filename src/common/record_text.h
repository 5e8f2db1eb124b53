/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Records of strings as one text, for lists that are too long for a vector (common/wire.h): a record per line, a tab
 * behind each of its fields. A tab, a line feed and a backslash within a field are written "\t", "\n", "\\".
 */

#include "common/str.h"

void record_text_add(struct strbuf *b, const char *field); /* b->failed tells of want of memory */
void record_text_end(struct strbuf *b);			   /* of the record */

/*
 * The record at *at, which moves on behind it: 1 and its fields, the caller's (NULL: it has none); 0: there is no more;
 * -ENOMEM; -EBADMSG: no text of this kind.
 */
int must_check record_text_next(const char **at, char ***fields);
