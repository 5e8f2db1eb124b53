/* SPDX-License-Identifier: MIT */
/*
 * upstart-spawner: started by init, which is at the other end of descriptor IPC_SERVANT_FD.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "spawner/spawner.h"
#include "system/spawn_fds.h"

#define EXIT_USAGE 2

/* Jobs must inherit nothing but what the child puts there; 0 to 2 must exist so that no link takes their place. */
static void
secure_descriptors(void)
{
	int keep[] = { IPC_SERVANT_FD };
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void) close(fd);
	spawn_fds_close_others(keep, ARRAY_SIZE(keep));
}

static bool
is_link(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* Answers that init has not taken yet hold descriptors: as many as may be. What it was before goes to the jobs. */
static void
raise_nofile(struct rlimit *before)
{
	struct rlimit raised;

	*before = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (getrlimit(RLIMIT_NOFILE, before) < 0)
		return;
	raised = *before;
	raised.rlim_cur = raised.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &raised);
}

/* Signals are init's business: a terminal's or a shutdown script's must not take the hands away. */
static void
block_signals(void)
{
	sigset_t all;

	(void) sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, NULL);
}

int
main(int argc, char **argv)
{
	struct spawner spawner;
	struct rlimit nofile;
	struct ipc *ipc;
	int r;

	(void) argv;
	log_set_program("upstart-spawner");
	if (argc > 1 || !is_link(IPC_SERVANT_FD)) {
		(void) fprintf(stderr, "upstart-spawner " UPSTART_VERSION
				       ": part of init, which starts it; of no use by itself\n");
		return EXIT_USAGE;
	}
	block_signals();
	secure_descriptors();
	raise_nofile(&nofile);
	ipc = ipc_new(IPC_SERVANT_FD);
	r = ipc != NULL ? spawner_init(&spawner, ipc, &nofile) : -ENOMEM;
	if (r < 0) {
		log_error("unable to start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	r = spawner_run(&spawner);
	if (r < 0)
		log_error("ended: %s", strerror(-r));
	spawner_deinit(&spawner);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
