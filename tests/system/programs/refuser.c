/* SPDX-License-Identifier: MIT */
/*
 * Run a program that may not make a system call, as containers do it:
 *
 *   refuser CALL PROGRAM [ARGUMENT...]
 *
 * The call fails with EPERM, in all that the program makes of itself, too.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int call = argc > 2 ? seccomp_syscall_resolve_name(argv[1]) : __NR_SCMP_ERROR;

	if (ctx == NULL || call == __NR_SCMP_ERROR) {
		(void) fprintf(stderr, "usage: refuser CALL PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	/* Root needs not promise to gain no rights, and sudo would work no more. */
	if (geteuid() == 0 && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) != 0)
		return 1;
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, 0) != 0 || seccomp_load(ctx) != 0) {
		(void) fprintf(stderr, "refuser: no filter\n");
		return 1;
	}
	seccomp_release(ctx);
	(void) execv(argv[2], argv + 2);
	perror(argv[2]);
	return 126;
}
