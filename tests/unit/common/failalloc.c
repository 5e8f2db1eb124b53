/* SPDX-License-Identifier: MIT */
/*
 * The allocator of the tests: libc's, behind a counter. See failalloc.h.
 */
#include "failalloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "common/macros.h"

#define ATTEMPTS_MAX 100000

static struct {
	unsigned long left; /* allocations until the one that fails; 0: not armed */
	unsigned long made; /* since armed */
	bool for_good;
	bool failed;
	long held;
} state;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);

static bool
fails_now(void)
{
	state.made++;
	if (state.failed && state.for_good)
		return true;
	if (state.left == 0 || --state.left > 0)
		return false;
	state.failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	void *p = NULL;

	if (fails_now())
		errno = ENOMEM;
	else
		p = __real_malloc(n);
	if (p != NULL)
		state.held++;
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = NULL;

	if (fails_now())
		errno = ENOMEM;
	else
		p = __real_calloc(n, size);
	if (p != NULL)
		state.held++;
	return p;
}

void *
__wrap_realloc(void *p, size_t n)
{
	void *grown = NULL;

	if (fails_now())
		errno = ENOMEM;
	else
		grown = __real_realloc(p, n);
	if (p == NULL && grown != NULL)
		state.held++;
	return grown;
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return __wrap_realloc(p, all);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = __wrap_malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
__wrap_strdup(const char *s)
{
	return __wrap_strndup(s, strlen(s));
}

void
__wrap_free(void *p)
{
	if (p != NULL)
		state.held--;
	__real_free(p);
}

void
failalloc_arm(unsigned long n, bool for_good)
{
	state.left = n;
	state.for_good = for_good;
	state.failed = false;
	state.made = 0;
}

bool
failalloc_disarm(void)
{
	bool failed = state.failed;

	state.left = 0;
	state.for_good = false;
	state.failed = false;
	return failed;
}

long
failalloc_held(void)
{
	return state.held;
}

static unsigned long
each(failalloc_fn fn, void *data, bool lenient, bool for_good)
{
	for (unsigned long n = 1; n < ATTEMPTS_MAX; n++) {
		long before = state.held;
		int r;

		failalloc_arm(n, for_good);
		r = fn(data);
		if (state.held != before)
			fail_msg("allocation %lu of it failing, it leaks %ld blocks", n, state.held - before);
		if (!failalloc_disarm()) {
			assert_int_equal(r, 0);
			return n - 1;
		}
		if (r != -ENOMEM && !(lenient && r == 0))
			fail_msg("allocation %lu of it failing, it returns %d", n, r);
	}
	fail_msg("it never does without a failed allocation");
	return 0;
}

unsigned long
failalloc_each(failalloc_fn fn, void *data)
{
	(void) each(fn, data, false, true);
	return each(fn, data, false, false);
}

unsigned long
failalloc_each_lenient(failalloc_fn fn, void *data)
{
	(void) each(fn, data, true, true);
	return each(fn, data, true, false);
}
