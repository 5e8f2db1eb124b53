/* SPDX-License-Identifier: MIT */
#include "init/check_shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"

/*
 * The text the shell is given; owned. A script with the lines around it, so that the shell counts lines from the
 * `script` one: to the parser these are commands. 1, 0: the slot needs no shell, or -ENOMEM.
 */
static int
shell_text(const struct job_process *process, char *const *argv, char **text)
{
	size_t n = strlen(process->command);

	if (process->script)
		*text = str_printf("script\n%s%send script\n", process->command,
				   n > 0 && process->command[n - 1] != '\n' ? "\n" : "");
	else if (strv_len(argv) > 3 && strcmp(argv[0], SHELL) == 0 && strcmp(argv[2], "-c") == 0)
		*text = strdup(argv[3]);
	else
		return 0;
	return *text != NULL ? 1 : -ENOMEM;
}

/* Start `sh -n` with these descriptors. 0 and *pid, or a negative errno. */
static int
start(int in, int out, pid_t *pid)
{
	*pid = fork();
	if (*pid < 0)
		return -errno;
	if (*pid > 0)
		return 0;
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		(void) execl(SHELL, SHELL, "-n", NULL);
	_exit(127);
}

/* The whole of a file; owned; NULL when out of memory or it can't be read. */
static char *
content(FILE *file)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	char piece[4096];
	size_t n;

	rewind(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		strbuf_addn(&b, piece, n);
	return ferror(file) ? NULL : strbuf_steal(&b);
}

/* Give the shell the text. Its status as waitpid() has it, or a negative errno. */
static int
ask(const char *text, FILE *in, FILE *out)
{
	pid_t pid;
	int status, r;

	if (fputs(text, in) == EOF || fflush(in) == EOF || fseek(in, 0, SEEK_SET) < 0)
		return -errno;
	r = start(fileno(in), fileno(out), &pid);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

int
check_shell(const struct job_process *process, char **says)
{
	auto_strv char **argv = NULL;
	auto_free char *script = NULL;
	auto_free char *text = NULL;
	FILE *in, *out;
	int r;

	if (process->command == NULL)
		return 0;
	r = job_process_command(process, &argv, &script);
	if (r == 0)
		r = shell_text(process, argv, &text);
	if (r <= 0 || text == NULL)
		return r;
	in = tmpfile();
	out = tmpfile();
	r = in != NULL && out != NULL ? ask(text, in, out) : -errno;
	if (r > 0) {
		*says = content(out);
		r = *says != NULL ? 1 : -ENOMEM;
	}
	if (in != NULL)
		(void) fclose(in);
	if (out != NULL)
		(void) fclose(out);
	return r;
}
