/* SPDX-License-Identifier: MIT */
/*
 * upstart-control: the mouth of init. Started by init with the link at descriptor IPC_SERVANT_FD; speaks D-Bus to the
 * world and typed messages to init. Ends with 0 when init says so or is gone.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bus/library.h"
#include "common/log.h"
#include "control/libdbus.h"
#include "control/slots.h"

#define EXIT_USAGE 2

static const char usage[] =
    "Usage: upstart-control --mode system|user|session [--no-dbus] [--listen ADDRESS]... [--listen-fd FD]...\n"
    "                       [--no-sandbox]\n"
    "Started by init, with a link to it at descriptor 3.\n";

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "no-dbus", no_argument, NULL, 'd' },
	{ "listen", required_argument, NULL, 'l' },
	{ "listen-fd", required_argument, NULL, 'f' },
	{ "no-sandbox", no_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool
parse_mode(const char *name, enum init_mode *mode)
{
	static const char *const names[] = {
		[MODE_SYSTEM] = "system", [MODE_USER] = "user", [MODE_SESSION] = "session"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*mode = (enum init_mode) i;
			return true;
		}
	return false;
}

static bool
parse_fd(const char *text, int *fd)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n <= IPC_SERVANT_FD || n > 1000000 ||
	    fcntl((int) n, F_GETFD) < 0)
		return false;
	*fd = (int) n;
	return true;
}

/* True if the command line is right. */
static bool
parse_options(int argc, char **argv, struct options *options)
{
	bool has_mode = false;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'm':
			has_mode = parse_mode(optarg, &options->mode);
			if (!has_mode)
				return false;
			break;
		case 'd':
			options->no_dbus = true;
			break;
		case 'l':
			if (options->n_listen == LISTEN_MAX)
				return false;
			options->listen[options->n_listen++] = optarg;
			break;
		case 'f':
			if (options->n_listen_fds == LISTEN_MAX ||
			    !parse_fd(optarg, &options->listen_fds[options->n_listen_fds++]))
				return false;
			break;
		case 's':
			options->no_sandbox = true;
			break;
		default:
			return false;
		}
	}
	return has_mode && optind == argc;
}

int
main(int argc, char **argv)
{
	struct control control = { .by_number = MAP_INIT };
	int r;

	log_set_program("upstart-control");
	if (!parse_options(argc, argv, &control.options)) {
		(void) fputs(usage, stderr);
		return EXIT_USAGE;
	}
	/* The terminal's keys are meant for init, which tells us when it is over. */
	(void) signal(SIGINT, SIG_IGN);
	(void) signal(SIGHUP, SIG_IGN);
	(void) signal(SIGQUIT, SIG_IGN);
	/* Large messages are files. */
	(void) signal(SIGXFSZ, SIG_IGN);
	library_prepare();
	slots_prepare();
	r = control_init(&control);
	if (r < 0)
		log_error("Unable to start: %s", strerror(-r));
	else
		(void) event_base_dispatch(control.base);
	control_deinit(&control);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
