/* SPDX-License-Identifier: MIT */
/*
 * Blocks of lines. Nothing inside is looked at but where lines begin: no quote, comment or
 * here-document changes what ends a block.
 */
#include "job/block.h"

#include <errno.h>
#include <string.h>

/* The line at p, without its newline; *next is where the one after it begins. */
static struct span
line_at(const char *p, const char *end, const char **next)
{
	const char *nl = p < end ? memchr(p, '\n', (size_t) (end - p)) : NULL;

	*next = nl != NULL ? nl + 1 : end;
	return (struct span) { p, (size_t) ((nl != NULL ? nl : end) - p) };
}

static size_t
blanks_of(struct span line)
{
	size_t n = 0;

	while (n < line.n && lexer_is_blank(line.p[n]))
		n++;
	return n;
}

/* If `line` begins with `word`, step over it. */
static bool
take(struct span *line, const char *word)
{
	size_t n = strlen(word);

	if (line->n < n || memcmp(line->p, word, n) != 0)
		return false;
	line->p += n;
	line->n -= n;
	return true;
}

/* Step over blanks; true if there were any. */
static bool
take_blanks(struct span *line)
{
	size_t n = blanks_of(*line);

	line->p += n;
	line->n -= n;
	return n > 0;
}

/* "end script", with blanks around and a comment behind. */
static bool
is_block_end(struct span line)
{
	(void) take_blanks(&line);
	if (!take(&line, "end") || !take_blanks(&line) || !take(&line, "script"))
		return false;
	(void) take_blanks(&line);
	return line.n == 0 || *line.p == '#';
}

/* Where the line that ends a block begins; NULL: nowhere. */
static const char *
find_block_end(const char *p, const char *end, const char **next)
{
	while (p < end) {
		struct span line = line_at(p, end, next);

		if (is_block_end(line))
			return p;
		p = *next;
	}
	return NULL;
}

static size_t
common_length(struct span a, struct span b)
{
	size_t n = 0;

	while (n < a.n && n < b.n && a.p[n] == b.p[n])
		n++;
	return n;
}

/* The blanks with which all lines begin that hold anything else (1.5, D25). */
static struct span
common_blanks(const char *p, const char *end)
{
	struct span common = { NULL, 0 };
	const char *next;

	for (; p < end; p = next) {
		struct span line = line_at(p, end, &next);
		size_t n = blanks_of(line);

		if (n == line.n)
			continue;
		if (common.p == NULL)
			common = (struct span) { line.p, n };
		else
			common.n = common_length(common, (struct span) { line.p, n });
	}
	return common;
}

/* The lines from p to end, without the blanks they share. */
static char *
dedent(const char *p, const char *end)
{
	auto_strbuf struct strbuf out = STRBUF_INIT;
	struct span common = common_blanks(p, end);
	const char *next;

	for (; p < end; p = next) {
		struct span line = line_at(p, end, &next);
		size_t n = common_length(common, line);

		strbuf_addn(&out, line.p + n, (size_t) (next - p) - n);
	}
	return strbuf_steal(&out);
}

int
block_read(struct lexer *lex, struct place opened, char **text)
{
	int r = lexer_line_end(lex);
	const char *start;
	const char *stop;
	const char *next;

	if (r < 0)
		return r;
	start = lex->text + lex->pos;
	stop = lexer_at_end(lex) ? NULL : find_block_end(start, lex->text + lex->n, &next);
	if (stop == NULL) {
		lexer_step_over(lex, lex->n - lex->pos);
		return lexer_fault_unterminated(lex, FAULT_UNTERMINATED_BLOCK, opened, SPAN("script"), NULL);
	}
	lexer_step_over(lex, (size_t) (next - start));
	free(*text);
	*text = dedent(start, stop);
	return *text != NULL ? 0 : -ENOMEM;
}

void
block_skip(struct lexer *lex)
{
	const char *start = lex->text + lex->pos;
	const char *next;

	if (!lexer_at_end(lex) && find_block_end(start, lex->text + lex->n, &next) != NULL)
		lexer_step_over(lex, (size_t) (next - start));
}
