/* SPDX-License-Identifier: MIT */
/*
 * How the command or script of a slot is run (job-language.md section 6): by itself, or by a
 * shell that gets it as an argument or, if it has several lines, on descriptor 9.
 */
#include "job/class.h"

#include <errno.h>
#include <string.h>

#include "job/list.h"

/* Any of these in a command needs a shell. */
#define SHELL_CHARACTERS "~`!$^&*()=|\\{}[];\"'<>?"
#define SEPARATORS " \t\r\n"

#define SHELL "/bin/sh"
#define SCRIPT_PATH "/proc/self/fd/9"
/* The shell closes the script's descriptor for its children, which is why line numbers are one more. */
#define SCRIPT_PREFIX "exec 9<&-\n"

/* SHELL -e -c TEXT SHELL; frees text. */
static int
shell_argv(char *text, char ***argv)
{
	auto_strv char **made = NULL;

	if (text == NULL)
		return -ENOMEM;
	if (strv_add(&made, SHELL) < 0 || strv_add(&made, "-e") < 0 || strv_add(&made, "-c") < 0) {
		free(text);
		return -ENOMEM;
	}
	if (strv_take(&made, text) < 0 || strv_add(&made, SHELL) < 0)
		return -ENOMEM;
	*argv = steal(&made);
	return 0;
}

static int
script_argv(const char *text, char ***argv, char **script)
{
	auto_strv char **made = NULL;
	char *whole = str_printf("%s%s", SCRIPT_PREFIX, text);

	if (whole == NULL)
		return -ENOMEM;
	if (strv_add(&made, SHELL) < 0 || strv_add(&made, "-e") < 0 || strv_add(&made, SCRIPT_PATH) < 0) {
		free(whole);
		return -ENOMEM;
	}
	*argv = steal(&made);
	*script = whole;
	return 0;
}

static int
split_argv(const char *command, char ***argv)
{
	auto_strlist struct strlist made = { 0 };
	const char *p = command + strspn(command, SEPARATORS);

	while (*p != '\0') {
		struct span word = { p, strcspn(p, SEPARATORS) };

		if (strlist_take(&made, span_dup(word)) < 0)
			return -ENOMEM;
		p += word.n;
		p += strspn(p, SEPARATORS);
	}
	*argv = strlist_steal(&made);
	return 0;
}

int
job_process_command(const struct job_process *process, char ***argv, char **script)
{
	const char *text = process->command != NULL ? process->command : "";
	size_t n = strlen(text);

	*argv = NULL;
	*script = NULL;
	if (!process->script) {
		/* A blank command is the shell's to refuse or not: there is nothing to execute. */
		if (strpbrk(text, SHELL_CHARACTERS) != NULL || text[strspn(text, SEPARATORS)] == '\0')
			return shell_argv(str_printf("exec %s", text), argv);
		return split_argv(text, argv);
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && memchr(text, '\n', n) != NULL)
		return script_argv(text, argv, script);
	return shell_argv(span_dup((struct span) { text, n }), argv);
}
