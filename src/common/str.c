/* SPDX-License-Identifier: MIT */
#include "common/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct span
span_of(const char *s)
{
	return (struct span) { s, strlen(s) };
}

bool
span_is(struct span a, const char *s)
{
	size_t n = strlen(s);

	return a.n == n && (n == 0 || memcmp(a.p, s, n) == 0);
}

char *
span_dup(struct span s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

size_t
span_utf8(struct span s)
{
	const unsigned char *p = (const unsigned char *) s.p;
	size_t n;

	if (s.n == 0)
		return 0;
	n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) /* overlong; surrogates */
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) /* overlong; beyond U+10FFFF */
		return 0;
	return n;
}

int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void
strbuf_deinit(struct strbuf *b)
{
	free(b->p);
	*b = (struct strbuf) STRBUF_INIT;
}

/* Make room for n more bytes and the terminator. */
static bool
strbuf_reserve(struct strbuf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 64;
	char *p;

	if (b->failed)
		return false;
	if (n > SIZE_MAX / 4 - b->len) { /* no memory has that; and the doubling below must not wrap */
		b->failed = true;
		return false;
	}
	if (b->len + n + 1 <= b->cap)
		return true;
	while (cap < b->len + n + 1)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
strbuf_addn(struct strbuf *b, const void *p, size_t n)
{
	if (!strbuf_reserve(b, n))
		return;
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void
strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void
strbuf_addc(struct strbuf *b, char c)
{
	/* Most of what wire.h packs is single bytes. */
	if (b->len + 1 >= b->cap && !strbuf_reserve(b, 1))
		return;
	if (b->failed)
		return;
	b->p[b->len++] = c;
	b->p[b->len] = '\0';
}

void
strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0 || !strbuf_reserve(b, (size_t) n)) {
		b->failed = true;
		return;
	}
	va_start(args, fmt);
	(void) vsnprintf(b->p + b->len, (size_t) n + 1, fmt, args);
	va_end(args);
	b->len += (size_t) n;
}

char *
strbuf_steal(struct strbuf *b)
{
	char *p;

	strbuf_addn(b, "", 0);
	if (b->failed) {
		strbuf_deinit(b);
		return NULL;
	}
	p = b->p;
	*b = (struct strbuf) STRBUF_INIT;
	return p;
}

char *
str_printf(const char *fmt, ...)
{
	va_list args;
	char *p;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return NULL;
	p = malloc((size_t) n + 1);
	if (p == NULL)
		return NULL;
	va_start(args, fmt);
	(void) vsnprintf(p, (size_t) n + 1, fmt, args);
	va_end(args);
	return p;
}

int
str_copy(char **to, const char *from)
{
	*to = from != NULL ? strdup(from) : NULL;
	return from != NULL && *to == NULL ? -ENOMEM : 0;
}

size_t
strv_len(char *const *v)
{
	size_t n = 0;

	while (v != NULL && v[n] != NULL)
		n++;
	return n;
}

char **
strv_new(size_t n)
{
	size_t cap = 2;

	/* As many slots as strv_take() believes a vector of n to have. */
	while (cap < n + 2)
		cap *= 2;
	return calloc(cap, sizeof(char *));
}

int
strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);
	char **grown;

	if (s == NULL)
		return -ENOMEM;
	/* Grown at powers of two only, so that memory is asked for seldom; finding the end still takes a scan. */
	if ((n & (n + 1)) == 0 || *v == NULL) {
		grown = realloc(*v, 2 * (n + 1) * sizeof(**v));
		if (grown == NULL) {
			free(s);
			return -ENOMEM;
		}
		*v = grown;
	}
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
	return 0;
}

int
strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

int
strv_extend(char ***v, char *const *from)
{
	size_t n = strv_len(*v);
	size_t more = strv_len(from);
	char **grown;

	if (more == 0)
		return 0;
	grown = strv_new(n + more);
	if (grown == NULL)
		return -ENOMEM;
	if (*v != NULL)
		memcpy(grown, *v, n * sizeof(*grown));
	free(*v);
	*v = grown;
	for (size_t i = 0; i < more; i++) {
		grown[n + i] = strdup(from[i]);
		if (grown[n + i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
strv_dup(char ***copy, char *const *v)
{
	auto_strv char **made = NULL;

	if (strv_extend(&made, v) < 0)
		return -ENOMEM;
	*copy = steal(&made);
	return 0;
}

char **
strv_free(char **v)
{
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
	return NULL;
}

void
strv_free_p(char ***v)
{
	*v = strv_free(*v);
}

bool
strv_has(char *const *v, const char *s)
{
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		if (strcmp(v[i], s) == 0)
			return true;
	return false;
}

bool
strv_equal(char *const *a, char *const *b)
{
	size_t n = strv_len(a);

	if (strv_len(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

char *
strv_join(char *const *v, const char *sep)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; v != NULL && v[i] != NULL; i++) {
		if (i > 0)
			strbuf_add(&b, sep);
		strbuf_add(&b, v[i]);
	}
	return strbuf_steal(&b);
}
