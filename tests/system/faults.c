/* SPDX-License-Identifier: MIT */
/*
 * Faults in the handling of inputs, for the init-faulty of the tests: with POISON=N in the environment of an event or a
 * request, or when a process exits with status 100 + N, applying it crashes where the N-th function of the core is
 * entered, again and again. All functions are such places: they are compiled with -finstrument-functions. The kinds of
 * crashes take turns.
 *
 * With UPSTART_TEST_HIGH=N unnamed files get descriptors from N on, as they do when many others are open.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/env.h"
#include "core/core.h"
#include "system/memfile.h"

#define FIRST_STATUS 100
#define LAST_STATUS 200
#define UNSEEN __attribute__((no_instrument_function))

int __real_core_apply(struct core *core, struct input *in);
int __wrap_core_apply(struct core *core, struct input *in);
int __real_memfile_new(const char *name);
int __wrap_memfile_new(const char *name);
void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static unsigned long left; /* functions until the next fault; 0: none is due */
static unsigned long place;

static unsigned long UNSEEN
place_of(const struct input *in)
{
	char *const *env = in->type == INPUT_EMIT ? in->emit.env : in->type == INPUT_REQUEST ? in->request.env : NULL;
	const char *value = env != NULL ? env_get(env, "POISON") : NULL;

	if (in->type == INPUT_EXITED && in->exited.status > FIRST_STATUS && in->exited.status <= LAST_STATUS)
		return (unsigned long) (in->exited.status - FIRST_STATUS);
	return value != NULL ? strtoul(value, NULL, 10) : 0;
}

/* The stack ends. */
static unsigned UNSEEN
overflow(unsigned depth)
{
	volatile char frame[4096];

	frame[0] = (char) depth;
	return depth + 1 > 0 ? overflow(depth + 1) + (unsigned char) frame[0] : 0;
}

static void UNSEEN
fail(void)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
	static char *volatile nowhere;

	if (place % 7 == 0)
		(void) overflow(0);
	if (place % 2 == 0)
		*nowhere = 'x';
	(void) raise(signals[place % (sizeof(signals) / sizeof(signals[0]))]);
	__builtin_trap();
}

int UNSEEN
__wrap_core_apply(struct core *core, struct input *in)
{
	int r;

	left = place = place_of(in);
	r = __real_core_apply(core, in);
	left = 0;
	return r;
}

int
__wrap_memfile_new(const char *name)
{
	const char *high = getenv("UPSTART_TEST_HIGH");
	int fd = __real_memfile_new(name);
	int moved;

	if (fd < 0 || high == NULL)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, atoi(high));
	if (moved < 0)
		moved = -errno;
	(void) close(fd);
	return moved;
}

void UNSEEN
__cyg_profile_func_enter(void *function, void *caller)
{
	(void) function;
	(void) caller;
	if (left > 0 && --left == 0)
		fail();
}

void UNSEEN
__cyg_profile_func_exit(void *function, void *caller)
{
	(void) function;
	(void) caller;
}
