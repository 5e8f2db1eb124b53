/* SPDX-License-Identifier: MIT */
#include "common/closest.h"

#include <string.h>

#define WORD_MAX 64 /* bytes; longer names are not compared */

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
closest_word(const char *word, const char *const *names, size_t most)
{
	const char *closest = NULL;
	size_t n = strlen(word);

	if (n == 0 || n > WORD_MAX)
		return NULL;
	for (; *names != NULL; names++) {
		size_t d = strlen(*names) <= WORD_MAX ? distance(word, *names) : most + 1;

		/* As many changes as letters: that is another word. */
		if (d <= most && d < n && (closest == NULL || d < most)) {
			most = d;
			closest = *names;
		}
	}
	return closest;
}
