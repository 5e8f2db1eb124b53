/* SPDX-License-Identifier: MIT */
/*
 * upstart-logger: started by init with its end of the link on descriptor IPC_SERVANT_FD.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/ipc.h"
#include "common/log.h"
#include "logger/filter.h"
#include "logger/logger.h"

struct options {
	int ring_fd; /* -1: none */
	bool filter;
};

static const char usage[] = "Usage: upstart-logger [OPTION]...\n"
			    "Write the output of jobs to their log files. Started by init, not by hand.\n"
			    "\n"
			    "      --ring-fd=FD  keep what waits for the disk in this file\n"
			    "      --no-filter   do without the system call filter\n"
			    "      --help        display this help and exit\n"
			    "      --version     output version information and exit\n";

/* 1: go on, 0: all is said, -1: wrong usage. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "ring-fd", required_argument, NULL, 'r' },
		{ "no-filter", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	char *end;
	long fd;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'r':
			errno = 0;
			fd = strtol(optarg, &end, 10);
			if (errno != 0 || end == optarg || *end != '\0' || fd <= IPC_SERVANT_FD || fd > 1024) {
				(void) fprintf(stderr, "upstart-logger: not a descriptor: %s\n", optarg);
				return -1;
			}
			o->ring_fd = (int) fd;
			break;
		case 'f':
			o->filter = false;
			break;
		case 'h':
			(void) fputs(usage, stdout);
			return 0;
		case 'V':
			(void) puts("upstart-logger (upstart " UPSTART_VERSION ")");
			return 0;
		default:
			return -1;
		}
	return 1;
}

static bool
is_link(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* How long we live is init's decision alone; broken files are errors, not signals. */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ, SIGTTOU, SIGTTIN, SIGTSTP };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void) signal(ignored[i], SIG_IGN);
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
libevent_says_cb(int severity, const char *text)
{
	log_write(severity >= EVENT_LOG_WARN ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "%s", text);
}

int
main(int argc, char **argv)
{
	struct options options = { .ring_fd = -1, .filter = true };
	struct logger *lg;
	int r = parse_options(argc, argv, &options);

	if (r <= 0)
		return r < 0 ? 2 : 0;
	log_set_program("upstart-logger");
	if (!is_link(IPC_SERVANT_FD)) {
		log_error("This program is started by init, not by hand");
		return 1;
	}
	ignore_signals();
	event_set_log_callback(libevent_says_cb);
	(void) umask(0); /* the mode of log files is said where they are opened */
	(void) logger_raise_nofile();
	r = logger_new(&lg, IPC_SERVANT_FD, options.ring_fd);
	if (r < 0) {
		log_error("Cannot start: %s", strerror(-r));
		return 1;
	}
	if (options.filter) {
		r = filter_install();
		if (r < 0)
			log_write(r == -ENOSYS || r == -EINVAL ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
				  "Running without system call filter: %s", strerror(-r));
	}
	r = logger_run(lg);
	(void) logger_free(lg);
	return r < 0 ? 1 : 0;
}
