/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small helpers every file may use: attributes, cleanup, ownership transfer.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))
#define must_check __attribute__((warn_unused_result))
#define unused __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The structure that holds `member` at address `ptr`. */
#define container_of(ptr, type, member) ((type *) (void *) ((char *) (ptr) - offsetof(type, member)))

/* Microseconds; absolute values are CLOCK_MONOTONIC or what a test says. */
typedef uint64_t usec_t;
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

static inline void
macro_free_p(void *p)
{
	free(*(void **) p);
}

static inline void
macro_close_p(const int *fd)
{
	if (*fd >= 0)
		(void) close(*fd);
}

/* Local resources that go with their scope. */
#define auto_free __attribute__((cleanup(macro_free_p)))
#define auto_close __attribute__((cleanup(macro_close_p)))

/* Take ownership out of *p: returns its value and leaves NULL (or -1). */
#define steal(p)                            \
	__extension__({                     \
		__typeof__(*(p)) got = *(p); \
		*(p) = NULL;                \
		got;                        \
	})

static inline int
steal_fd(int *fd)
{
	int got = *fd;
	*fd = -1;
	return got;
}

/* Close *fd unless it is -1, which it is afterwards. */
static inline void
fd_close(int *fd)
{
	macro_close_p(fd);
	*fd = -1;
}
