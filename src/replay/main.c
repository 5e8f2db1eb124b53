/* SPDX-License-Identifier: MIT */
/*
 * upstart-replay: apply the inputs of a recording to a core. The command line; the rest is in replay.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/str.h"
#include "replay/replay.h"

#define EXIT_USAGE 2

static const char usage[] = "Usage: upstart-replay [OPTION]... FILE\n"
			    "Apply the inputs that `init --record FILE' has written, and compare what they lead\n"
			    "to with what they led to then. A crash report of init's is done again until where\n"
			    "init crashed.\n"
			    "\n"
			    "      --until N   stop after input number N and show jobs and events\n"
			    "      --print     print inputs, events as they have their turn, and effects\n"
			    "      --check     check after each input that everything is as it must be\n"
			    "  -q, --quiet     print faults only\n"
			    "      --help      display this help and exit\n"
			    "      --version   output version information and exit\n";

static int
misused(void)
{
	(void) fputs("Try `upstart-replay --help' for more information.\n", stderr);
	return EXIT_USAGE;
}

static bool
read_number(const char *text, uint64_t *number)
{
	char *end;

	*number = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *number > 0)
		return true;
	(void) fprintf(stderr, "upstart-replay: not the number of an input: %s\n", text);
	return false;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "until", required_argument, NULL, 'u' },
		{ "print", no_argument, NULL, 'p' },
		{ "check", no_argument, NULL, 'c' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct replay_options options = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "q", longs, NULL)) != -1)
		switch (c) {
		case 'u':
			if (!read_number(optarg, &options.until))
				return misused();
			break;
		case 'p':
			options.print = true;
			break;
		case 'c':
			options.check = true;
			break;
		case 'q':
			options.quiet = true;
			break;
		case 'h':
			(void) fputs(usage, stdout);
			return 0;
		case 'V':
			(void) puts("upstart-replay (upstart " UPSTART_VERSION ")");
			return 0;
		default:
			return misused();
		}
	if (optind != argc - 1) {
		(void) fputs(usage, stderr);
		return EXIT_USAGE;
	}
	options.path = argv[optind];
	return replay(&options);
}
