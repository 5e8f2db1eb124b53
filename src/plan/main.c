/* SPDX-License-Identifier: MIT */
/*
 * upstart-plan: what would happen. `initctl plan' runs it on a snapshot that init has made; it can also read a
 * directory of job files. It touches nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "plan/print.h"

#define STEPS_MAX 100000

struct arguments {
	int snapshot_fd; /* -1: none */
	const char *dir; /* NULL: none */
	const char *program;
	bool json, verbose, quiet;
	struct world_question question;
};

static const char usage[] = "Usage: upstart-plan [OPTION]... EVENT [KEY=VALUE]...\n"
			    "  or:  upstart-plan [OPTION]... start|stop|restart JOB [KEY=VALUE]...\n"
			    "  or:  upstart-plan [OPTION]... --boot\n"
			    "Tell what would happen. `initctl plan' runs this program.\n"
			    "\n"
			    "      --snapshot-fd=FD  read what init knows from this descriptor\n"
			    "      --confdir=DIR     read job files instead\n"
			    "      --boot            of the start of the system\n"
			    "      --emits           processes emit what their jobs say they emit\n"
			    "      --program=NAME    in front of messages\n"
			    "      --json            print JSON\n"
			    "  -v, --verbose         print steps that matter to few as well\n"
			    "  -q, --quiet           print errors only\n"
			    "      --help            display this help and exit\n"
			    "      --version         output version information and exit\n";

static const struct option longs[] = {
	{ "snapshot-fd", required_argument, NULL, 's' },
	{ "confdir", required_argument, NULL, 'c' },
	{ "boot", no_argument, NULL, 'b' },
	{ "emits", no_argument, NULL, 'e' },
	{ "program", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int
misused(const struct arguments *a, const char *what)
{
	if (what != NULL)
		(void) fprintf(stderr, "%s: %s\n", a->program, what);
	(void) fprintf(stderr, "Try `%s --help' for more information.\n", a->program);
	return EXIT_FAILURE;
}

/* -1: go on, else the exit status. */
static int
take_option(struct arguments *a, int c)
{
	switch (c) {
	case 's':
		a->snapshot_fd = atoi(optarg);
		break;
	case 'c':
		a->dir = optarg;
		break;
	case 'b':
		a->question.action = WORLD_BOOT;
		break;
	case 'e':
		a->question.emits = true;
		break;
	case 'p':
		a->program = optarg;
		break;
	case 'j':
		a->json = true;
		break;
	case 'v':
		a->verbose = true;
		break;
	case 'q':
		a->quiet = true;
		break;
	case 'h':
		(void) fputs(usage, stdout);
		return 0;
	case 'V':
		(void) puts("upstart-plan (upstart " UPSTART_VERSION ")");
		return 0;
	default:
		return misused(a, NULL);
	}
	return -1;
}

/* What is asked: a word that names a request, and a job; or an event. NULL, or what is wrong. */
static const char *
take_operands(struct arguments *a, char *const *words)
{
	static const struct {
		const char *word;
		enum world_action action;
	} requests[] = {
		{ "start", WORLD_START },
		{ "stop", WORLD_STOP },
		{ "restart", WORLD_RESTART },
		{ "emit", WORLD_EMIT },
	};
	struct world_question *q = &a->question;
	const char *error;

	if (q->action == WORLD_BOOT) {
		q->name = "startup";
		return words[0] != NULL ? "unexpected operand" : NULL;
	}
	for (size_t i = 0; words[0] != NULL && i < ARRAY_SIZE(requests); i++)
		if (strcmp(words[0], requests[i].word) == 0) {
			q->action = requests[i].action;
			words++;
			break;
		}
	if (words[0] == NULL)
		return q->action == WORLD_EMIT ? "missing event name" : "missing job name";
	q->name = words[0];
	q->env = words + 1;
	if (q->name[0] == '\0')
		return "Name may not be empty string";
	return env_fault(q->env, &error);
}

static int
print(const struct arguments *a, const struct story *story)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (a->json)
		plan_print_json(&b, story, &a->question);
	else
		plan_print_text(&b, story, &a->question, a->verbose);
	if (b.failed)
		return -ENOMEM;
	if (!a->quiet && b.p != NULL && fputs(b.p, stdout) == EOF)
		return -errno;
	return fflush(stdout) == EOF ? -errno : 0;
}

static int
plan(const struct arguments *a)
{
	auto_source struct source source = SOURCE_INIT;
	struct story story = { 0 };
	bool complete;
	int r = a->dir != NULL ? source_read_directory(&source, a->dir) : source_read_snapshot(&source, a->snapshot_fd);

	if (r < 0) {
		(void) fprintf(stderr, "%s: %s%s%s\n", a->program, a->dir != NULL ? a->dir : "",
			       a->dir != NULL ? ": " : "",
			       r == -EBADMSG ? "The snapshot of init makes no sense" : strerror(-r));
		return EXIT_FAILURE;
	}
	r = world_tell(&source, &a->question, &story);
	if (r == 0)
		r = print(a, &story);
	if (r == -ENOENT)
		(void) fprintf(stderr, "%s: Unknown job: %s\n", a->program, a->question.name);
	else if (r < 0)
		(void) fprintf(stderr, "%s: Unable to tell: %s\n", a->program,
			       r == -ENOTRECOVERABLE ? "an internal rule was broken" : strerror(-r));
	complete = story.complete;
	story_deinit(&story);
	return r < 0 || !complete || source.wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .snapshot_fd = -1, .program = "upstart-plan", .question.limit = STEPS_MAX };
	const char *wrong;
	int c, status;

	/* Operands are the caller's: options end at the first. */
	while ((c = getopt_long(argc, argv, "+qv", longs, NULL)) != -1) {
		status = take_option(&a, c);
		if (status >= 0)
			return status;
	}
	wrong = take_operands(&a, argv + optind);
	if (wrong == NULL && a.dir == NULL && a.snapshot_fd < 0)
		wrong = "neither --snapshot-fd nor --confdir";
	return wrong != NULL ? misused(&a, wrong) : plan(&a);
}
