/* SPDX-License-Identifier: MIT */
/*
 * Prints the table of stanzas, one a line: FIRST-WORD TAB SECOND-WORD TAB USAGE. For tests that hold manuals and
 * editor files to it.
 */
#include <stdio.h>

#include "job/stanza.h"

static const char *
usage_of(const struct stanza *s)
{
	return s->usage != NULL ? s->usage : "";
}

int
main(void)
{
	for (const struct stanza *s = job_stanzas(); s->name != NULL; s++) {
		if (s->parse != NULL)
			(void) printf("%s\t\t%s\n", s->name, usage_of(s));
		for (const struct stanza *sub = s->sub; sub != NULL && sub->name != NULL; sub++)
			(void) printf("%s\t%s\t%s\n", s->name, sub->name, usage_of(sub));
	}
	return 0;
}
