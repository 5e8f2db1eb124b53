/* SPDX-License-Identifier: MIT */
#include "initctl/suggest.h"

#include <stdio.h>
#include <string.h>

#include "common/closest.h"
#include "common/str.h"

#define JOBS_MAX 2000 /* of more jobs the names are not asked for */

const char *
suggest_closest(const char *word, const char *const *names)
{
	size_t n = strlen(word);

	return closest_word(word, names, n < 3 ? 1 : n < 6 ? 2 : 3);
}

void
suggest_name(const char *word, const char *const *names)
{
	const char *name = tool_is_watched() ? suggest_closest(word, names) : NULL;

	if (name)
		(void) fprintf(stderr, _("Did you mean `%s'?\n"), name);
}

void
suggest_job(struct initctl *ctl, const char *word)
{
	char **paths auto_strv = NULL, **names auto_strv = NULL;

	if (!tool_is_watched() || upstart_get_jobs(ctl->upstart, &paths, NULL) < 0 || strv_len(paths) > JOBS_MAX)
		return;
	for (size_t i = 0; paths[i]; i++) {
		char *name = NULL;

		if (upstart_job_name(ctl->upstart, paths[i], &name, NULL) == 0 && strv_take(&names, name) < 0)
			tool_nomem();
	}
	if (names)
		suggest_name(word, (const char *const *) names);
}
