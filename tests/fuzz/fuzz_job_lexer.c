/* SPDX-License-Identifier: MIT */
/*
 * The lexer alone. The first byte says how the rest is read: as words, as words of expressions, as a command, or as a
 * block. A word must read back from its quoted form as itself.
 */
#include "job/lexer.h"

#include <errno.h>
#include <string.h>

#include "job/block.h"
#include "job/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void
quote_and_read_back(const char *text)
{
	struct parse_report report = { 0 };
	struct strbuf b = STRBUF_INIT;
	struct lexer lex;
	struct word w;

	quote_word(&b, text);
	check(!b.failed);
	lexer_init(&lex, (struct span){ b.p, b.len }, "quoted", &report);
	check(lexer_word(&lex, WORD_ARGUMENT, &w) == 1 && strcmp(w.text, text) == 0 && lexer_at_end(&lex));
	word_deinit(&w);
	strbuf_deinit(&b);
	parse_report_deinit(&report);
}

static void
read_words(struct lexer *lex, enum word_kind kind)
{
	while (!lexer_at_end(lex)) {
		size_t from = lex->pos;
		struct word w;
		int r = lexer_word(lex, kind, &w);

		if (r == 1) {
			/* At a parenthesis there is no word, and nothing is read. */
			check(w.raw.n > 0 || (kind == WORD_EVENT && lex->pos == from) ||
			      lexer_is_blank(lex->text[from]) || lex->text[from] == '\\');
			check(w.at.line > 0 && w.at.column > 0);
			if (strchr(w.text, '\n') == NULL)
				quote_and_read_back(w.text);
		}
		word_deinit(&w);
		/* At the end of a line, at a parenthesis, or at a fault somebody else would go on. */
		if (r != 1 || lex->pos == from)
			lexer_step(lex);
		check(lex->pos > from && lex->pos <= lex->n);
	}
}

static void
read_commands(struct lexer *lex)
{
	char *command = NULL;

	while (!lexer_at_end(lex)) {
		size_t from = lex->pos;
		int r = lexer_command(lex, &command);

		check(r == 0 || r == -EINVAL);
		if (lex->pos == from)
			lexer_step(lex);
	}
	free(command);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parse_report report = { 0 };
	char *block = NULL;
	struct lexer lex;

	if (size < 1 || memchr(data, '\0', size) != NULL)
		return 0; /* files with a NUL never get to the lexer */
	lexer_init(&lex, (struct span){ (const char *) data + 1, size - 1 }, "fuzz", &report);
	switch (data[0] % 4) {
	case 0:
		read_words(&lex, WORD_ARGUMENT);
		break;
	case 1:
		read_words(&lex, WORD_EVENT);
		break;
	case 2:
		read_commands(&lex);
		break;
	default:
		(void) !block_read(&lex, lexer_place(&lex), &block);
		break;
	}
	free(block);
	parse_report_deinit(&report);
	return 0;
}
