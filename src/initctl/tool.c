/* SPDX-License-Identifier: MIT */
#include "initctl/tool.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/str.h"

#define DEFAULT_WIDTH 80
#define NARROWEST 40
/* Where the description of an option begins, counted from 0. */
#define HELP_COLUMN 30

static void (*undo_at_nomem)(void);

void
tool_undo_at_nomem(void (*undo)(void))
{
	undo_at_nomem = undo;
}

_Noreturn void
tool_nomem(void)
{
	static const char text[] = "Out of memory\n";

	if (undo_at_nomem)
		undo_at_nomem();
	(void) !write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_FAILURE);
}

char *
tool_must(char *text)
{
	if (!text)
		tool_nomem();
	return text;
}

void *
tool_array(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	if (!p)
		tool_nomem();
	return p;
}

FILE *
tool_open_text(char **text, size_t *size)
{
	FILE *out = open_memstream(text, size);

	if (!out)
		tool_nomem();
	return out;
}

void
tool_init(struct tool *tool, const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	*tool = (struct tool){ .name = slash ? slash + 1 : argv0 ? argv0 : "", .level = TOOL_NORMAL };
	if (tool->name[0] == '-')
		tool->name++;
	(void) setlocale(LC_ALL, "");
	(void) setlocale(LC_NUMERIC, "C"); /* numbers are for programs to read too: SVG, --delay */
	(void) textdomain("upstart");
}

void
tool_print(const struct tool *tool, const char *fmt, ...)
{
	va_list args;

	if (tool->level == TOOL_QUIET)
		return;
	va_start(args, fmt);
	(void) vprintf(fmt, args);
	va_end(args);
}

void
tool_verbose(const struct tool *tool, const char *fmt, ...)
{
	va_list args;

	if (tool->level < TOOL_VERBOSE)
		return;
	va_start(args, fmt);
	(void) vprintf(fmt, args);
	va_end(args);
}

/* One message as one write. */
static printf_like(2, 0) void complain(const struct tool *tool, const char *fmt, va_list args)
{
	char *text auto_free = NULL;
	size_t n;

	if (vasprintf(&text, fmt, args) < 0)
		tool_nomem();
	(void) fflush(stdout);
	n = strcspn(text, " \t\n:");
	(void) fprintf(stderr, "%s:%s%s\n", tool->name, text[n] == ':' ? "" : " ", text);
}

void
tool_warn(const struct tool *tool, const char *fmt, ...)
{
	va_list args;

	if (tool->level == TOOL_QUIET)
		return;
	va_start(args, fmt);
	complain(tool, fmt, args);
	va_end(args);
}

void
tool_error(const struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(tool, fmt, args);
	va_end(args);
}

static int
suggest_help(const struct tool *tool)
{
	(void) fprintf(stderr, _("Try `%s --help' for more information.\n"), tool->name);
	return EXIT_FAILURE;
}

bool
tool_is_watched(void)
{
	return tcgetpgrp(STDERR_FILENO) >= 0;
}

int
tool_misuse(const struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(tool, fmt, args);
	va_end(args);
	return suggest_help(tool);
}

int
tool_invalid_option(const struct tool *tool, const struct options_scan *scan)
{
	return tool_misuse(tool, "%s: %s", _(scan->problem), scan->culprit);
}

int
tool_version(const struct tool *tool)
{
	(void) printf("%s (upstart %s)\n", tool->name, UPSTART_VERSION);
	(void) printf("%s\n\n", _("Copyright (c) 2026 The Upstart authors"));
	(void) printf("%s\n",
		      _("This is free software under the MIT licence; see the source for copying conditions.\n"
			"There is NO warranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE."));
	return EXIT_SUCCESS;
}

int
tool_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (n <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		n = size.ws_col;
	if (n <= 0)
		n = DEFAULT_WIDTH;
	return n < NARROWEST ? NARROWEST : n > 10000 ? 10000 : (int) n;
}

void
tool_wrap(const char *text, int column, int indent, int hang)
{
	int limit = tool_width() - 1;
	bool fresh = true; /* nothing of the text on this line yet */

	if (column < indent)
		(void) printf("%*s", indent - column, "");
	column = indent;
	while (*text) {
		int word = (int) strcspn(text, " \n");

		if (!fresh && column + 1 + word > limit) {
			(void) printf("\n%*s", indent + hang, "");
			column = indent + hang;
			fresh = true;
		}
		(void) printf("%s%.*s", fresh ? "" : " ", word, text);
		column += word + (fresh ? 0 : 1);
		fresh = false;
		text += word;
		if (*text == '\n') {
			(void) printf("\n%*s", text[1] && text[1] != '\n' ? indent : 0, "");
			column = indent;
			fresh = true;
		}
		if (*text)
			text++;
	}
	(void) putchar('\n');
}

static void
print_option(const struct option_spec *o)
{
	char *left auto_free = NULL;
	char letter[] = { '-', o->letter, '\0' };

	if (!o->help)
		return;
	left = tool_must(str_printf("  %s%s%s%s%s%s", o->letter ? letter : "    ", o->letter && o->name ? ", " : "",
				    o->name ? "--" : "", o->name ? o->name : "", o->arg ? (o->name ? "=" : " ") : "",
				    o->arg ? o->arg : ""));
	(void) fputs(left, stdout);
	if (strlen(left) >= HELP_COLUMN) {
		(void) putchar('\n');
		left[0] = '\0';
	}
	tool_wrap(_(o->help), (int) strlen(left), HELP_COLUMN, 2);
}

int
tool_help(const struct tool *tool, const struct tool_help *help)
{
	(void) printf(_("Usage: %s%s%s [OPTION]..."), tool->name, help->command[0] ? " " : "", help->command);
	(void) printf("%s%s\n", help->operands[0] ? " " : "", help->operands);
	tool_wrap(_(help->summary), 0, 0, 0);
	(void) printf("\n%s\n", _("Options:"));
	for (const struct option_spec *const *table = help->tables; *table; table++) {
		for (const struct option_spec *o = *table; o->kind != OPTION_END; o++)
			print_option(o);
	}
	if (help->text) {
		(void) putchar('\n');
		tool_wrap(_(help->text), 0, 0, 0);
	}
	return EXIT_SUCCESS;
}

void
tool_add_visible(struct strbuf *b, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char) *text;

		if (c >= 0x20 && c != 0x7f)
			strbuf_addc(b, (char) c);
		else if (c == '\n')
			strbuf_add(b, "\\n");
		else
			strbuf_addf(b, "\\x%02x", c);
	}
}

int
tool_finish(const struct tool *tool, int status)
{
	bool failed = ferror(stdout) != 0;

	if (fclose(stdout) != 0 && errno != EBADF)
		failed = true;
	if (!failed)
		return status;
	tool_error(tool, _("Unable to write the output: %s"), strerror(errno ? errno : EIO));
	return EXIT_FAILURE;
}
