/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writing JSON into a growing buffer; nothing here reads it. Commas come by themselves. `key` is the member's name in
 * an object, NULL in an array and at the top. Bytes that are no UTF-8 become U+FFFD, so that the text is valid whatever
 * names people give to things. Want of memory shows in b->failed.
 */

#include "common/str.h"

void json_begin_object(struct strbuf *b, const char *key);
void json_end_object(struct strbuf *b);
void json_begin_array(struct strbuf *b, const char *key);
void json_end_array(struct strbuf *b);
void json_put_string(struct strbuf *b, const char *key, const char *value); /* NULL: null */
void json_put_number(struct strbuf *b, const char *key, int64_t value);
void json_put_bool(struct strbuf *b, const char *key, bool value);
void json_put_null(struct strbuf *b, const char *key);
/* An array of strings; NULL is an empty one. */
void json_put_strings(struct strbuf *b, const char *key, char *const *v);
/* Seconds with their fraction: "1.5". */
void json_put_seconds(struct strbuf *b, const char *key, usec_t value);
