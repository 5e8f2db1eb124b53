/* SPDX-License-Identifier: MIT */
#include "control/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/macros.h"

/*
 * What the C library, libevent and libdbus use once everything is set up: the loop, sockets (the system
 * bus may be joined at any time), memory, the machine id, messages to stderr, the anonymous files of long
 * messages. No exec, no fork, no signals to others, no mounts, no tracing, no files but to read. Root's files are
 * root's also without any capability, and so are the limits of root's other processes.
 */
/* clang-format off */
static const char *const allowed[] = {
	/* the loop */
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "poll", "ppoll",
	"pselect6", "select", "timerfd_create", "timerfd_settime", "clock_gettime", "clock_nanosleep",
	"clock_getres", "gettimeofday", "nanosleep", "restart_syscall", "time",
	/* sockets */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "recvfrom",
	"recvmsg", "recvmmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socket", "socketpair",
	/* descriptors */
	"close", "dup", "dup2", "dup3", "fcntl", "fcntl64", "ioctl", "lseek", "pipe2", "pread64", "pwrite64",
	"read", "readv", "write", "writev", "memfd_create", "ftruncate",
	/* looking at files: machine id, socket addresses, user data base */
	"access", "faccessat", "faccessat2", "fstat", "fstat64", "fstatfs", "getcwd", "getdents64", "lstat",
	"newfstatat", "readlink", "readlinkat", "stat", "stat64", "statx",
	/* memory */
	"brk", "madvise", "mmap", "mmap2", "mprotect", "mremap", "munmap", "futex", "rseq", "membarrier",
	/* about ourselves */
	"capget", "geteuid", "geteuid32", "getegid", "getegid32", "getgid", "getgid32", "getgroups", "getgroups32",
	"getpid", "getppid", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "gettid", "getuid",
	"getuid32", "sched_getaffinity", "sched_yield", "sysinfo", "uname", "umask",
	/* signals and the end */
	"exit", "exit_group", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"sigreturn",
};
/* clang-format on */

/* What is allowed with certain arguments only. 0 or a negative errno. */
static int
add_conditional(scmp_filter_ctx filter)
{
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC;
	int r;

	/* Reading only. */
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			     SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	/* Our own limits. */
	if (r == 0 || r == -EDOM)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	/* A signal to oneself (abort) and nobody else. */
	if (r == 0 || r == -EDOM)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) getpid()));
	return r;
}

static int
load_filter(void)
{
	/* "No such call" rather than "not permitted": libraries have a fallback for the first. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = 0;

	if (filter == NULL)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++) {
		int call = seccomp_syscall_resolve_name(allowed[i]);

		if (call != __NR_SCMP_ERROR) /* another architecture's */
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
		if (r == -EDOM) /* a pseudo call that this architecture lacks */
			r = 0;
	}
	if (r == 0)
		r = add_conditional(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	for (int i = 0; i <= 63; i++)
		(void) prctl(PR_CAPBSET_DROP, (unsigned long) i, 0, 0, 0);
	(void) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

void
sandbox_enter(bool capabilities)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_info("Unable to give up new privileges: %s", strerror(errno));
	r = capabilities ? drop_capabilities() : 0;
	if (r < 0)
		log_info("Unable to drop capabilities: %s", strerror(-r));
	r = load_filter();
	if (r < 0)
		log_info("Unable to filter system calls: %s", strerror(-r));
}
