/* SPDX-License-Identifier: MIT */
/*
 * For scripts of jobs: wait until a file is there.
 *
 *   await FILE
 */
#include <errno.h>

#include "await.h"

int
main(int argc, char **argv)
{
	if (argc != 2) {
		(void) fputs("usage: await FILE\n", stderr);
		return 2;
	}
	if (await_file(argv[1]) < 0) {
		(void) fprintf(stderr, "await: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return 0;
}
