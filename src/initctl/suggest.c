/* SPDX-License-Identifier: MIT */
#include "initctl/suggest.h"

#include <stdio.h>
#include <string.h>

#include "common/str.h"

#define WORD_MAX 64   /* bytes; longer names are not compared */
#define JOBS_MAX 2000 /* of more jobs the names are not asked for */

/*
 * How many letters must be added, taken away, changed or swapped with their neighbour to make one word of the other
 * (optimal string alignment): three rows of the usual table.
 */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		const size_t *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t least = last[j - 1] + (a[i - 1] != b[j - 1]);

			least = last[j] + 1 < least ? last[j] + 1 : least;
			least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
				least = before[j - 2] + 1;
			row[j] = least;
		}
	}
	return rows[n % 3][m];
}

const char *
suggest_closest(const char *word, const char *const *names)
{
	size_t n = strlen(word), best = n < 3 ? 1 : n < 6 ? 2 : 3;
	const char *closest = NULL;

	if (n == 0 || n > WORD_MAX)
		return NULL;
	for (; *names; names++) {
		size_t d = strlen(*names) <= WORD_MAX ? distance(word, *names) : best + 1;

		/* As many changes as letters: that is another word. */
		if (d <= best && d < n && (!closest || d < best)) {
			best = d;
			closest = *names;
		}
	}
	return closest;
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
