/* SPDX-License-Identifier: MIT */
/*
 * Going on after a fault, so that one reading shows all of them (D22) and none twice: what
 * belongs to the faulty statement is not read as statements of its own.
 */
#include "job/recover.h"

#include <string.h>

#include "job/block.h"

/* A file that is wrong all over is not read again for each of its faults: after this many bytes for each of its own. */
#define RECOVERY_FACTOR 4

/*
 * Go behind the newline that ends this logical line, as a reader of words would;
 * with `parens` as a reader of event expressions would. False if the text ends
 * within a quote or a parenthesis.
 */
static bool
skip_logical_line(struct lexer *lex, bool parens)
{
	size_t depth = 0;
	char quote = '\0';
	char c;

	for (; !lexer_at_end(lex); lexer_step(lex)) {
		c = lexer_peek(lex);
		if (quote == '\0' && c == '#') {
			lexer_skip_to_newline(lex);
			c = lexer_peek(lex);
		}
		if (c == '\\') {
			lexer_step(lex);
		} else if (quote != '\0' || lexer_is_quote(c)) {
			if (quote == '\0')
				quote = c;
			else if (quote == c)
				quote = '\0';
		} else if (parens && c == '(') {
			depth++;
		} else if (parens && c == ')' && depth > 0) {
			depth--;
		} else if (c == '\n' && depth == 0) {
			lexer_step(lex);
			return true;
		}
	}
	return quote == '\0' && depth == 0;
}

static bool
is_worth_it(const struct lexer *lex)
{
	return lex->recovery / RECOVERY_FACTOR <= lex->n;
}

/* The same as long as the file is worth it. */
static bool
skip_within_reason(struct lexer *lex, bool parens)
{
	size_t from = lex->pos;
	bool found;

	if (!is_worth_it(lex))
		return false;
	found = skip_logical_line(lex, parens);
	lex->recovery += lex->pos - from;
	return found;
}

/* Go behind the next newline without a backslash before it, whatever the quotes. */
static void
skip_plain_line(struct lexer *lex)
{
	while (!lexer_at_end(lex)) {
		char c = lexer_peek(lex);

		lexer_step(lex);
		if (c == '\\')
			lexer_step(lex);
		else if (c == '\n')
			return;
	}
}

/* The next run of bytes that are no blanks, from *p on, before any newline or comment. */
static struct span
next_piece(const char **p, const char *end)
{
	struct span piece;

	while (*p < end && lexer_is_blank(**p))
		(*p)++;
	piece = (struct span) { *p, 0 };
	while (*p < end && !lexer_is_blank(**p) && **p != '\n' && **p != '#') {
		(*p)++;
		piece.n++;
	}
	return piece;
}

void
lexer_recover(struct lexer *lex, const struct lexer_mark *start, bool may_open_block)
{
	struct lexer_mark fault = lexer_mark(lex);
	const char *p = lex->text + start->pos;
	struct span first = next_piece(&p, lex->text + lex->n);
	struct span second = next_piece(&p, lex->text + lex->n);
	bool condition = (span_is(first, "start") || span_is(first, "stop")) && span_is(second, "on");

	lexer_return(lex, start);
	if (!skip_within_reason(lex, condition) || lex->pos < fault.pos) {
		lexer_return(lex, &fault);
		/* A fault that was found at the end of a line has that newline behind it already, or right ahead. */
		if (fault.pos == start->pos || lex->text[fault.pos - 1] != '\n')
			skip_plain_line(lex);
	}
	/* "script …" or "WORD script …", if perhaps wrongly. */
	if (may_open_block && (span_is(first, "script") || span_is(second, "script")) && is_worth_it(lex)) {
		lex->recovery += lex->n - lex->pos;
		block_skip(lex);
	}
}
