/* SPDX-License-Identifier: MIT */
/*
 * initctl2dot: the output of `initctl show-config -e` as a graph for Graphviz (control.md section 13).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/str.h"
#include "initctl/dot.h"
#include "initctl/tool.h"

struct arguments {
	const char *in, *out, *restrict_to;
	bool user, system;
	struct dot_colours colours;
};

#define COLOUR(name, member, help)                                                                                     \
	{                                                                                                              \
		0, name, "COLOUR", help, OPTION_VALUE, offsetof(struct arguments, colours.member)                      \
	}

static const struct option_spec options[] = {
	{ 'f', "infile", "FILE", N_("read this file instead of asking init"), OPTION_VALUE,
	  offsetof(struct arguments, in) },
	{ 'o', "outfile", "FILE", N_("write to this file, - is standard output (default: upstart.dot)"), OPTION_VALUE,
	  offsetof(struct arguments, out) },
	{ 'r', "restrict-to-jobs", "JOBS",
	  N_("show only these jobs, separated by commas, and what they have to do with"), OPTION_VALUE,
	  offsetof(struct arguments, restrict_to) },
	{ 0, "user", NULL, N_("ask the session init"), OPTION_FLAG, offsetof(struct arguments, user) },
	{ 0, "system", NULL, N_("ask the system's init"), OPTION_FLAG, offsetof(struct arguments, system) },
	COLOUR("color-emits", emits, N_("of arrows to emitted events (default: green)")),
	COLOUR("color-start-on", start_on, N_("of arrows that start a job (default: blue)")),
	COLOUR("color-stop-on", stop_on, N_("of arrows that stop a job (default: red)")),
	COLOUR("color-event", event, N_("of events (default: thistle)")),
	COLOUR("color-job", job, N_("of jobs (default: #DCDCDC)")),
	COLOUR("color-bg", background, N_("of the background (default: white)")),
	COLOUR("color-text", text, N_("of text (default: black)")),
	COLOUR("color-event-text", event_text, N_("of the names of events (default: black)")),
	COLOUR("color-job-text", job_text, N_("of the names of jobs (default: black)")),
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { options, options_common, NULL };

static const struct tool_help help = {
	.command = "",
	.operands = "",
	.summary = N_("Draw which events start and stop which jobs, for Graphviz."),
	.text = N_(
	    "Without --infile `initctl show-config -e' is asked: of the session init inside a session, of the system's "
	    "else.\nTo see it: initctl2dot -o - | dot -Tsvg > upstart.svg"),
	.tables = tables,
};

/* As scripts know it: without the name of the program. */
static int printf_like(1, 2) fail(const char *fmt, ...)
{
	va_list args;

	(void) fflush(stdout);
	(void) fputs("ERROR: ", stderr);
	va_start(args, fmt);
	(void) vfprintf(stderr, fmt, args);
	va_end(args);
	(void) fputc('\n', stderr);
	return EXIT_FAILURE;
}

static int
read_listing(struct listing *listing, FILE *in, const char *name)
{
	char *line auto_free = NULL;
	int r = listing_read(listing, in, &line);

	if (r == -ENOMEM)
		tool_nomem();
	if (r == -EINVAL)
		return fail(_("invalid line: %s"), line);
	return r < 0 ? fail(_("cannot read file '%s'"), name) : EXIT_SUCCESS;
}

static int
read_file(struct listing *listing, const char *name)
{
	FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	int status;

	if (!in)
		return fail(_("cannot read file '%s'"), name);
	status = read_listing(listing, in, name);
	if (in != stdin)
		(void) fclose(in);
	return status;
}

static int
ask_init(struct listing *listing, const struct arguments *arguments)
{
	bool user = arguments->user || (!arguments->system && getenv("UPSTART_SESSION"));
	const char *command = user ? arguments->user ? "initctl --user show-config -e" : "initctl show-config -e"
				   : "initctl --system show-config -e";
	FILE *in = popen(command, "re");
	int status;

	if (!in)
		return fail(_("cannot run '%s'"), command);
	status = read_listing(listing, in, command);
	if (pclose(in) != 0 && status == EXIT_SUCCESS)
		return fail(_("cannot run '%s'"), command);
	return status;
}

/* The names of --restrict-to-jobs; EXIT_FAILURE when there is no such job. */
static int
split_names(const struct listing *listing, const char *text, char ***names)
{
	char *copy auto_free = tool_must(strdup(text)), *rest = copy, *name;

	while ((name = strsep(&rest, ","))) {
		if (!name[0])
			continue;
		if (!listing_find(listing, name))
			return fail(_("unknown job %s"), name);
		if (strv_add(names, name) < 0)
			tool_nomem();
	}
	return EXIT_SUCCESS;
}

static int
write_graph(const struct arguments *arguments, const struct listing *listing, char *const *only)
{
	const char *name = arguments->out ? arguments->out : "upstart.dot";
	FILE *out = strcmp(name, "-") == 0 ? stdout : fopen(name, "we");
	bool failed;

	if (!out)
		return fail(_("cannot open file %s for writing"), name);
	if (dot_write(out, listing, only, &arguments->colours) < 0)
		tool_nomem();
	if (out == stdout)
		return EXIT_SUCCESS; /* tool_finish() looks at that */
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed)
		return fail(_("cannot write file %s: %s"), name, strerror(errno));
	return EXIT_SUCCESS;
}

static int
draw(const struct arguments *arguments)
{
	struct listing listing auto_listing = LISTING_INIT;
	char **only auto_strv = NULL;
	int status = arguments->in ? read_file(&listing, arguments->in) : ask_init(&listing, arguments);

	if (status == EXIT_SUCCESS && arguments->restrict_to)
		status = split_names(&listing, arguments->restrict_to, &only);
	return status == EXIT_SUCCESS ? write_graph(arguments, &listing, only) : status;
}

static int
run(struct tool *tool, struct options_scan *scan)
{
	struct arguments arguments = { .colours = DOT_COLOURS };
	enum options_result r;
	const char *word;

	r = options_next(scan, tables, &arguments, &word);
	tool->level = scan->level;
	if (r == OPTIONS_HELP)
		return tool_help(tool, &help);
	if (r == OPTIONS_VERSION)
		return tool_version(tool);
	if (r == OPTIONS_INVALID)
		return tool_invalid_option(tool, scan);
	if (r == OPTIONS_OPERAND)
		return tool_misuse(tool, _("unexpected argument: %s"), word);
	return draw(&arguments);
}

int
main(int argc, char **argv)
{
	struct options_scan scan;
	struct tool tool;
	int status;

	tool_init(&tool, argv[0]);
	if (!options_init(&scan, argc, argv))
		tool_nomem();
	status = run(&tool, &scan);
	options_deinit(&scan);
	return tool_finish(&tool, status);
}
