/* SPDX-License-Identifier: MIT */
/*
 * Quoting: the inverse of lexer_word(). A newline can't be written inside a word
 * and no word that was read has one.
 */
#include "job/quote.h"

#include <string.h>

/* What ends a word, begins a comment or a quote, or hides the next character. */
#define SPECIAL " \t\r\n#\"'\\()"

static void
add_quoted(struct strbuf *b, const char *word)
{
	strbuf_addc(b, '"');
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			strbuf_addc(b, '\\');
		strbuf_addc(b, *word);
	}
	strbuf_addc(b, '"');
}

static bool
is_simple(const char *word)
{
	return *word != '\0' && strpbrk(word, SPECIAL) == NULL;
}

void
quote_word(struct strbuf *b, const char *word)
{
	if (is_simple(word))
		strbuf_add(b, word);
	else
		add_quoted(b, word);
}

static bool
is_operator(const char *word, bool of_states)
{
	return strcmp(word, "and") == 0 || strcmp(word, "or") == 0 ||
	       (of_states && (strcmp(word, "not") == 0 || strcmp(word, "none") == 0));
}

void
quote_event(struct strbuf *b, const char *word, bool of_states)
{
	if (is_simple(word) && !is_operator(word, of_states))
		strbuf_add(b, word);
	else
		add_quoted(b, word);
}

void
quote_event_argument(struct strbuf *b, const char *word, bool of_states)
{
	const char *equals = strchr(word, '=');
	const char *special = strpbrk(word, SPECIAL);

	if (equals == NULL || special == NULL || special < equals) {
		quote_event(b, word, of_states);
		return;
	}
	strbuf_addn(b, word, (size_t) (equals + 1 - word));
	add_quoted(b, equals + 1);
}
