/* SPDX-License-Identifier: MIT */
/*
 * Arguments that several stanzas take.
 */
#include "job/argument.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int
argument_fault(struct parser *p, enum parse_fault_kind kind, struct word *w)
{
	int r = lexer_fault(&p->lex, kind, w->at, w->raw);

	word_deinit(w);
	return r;
}

int
argument_fault_message(struct parser *p, enum parse_fault_kind kind, struct word *w, const char *message)
{
	int r = lexer_fault_message(&p->lex, kind, w->at, w->raw, message);

	word_deinit(w);
	return r;
}

int
argument_fault_names(struct parser *p, enum parse_fault_kind kind, struct word *w, const char *const *names, size_t n)
{
	int r = lexer_fault_names(&p->lex, &(struct parse_fault){ .kind = kind, .at = w->at, .word = w->raw }, names, n);

	word_deinit(w);
	return r;
}

int
argument_text(struct parser *p, char **text)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	free(*text);
	*text = steal(&w.text);
	return 0;
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

struct unit {
	char letter;
	uint64_t factor;
};

/* A number that is not negative with a unit of `units` behind it, or nothing; false if it is none or too large. */
static bool
with_unit(const char *text, const struct unit *units, uint64_t *value)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno != 0)
		return false;
	*value = n;
	if (*end == '\0')
		return true;
	while (units->letter != '\0' && units->letter != *end)
		units++;
	return units->letter != '\0' && end[1] == '\0' && !__builtin_mul_overflow(n, units->factor, value) &&
	       *value != UINT64_MAX;
}

static int
argument_with_unit(struct parser *p, const struct unit *units, enum parse_fault_kind kind, const char *message,
		   uint64_t *value)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!with_unit(w.text, units, value))
		return argument_fault_message(p, kind, &w, message);
	word_deinit(&w);
	return 0;
}

int
argument_size(struct parser *p, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ 'K', 1ull << 10 }, { 'M', 1ull << 20 }, { 'G', 1ull << 30 }, { 'T', 1ull << 40 }, { 0 },
	};

	return argument_with_unit(p, units, FAULT_ILLEGAL_LIMIT,
				  "Illegal size, expected a number of bytes with or without K, M, G or T", bytes);
}

int
argument_time(struct parser *p, uint64_t *seconds)
{
	static const struct unit units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 }, { 0 },
	};

	return argument_with_unit(p, units, FAULT_ILLEGAL_INTERVAL,
				  "Illegal interval, expected seconds or a number with s, m, h, d or w", seconds);
}

int
argument_choice(struct parser *p, const char *const *names, unsigned first, unsigned n, const char *message,
		unsigned *index)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);
	unsigned i = first;

	if (r < 0)
		return r;
	while (i < n && strcmp(w.text, names[i]) != 0)
		i++;
	if (i == n)
		return argument_fault_message(p, FAULT_UNKNOWN_STANZA, &w, message);
	word_deinit(&w);
	*index = i;
	return 0;
}
