/* SPDX-License-Identifier: MIT */
#include "initctl/check_suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/rewrite.h"

/* What is in the file; NULL: it is not to be read. Owned. */
static char *
read_file(const char *path, size_t *len)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); /* it may have become a FIFO */
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char part[4096];
	bool failed;
	size_t n;

	if (!f) {
		if (fd >= 0)
			(void) close(fd);
		return NULL;
	}
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		strbuf_addn(&b, part, n);
	failed = ferror(f) != 0;
	(void) fclose(f);
	if (failed)
		return NULL;
	*len = b.len;
	return tool_must(strbuf_steal(&b));
}

/* Is there an override, which would have to change as well? */
static bool
has_override(const char *path)
{
	size_t n = strlen(path), m = strlen(".conf");
	char *override auto_free = NULL;

	if (n <= m || strcmp(path + n - m, ".conf") != 0)
		return true;
	override = tool_must(str_printf("%.*s.override", (int) (n - m), path));
	return access(override, F_OK) == 0;
}

/* A name of no job: its state would be somebody else's; NULL: there is none. */
static const char *
find_unknown(const struct definitions *definitions, char *const *jobs)
{
	for (; *jobs; jobs++)
		if (!definitions_find(definitions, *jobs))
			return *jobs;
	return NULL;
}

static char *
suggestion(const struct job_rewrite *rewrite)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;

	strbuf_addf(&b, "suggested: while %s\n", rewrite->states);
	if (rewrite->rest)
		strbuf_addf(&b, "suggested: stop on %s\n", rewrite->rest);
	strbuf_addf(&b, "instead of: start on %s\ninstead of: stop on %s\n", rewrite->start_on, rewrite->stop_on);
	strbuf_add(&b, job_rewrite_differences);
	return tool_must(strbuf_steal(&b));
}

char *
check_suggest(const struct initctl *ctl, const struct definitions *definitions, const struct upstart_job *job)
{
	struct job_rewrite rewrite auto_rewrite = JOB_REWRITE_INIT;
	struct upstart_job_file *file = NULL;
	char *path auto_free = NULL, *text auto_free = NULL;
	const char *why = NULL;
	char *result = NULL;
	size_t len = 0;

	if (!*job->start_on || !*job->stop_on || *job->while_on ||
	    upstart_get_job(ctl->upstart, job->name, &path, NULL) < 0 ||
	    upstart_job_file(ctl->upstart, path, &file, NULL) < 0)
		return NULL;
	if (file->path && *file->path && !has_override(file->path))
		text = read_file(file->path, &len);
	if (text) {
		const struct parse_source source = { file->path, { text, len } };
		int r = job_rewrite(job->name, &source, &rewrite, &why);

		if (r == -ENOMEM)
			tool_nomem();
		if (r == 1 && !find_unknown(definitions, rewrite.jobs))
			result = suggestion(&rewrite);
	}
	upstart_job_file_free(file);
	return result;
}
