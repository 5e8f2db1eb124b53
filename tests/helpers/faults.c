/* SPDX-License-Identifier: MIT */
/*
 * Wants on purpose, for the real programs: a library to be put before libc (LD_PRELOAD), told what to do by a file that
 * UPSTART_FAULTS names. The test maps the file as well, so it can look and change its mind at any time
 * (tests/helpers/faults.py). In the program that the file names the calls of each kind are counted, and those from number
 * `first` to number `last` fail. Or one kind is swept: a call fails when it comes from a place, which is a stack of callers,
 * for the first time, the second, the third or fourth, and so on, each of these once over all runs until the file is made
 * anew; then `gap` calls pass before another may fail. The kinds:
 *
 *   alloc  memory: malloc and all that calls it, libc and other libraries included
 *   fd     whatever makes a descriptor
 *   fork   whatever makes a process
 *   disk   writing to a file, and making one
 *   turn   waiting for events: only counted
 *
 * The program's forked children count as it does until they execute another.
 */
/* Both names of calls with two are meant as they are written. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum kind { ALLOC, FD, FORK, DISK, TURN, KIND_COUNT };

#define PLACES 16384 /* a power of two, as are all sizes of tables */
#define FRAMES 40

/* Places by a hash of their stack; 0: free. */
struct place {
	uint64_t place, n;
};

/* As faults.py has it. */
struct faults {
	char program[64];
	struct {
		uint64_t count, first, last, error, failed;
	} calls[KIND_COUNT];
	struct {
		uint64_t kind; /* that is swept, and one more; 0: none is */
		uint64_t gap, times; /* calls that pass in between; that fail in a row */
		uint64_t until, rest; /* call that fails in any case, and that does in none, up to that number */
	} sweep;
	struct place came[PLACES]; /* in this run: so often */
	struct place failed[PLACES]; /* in all runs; with how often it had come */
};

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static struct faults *faults; /* NULL: nothing is asked for */
static __thread bool looking; /* at a stack: what that allocates is not meant */

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("UPSTART_FAULTS");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p, *frames[1];

	if (fd < 0)
		return;
	(void) backtrace(frames, 1); /* which loads a library the first time */
	p = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void) close(fd);
	if (p != MAP_FAILED)
		faults = p;
}

/* -- places --------------------------------------------------------------------------------- */

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* A number for the stack of callers that is the same in each process; never 0. */
static uint64_t __attribute__((noinline))
place_here(enum kind kind)
{
	void *frames[FRAMES];
	uint64_t h = kind + 1;
	int n;

	looking = true;
	n = backtrace(frames, FRAMES);
	for (int i = 0; i < n; i++) {
		struct dl_find_object object;

		if (_dl_find_object(frames[i], &object) == 0)
			h = mix(h, (uintptr_t) frames[i] - (uintptr_t) object.dlfo_map_start);
	}
	looking = false;
	return h | 1;
}

/* Where a place is in a table, or belongs; NULL: that is full. */
static struct place *
find_place(struct place *table, uint64_t place)
{
	for (uint64_t i = 0; i < PLACES; i++) {
		struct place *p = &table[(place / 2 + i) % PLACES];
		uint64_t none = 0;

		if (__atomic_compare_exchange_n(&p->place, &none, place, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
		    none == place)
			return p;
	}
	return NULL;
}

/* 1, 2, 3 for 3 and 4, 4 for 5 to 8, and so on. */
static uint64_t
bucket(uint64_t n)
{
	return n == 1 ? 1 : 65 - (uint64_t) __builtin_clzll(n - 1);
}

/* Is the call of number n one that a sweep lets fail? */
static bool
is_swept(enum kind kind, uint64_t n)
{
	struct place *came, *failed;
	uint64_t place;

	if (faults->sweep.kind != kind + 1 || looking)
		return false;
	place = place_here(kind);
	came = find_place(faults->came, place);
	if (came == NULL)
		return false;
	place = mix(place, bucket(__atomic_add_fetch(&came->n, 1, __ATOMIC_SEQ_CST))) | 1;
	if (n <= faults->sweep.until)
		return true;
	if (n <= faults->sweep.rest)
		return false;
	failed = find_place(faults->failed, place);
	if (failed == NULL || __atomic_exchange_n(&failed->n, 1, __ATOMIC_SEQ_CST) != 0)
		return false;
	faults->sweep.until = n + faults->sweep.times - 1;
	faults->sweep.rest = faults->sweep.until + faults->sweep.gap;
	return true;
}

/* Count a call; is it to fail? Then errno says why. */
static bool __attribute__((noinline))
fails(enum kind kind)
{
	uint64_t n;

	if (faults == NULL || looking || strcmp(faults->program, program_invocation_short_name) != 0)
		return false;
	n = __atomic_add_fetch(&faults->calls[kind].count, 1, __ATOMIC_SEQ_CST);
	if (!is_swept(kind, n) &&
	    (faults->calls[kind].first == 0 || n < faults->calls[kind].first || n > faults->calls[kind].last))
		return false;
	(void) __atomic_add_fetch(&faults->calls[kind].failed, 1, __ATOMIC_SEQ_CST);
	errno = (int) faults->calls[kind].error;
	return true;
}

/* -- memory -------------------------------------------------------------------------------- */

void *
malloc(size_t n)
{
	return fails(ALLOC) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails(ALLOC) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails(ALLOC) ? NULL : __libc_realloc(p, n);
}

/* -- the others: libc's own is looked for when it is needed first ------------------------------- */

#define NEXT(name)                                                                                 \
	static __typeof__(&name) next;                                                             \
                                                                                                   \
	if (next == NULL)                                                                          \
		*(void **) &next = dlsym(RTLD_NEXT, #name)

/* The mode of open() and the like, where there is one. */
static mode_t
mode_of(int flags, va_list args)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t) va_arg(args, int) : 0;
}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list args;                                                                      \
		mode_t mode;                                                                       \
		NEXT(name);                                                                        \
                                                                                                   \
		va_start(args, flags);                                                             \
		mode = mode_of(flags, args);                                                       \
		va_end(args);                                                                      \
		if (fails(FD) || ((flags & O_CREAT) != 0 && fails(DISK)))                          \
			return -1;                                                                 \
		return next(path, flags, mode);                                                    \
	}

OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
	int name(int dir, const char *path, int flags, ...)                                        \
	{                                                                                          \
		va_list args;                                                                      \
		mode_t mode;                                                                       \
		NEXT(name);                                                                        \
                                                                                                   \
		va_start(args, flags);                                                             \
		mode = mode_of(flags, args);                                                       \
		va_end(args);                                                                      \
		if (fails(FD) || ((flags & O_CREAT) != 0 && fails(DISK)))                          \
			return -1;                                                                 \
		return next(dir, path, flags, mode);                                               \
	}

OPENAT(openat)
OPENAT(openat64)

#define FCNTL(name)                                                                                \
	int name(int fd, int command, ...)                                                         \
	{                                                                                          \
		va_list args;                                                                      \
		void *arg;                                                                         \
		NEXT(name);                                                                        \
                                                                                                   \
		va_start(args, command);                                                           \
		arg = va_arg(args, void *);                                                        \
		va_end(args);                                                                      \
		if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && fails(FD))               \
			return -1;                                                                 \
		return next(fd, command, arg);                                                     \
	}

FCNTL(fcntl)
FCNTL(fcntl64)

#define PASS(kind, type, name, parameters, arguments)                                              \
	type name parameters                                                                       \
	{                                                                                          \
		NEXT(name);                                                                        \
                                                                                                   \
		return fails(kind) ? -1 : next arguments;                                          \
	}

PASS(FD, int, pipe, (int fds[2]), (fds))
PASS(FD, int, pipe2, (int fds[2], int flags), (fds, flags))
PASS(FD, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
PASS(FD, int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
PASS(FD, int, dup, (int fd), (fd))
PASS(FD, int, accept4, (int fd, struct sockaddr *restrict address, socklen_t *restrict n, int flags), (fd, address, n, flags))
PASS(FD, int, memfd_create, (const char *name, unsigned flags), (name, flags))
PASS(FD, int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
PASS(FD, int, inotify_init1, (int flags), (flags))
PASS(FD, int, epoll_create1, (int flags), (flags))
PASS(FD, int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
PASS(FD, int, posix_openpt, (int flags), (flags))
PASS(FORK, pid_t, fork, (void), ())
PASS(DISK, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
PASS(DISK, ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
PASS(DISK, ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
PASS(DISK, int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))
PASS(DISK, int, rename, (const char *from, const char *to), (from, to))

/* These two return the error. */
int
posix_fallocate(int fd, off_t at, off_t n)
{
	NEXT(posix_fallocate);

	return fails(DISK) ? errno : next(fd, at, n);
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	NEXT(posix_fallocate64);

	return fails(DISK) ? errno : next(fd, at, n);
}

int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	NEXT(epoll_wait);

	(void) fails(TURN);
	return next(fd, events, n, timeout);
}

long
syscall(long number, ...)
{
	long arguments[6];
	va_list args;
	NEXT(syscall);

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(args, long);
	va_end(args);
	if ((number == SYS_clone3 || number == SYS_clone) && fails(FORK))
		return -1;
	if (number == SYS_pidfd_open && fails(FD))
		return -1;
	return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
