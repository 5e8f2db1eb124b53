/* SPDX-License-Identifier: MIT */
#include "job/hint.h"

#include <errno.h>
#include <string.h>

#include "common/closest.h"

#define LIST_MAX 10	 /* names that are all shown */
#define LONG_LIST_MAX 16 /* the same where none is like the word */
#define NAMES_MAX 96	 /* more are not looked at */
#define SHORT_WORD 6	 /* bytes; of fewer only one may be wrong */

static char *
list(const char *const *names, size_t n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "expected ");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
	return strbuf_steal(&b);
}

int
hint_of(struct span word, const char *const *names, size_t n, char **hint)
{
	auto_free char *wrong = span_dup(word);
	const char *known[NAMES_MAX + 1];
	const char *closest;
	size_t m = 0;

	*hint = NULL;
	if (wrong == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && m < NAMES_MAX; i++)
		if (*names[i] != '\0')
			known[m++] = names[i];
	known[m] = NULL;
	closest = m > LIST_MAX ? closest_word(wrong, known, word.n < SHORT_WORD ? 1 : 2) : NULL;
	if (closest != NULL)
		*hint = str_printf("perhaps %s", closest);
	else if (m == 0 || m > LONG_LIST_MAX)
		return 0;
	else
		*hint = list(known, m);
	return *hint != NULL ? 0 : -ENOMEM;
}
