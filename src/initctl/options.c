/* SPDX-License-Identifier: MIT */
#include "initctl/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "initctl/tool.h"

const struct option_spec options_common[] = {
	{ 'q', "quiet", NULL, N_("print errors only"), OPTION_QUIET, 0 },
	{ 'v', "verbose", NULL, N_("print more than usual"), OPTION_VERBOSE, 0 },
	{ 0, "debug", NULL, NULL, OPTION_DEBUG, 0 },
	{ 0, "help", NULL, N_("print this text and exit"), OPTION_HELP, 0 },
	{ 0, "version", NULL, N_("print the version of this program and exit"), OPTION_VERSION, 0 },
	OPTIONS_END,
};

bool
options_init(struct options_scan *scan, int argc, char **argv)
{
	*scan = (struct options_scan){ .argc = argc, .argv = argv, .next = 1, .seek = 1, .level = TOOL_NORMAL };
	scan->taken = calloc((size_t) argc + 1, sizeof(*scan->taken));
	return scan->taken != NULL;
}

void
options_deinit(struct options_scan *scan)
{
	free(scan->taken);
	scan->taken = NULL;
}

static enum options_result
invalid(struct options_scan *scan, const char *problem, const char *culprit)
{
	scan->problem = problem;
	scan->culprit = culprit;
	return OPTIONS_INVALID;
}

static enum options_result
invalid_letter(struct options_scan *scan, const char *problem, char letter)
{
	scan->letter[0] = '-';
	scan->letter[1] = letter;
	scan->letter[2] = '\0';
	return invalid(scan, problem, scan->letter);
}

static const struct option_spec *
find_long(const struct option_spec *const *tables, const char *name, size_t length)
{
	for (; *tables; tables++) {
		for (const struct option_spec *o = *tables; o->kind != OPTION_END; o++) {
			if (o->name && strlen(o->name) == length && strncmp(o->name, name, length) == 0)
				return o;
		}
	}
	return NULL;
}

static const struct option_spec *
find_letter(const struct option_spec *const *tables, char letter)
{
	for (; *tables; tables++) {
		for (const struct option_spec *o = *tables; o->kind != OPTION_END; o++) {
			if (o->letter == letter)
				return o;
		}
	}
	return NULL;
}

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* The next word that is not an option and not yet taken; NULL when there is none. */
static const char *
seek_argument(struct options_scan *scan)
{
	if (scan->seek < scan->next)
		scan->seek = scan->next;
	scan->seek_ended |= scan->ended;
	for (; scan->seek < scan->argc; scan->seek++) {
		const char *word = scan->argv[scan->seek];

		if (!scan->seek_ended && strcmp(word, "--") == 0) {
			scan->seek_ended = true;
			continue;
		}
		if (!scan->seek_ended && is_option(word))
			continue;
		scan->taken[scan->seek] = true;
		return scan->argv[scan->seek++];
	}
	return NULL;
}

static void
append_letter(char *letters, char letter)
{
	size_t n = strlen(letters);

	if (n == OPTION_LETTERS_MAX - 1)
		memmove(letters, letters + 1, n--);
	letters[n] = letter;
	letters[n + 1] = '\0';
}

/* Carry out one option; OPTIONS_DONE means go on. */
static enum options_result
apply(struct options_scan *scan, const struct option_spec *o, const char *value, void *data)
{
	char *target = (char *) data + o->offset;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *) (void *) target = true;
		break;
	case OPTION_VALUE:
		*(const char **) (void *) target = value;
		break;
	case OPTION_LIST:
		if (strv_add((char ***) (void *) target, value) < 0)
			tool_nomem();
		break;
	case OPTION_LETTERS:
		append_letter(target, o->letter);
		break;
	case OPTION_QUIET:
		scan->level = TOOL_QUIET;
		break;
	case OPTION_VERBOSE:
		scan->level = TOOL_VERBOSE;
		break;
	case OPTION_DEBUG:
		scan->level = TOOL_DEBUG;
		break;
	case OPTION_HELP:
		return OPTIONS_HELP;
	case OPTION_VERSION:
		return OPTIONS_VERSION;
	case OPTION_END:
	case OPTION_IGNORE:
		break;
	}
	return OPTIONS_DONE;
}

static enum options_result
take_long(struct options_scan *scan, const struct option_spec *const *tables, void *data, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] == '=' ? name + length + 1 : NULL;
	const struct option_spec *o = find_long(tables, name, length);

	if (!o)
		return invalid(scan, N_("invalid option"), word);
	if (value && !o->arg)
		return invalid(scan, N_("unexpected argument"), word);
	if (!value && o->arg) {
		value = seek_argument(scan);
		if (!value)
			return invalid(scan, N_("missing argument"), word);
	}
	return apply(scan, o, value, data);
}

static enum options_result
take_short(struct options_scan *scan, const struct option_spec *const *tables, void *data, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option_spec *o = find_letter(tables, *p);
		const char *value = NULL;
		enum options_result r;

		if (!o)
			return invalid_letter(scan, N_("invalid option"), *p);
		if (o->arg && p == word + 1 && p[1])
			return apply(scan, o, p + 1, data);
		if (o->arg) {
			value = seek_argument(scan);
			if (!value)
				return invalid_letter(scan, N_("missing argument"), *p);
		}
		r = apply(scan, o, value, data);
		if (r != OPTIONS_DONE)
			return r;
	}
	return OPTIONS_DONE;
}

enum options_result
options_next(struct options_scan *scan, const struct option_spec *const *tables, void *data, const char **operand)
{
	while (scan->next < scan->argc) {
		const char *word = scan->argv[scan->next];
		enum options_result r;

		if (scan->taken[scan->next++])
			continue;
		if (!scan->ended && strcmp(word, "--") == 0) {
			scan->ended = true;
			continue;
		}
		if (scan->ended || !is_option(word)) {
			*operand = word;
			return OPTIONS_OPERAND;
		}
		r = word[1] == '-' ? take_long(scan, tables, data, word) : take_short(scan, tables, data, word);
		if (r != OPTIONS_DONE)
			return r;
	}
	return OPTIONS_DONE;
}
