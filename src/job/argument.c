/* SPDX-License-Identifier: MIT */
/*
 * Arguments that several stanzas take.
 */
#include "job/argument.h"

#include <errno.h>
#include <limits.h>

int
argument_fault(struct parser *p, enum parse_fault_kind kind, struct word *w)
{
	int r = lexer_fault(&p->lex, kind, w->at, w->raw);

	word_deinit(w);
	return r;
}

bool
argument_to_long(const char *text, int base, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, base);
	return end != text && *end == '\0' && errno == 0;
}

int
argument_number(struct parser *p, int base, long min, long max, enum parse_fault_kind kind, long *value)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!argument_to_long(w.text, base, value) || *value < min || *value > max)
		return argument_fault(p, kind, &w);
	word_deinit(&w);
	return 0;
}

int
argument_seconds(struct parser *p, uint32_t *seconds)
{
	long value;
	int r = argument_number(p, 10, 0, LONG_MAX, FAULT_ILLEGAL_INTERVAL, &value);

	if (r < 0)
		return r;
	*seconds = (unsigned long) value > UINT32_MAX ? UINT32_MAX : (uint32_t) value;
	return 0;
}
