/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text: spans (borrowed pieces), growing buffers, and string vectors.
 *
 * A string vector ("strv") is a NULL-terminated array of owned strings;
 * a NULL pointer is an empty vector everywhere.
 */

#include <stdbool.h>

#include "common/macros.h"

/* A borrowed piece of text, not terminated. */
struct span {
	const char *p;
	size_t n;
};

#define SPAN(s) ((struct span) { (s), sizeof(s) - 1 })

struct span span_of(const char *s);
bool span_is(struct span a, const char *s);
/* A terminated copy the caller frees; NULL when out of memory. */
char *span_dup(struct span s);
/* The length of the UTF-8 character at the start of s, or 0 if none is there. */
size_t span_utf8(struct span s);
/* The value of a lower-case hexadecimal digit, or -1. */
int hex_value(char c);

/*
 * A growing buffer. A failed allocation sets `failed` and later calls do
 * nothing, so that a caller checks once, at the end. Always terminated when
 * p is not NULL.
 */
struct strbuf {
	char *p; /* owned */
	size_t len;
	size_t cap;
	bool failed;
};

#define STRBUF_INIT { 0 }

void strbuf_deinit(struct strbuf *b); /* idempotent */
void strbuf_addn(struct strbuf *b, const void *p, size_t n);
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) printf_like(2, 3);
/* The text as an owned string ("" when empty), b is empty after; NULL when any step failed. */
char *strbuf_steal(struct strbuf *b);

#define auto_strbuf __attribute__((cleanup(strbuf_deinit)))

/* A copy of `from` (NULL stays NULL) into *to. 0 or -ENOMEM. */
int must_check str_copy(char **to, const char *from);
/* A formatted owned string; NULL when out of memory. */
char *str_printf(const char *fmt, ...) printf_like(1, 2);

size_t strv_len(char *const *v);
/*
 * An empty vector with room for n strings, to be filled by hand; NULL when out of memory. Vectors grow
 * at certain lengths only: to append to one that was neither made by this nor by strv_add() is an error.
 */
char **strv_new(size_t n);
/* Append a copy of s (or the owned string s); 0 or -ENOMEM. strv_take frees s on failure. */
int must_check strv_add(char ***v, const char *s);
int must_check strv_take(char ***v, char *s);
/* Append copies of all of `from`; on -ENOMEM *v keeps what it had plus some. */
int must_check strv_extend(char ***v, char *const *from);
/* A deep copy into *copy (NULL for an empty vector); 0 or -ENOMEM. */
int must_check strv_dup(char ***copy, char *const *v);
/* Frees all; takes NULL and returns NULL. */
char **strv_free(char **v);
void strv_free_p(char ***v);
bool strv_has(char *const *v, const char *s);
bool strv_equal(char *const *a, char *const *b);
/* All strings with `sep` between; owned; "" when empty; NULL when out of memory. */
char *strv_join(char *const *v, const char *sep);

#define auto_strv __attribute__((cleanup(strv_free_p)))
