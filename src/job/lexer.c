/* SPDX-License-Identifier: MIT */
/*
 * The reader of job files. Blanks are space, tab and carriage return; only a line
 * feed ends a line; '#' begins a comment wherever it is neither quoted nor
 * escaped. Every function leaves the position behind what it has read, and
 * only ever moves forward.
 */
#include "job/lexer.h"

#include <errno.h>
#include <string.h>

#include "job/hint.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* of UTF-8 */
#define SPAN_NONE ((struct span) { NULL, 0 })

void
lexer_init(struct lexer *lex, struct span text, const char *path, struct parse_report *report)
{
	*lex = (struct lexer) {
		.text = text.p != NULL ? text.p : "", .n = text.n, .line = 1, .path = path, .report = report
	};
}

void
word_deinit(struct word *w)
{
	free(w->text);
	*w = (struct word) { 0 };
}

struct lexer_mark
lexer_mark(const struct lexer *lex)
{
	return (struct lexer_mark) { lex->pos, lex->line, lex->line_start };
}

void
lexer_return(struct lexer *lex, const struct lexer_mark *mark)
{
	lex->pos = mark->pos;
	lex->line = mark->line;
	lex->line_start = mark->line_start;
}

struct place
lexer_place(const struct lexer *lex)
{
	return (struct place) { lex->line, (unsigned) (lex->pos - lex->line_start) + 1 };
}

bool
lexer_at_end(const struct lexer *lex)
{
	return lex->pos >= lex->n;
}

char
lexer_peek(const struct lexer *lex)
{
	return lex->pos < lex->n ? lex->text[lex->pos] : '\0';
}

/* The byte after the next one; 0 at the end. */
static char
peek_second(const struct lexer *lex)
{
	return lex->n - lex->pos > 1 ? lex->text[lex->pos + 1] : '\0';
}

/* At a backslash with nothing after it. */
static bool
at_trailing_slash(const struct lexer *lex)
{
	return lex->n - lex->pos == 1 && lex->text[lex->pos] == '\\';
}

static bool
at_continuation(const struct lexer *lex)
{
	return lexer_peek(lex) == '\\' && peek_second(lex) == '\n';
}

void
lexer_step(struct lexer *lex)
{
	if (lexer_at_end(lex))
		return;
	if (lex->text[lex->pos++] == '\n') {
		lex->line++;
		lex->line_start = lex->pos;
	}
}

void
lexer_step_over(struct lexer *lex, size_t n)
{
	while (n-- > 0)
		lexer_step(lex);
}

void
lexer_skip_blanks(struct lexer *lex)
{
	for (;;) {
		if (lexer_is_blank(lexer_peek(lex)))
			lexer_step(lex);
		else if (at_continuation(lex))
			lexer_step_over(lex, 2);
		else
			return;
	}
}

bool
lexer_at_line_end(const struct lexer *lex)
{
	return lexer_at_end(lex) || lexer_peek(lex) == '\n' || lexer_peek(lex) == '#';
}

/* From here to the next blank or newline: what to show of text nobody reads. */
static struct span
rest_of_word(const struct lexer *lex)
{
	struct span s = { lex->text + lex->pos, 0 };

	while (lex->pos + s.n < lex->n && !lexer_is_blank(s.p[s.n]) && s.p[s.n] != '\n')
		s.n++;
	return s;
}

void
lexer_skip_to_newline(struct lexer *lex)
{
	const char *nl;

	if (lexer_at_end(lex))
		return;
	nl = memchr(lex->text + lex->pos, '\n', lex->n - lex->pos);
	lex->pos = nl != NULL ? (size_t) (nl - lex->text) : lex->n;
}

int
lexer_skip_comment(struct lexer *lex)
{
	int r = 0;

	if (lexer_peek(lex) == '#' && lex->pos > lex->line_start && !lexer_is_blank(lex->text[lex->pos - 1]))
		r = lexer_warn(lex, FAULT_COMMENT_IN_WORD, lexer_place(lex), rest_of_word(lex));
	lexer_skip_to_newline(lex);
	return r;
}

/* faults */

static int
add_fault(struct lexer *lex, const struct parse_fault *fault)
{
	return report_add(lex->report, lex->path, fault);
}

int
lexer_fault(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word)
{
	return add_fault(lex, &(struct parse_fault) { .kind = kind, .at = at, .word = word });
}

int
lexer_fault_line(struct lexer *lex, enum parse_fault_kind kind, unsigned line, struct place at, struct span word)
{
	return add_fault(lex, &(struct parse_fault) { .kind = kind, .line = line, .at = at, .word = word });
}

int
lexer_fault_message(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word,
		    const char *message)
{
	return add_fault(lex, &(struct parse_fault) { .kind = kind, .at = at, .word = word, .message = message });
}

int
lexer_fault_hint(struct lexer *lex, const struct parse_fault *fault)
{
	return add_fault(lex, fault);
}

int
lexer_fault_names(struct lexer *lex, const struct parse_fault *fault, const char *const *names, size_t n)
{
	struct parse_fault hinted = *fault;
	auto_free char *hint = NULL;

	if (hint_of(fault->word, names, n, &hint) < 0)
		return -ENOMEM;
	hinted.hint = hint;
	return add_fault(lex, &hinted);
}

int
lexer_warn(struct lexer *lex, enum parse_fault_kind kind, struct place at, struct span word)
{
	return add_fault(lex, &(struct parse_fault) { .kind = kind, .at = at, .word = word });
}

int
lexer_fault_unterminated(struct lexer *lex, enum parse_fault_kind kind, struct place opened, struct span word,
			 const char *message)
{
	if (lex->cut)
		return -EINVAL; /* reported by whoever cut it */
	return add_fault(lex, &(struct parse_fault) {
				  .kind = kind, .line = lex->line, .at = opened, .word = word, .message = message });
}

int
lexer_begin(struct lexer *lex)
{
	int r;

	if (lex->n < sizeof(BYTE_ORDER_MARK) - 1 || memcmp(lex->text, BYTE_ORDER_MARK, sizeof(BYTE_ORDER_MARK) - 1) != 0)
		return 0;
	r = lexer_fault_message(lex, FAULT_UNKNOWN_STANZA, lexer_place(lex), SPAN_NONE,
				"The file begins with a byte order mark");
	lexer_step_over(lex, sizeof(BYTE_ORDER_MARK) - 1);
	return r;
}

/* words */

/* A quote that is open. */
struct quote {
	char c; /* 0: none */
	struct place at;
	size_t pos;
	bool hidden; /* a backslash took the meaning of the same character inside */
};

static void
quote_toggle(struct lexer *lex, struct quote *q)
{
	char c = lexer_peek(lex);

	if (q->c == '\0')
		*q = (struct quote) { .c = c, .at = lexer_place(lex), .pos = lex->pos };
	else
		q->c = '\0';
	lexer_step(lex);
}

static int
fault_unterminated_quote(struct lexer *lex, const struct quote *q)
{
	struct span word = { lex->text + q->pos, lex->n - q->pos };
	const char *nl = memchr(word.p, '\n', word.n);

	if (nl != NULL)
		word.n = (size_t) (nl - word.p);
	return lexer_fault_unterminated(lex, FAULT_UNTERMINATED_QUOTE, q->at, word,
					q->hidden ? "Unterminated quoted string (a backslash hides the quote after it)"
						  : NULL);
}

static int
fault_trailing_slash(struct lexer *lex)
{
	struct place at = lexer_place(lex);

	lexer_step(lex);
	return lexer_fault(lex, FAULT_TRAILING_SLASH, at, SPAN("\\"));
}

/*
 * Blanks inside a quoted word or a command: kept as they are, but any run with a
 * newline in it becomes one space. `newlines` tells whether a bare newline belongs
 * to the run (inside quotes).
 */
static void
add_blanks(struct lexer *lex, bool newlines, struct strbuf *out)
{
	size_t start = lex->pos;
	bool folded = false;

	for (;;) {
		if (at_continuation(lex)) {
			folded = true;
			lexer_step_over(lex, 2);
		} else if (newlines && lexer_peek(lex) == '\n') {
			folded = true;
			lexer_step(lex);
		} else if (lexer_is_blank(lexer_peek(lex))) {
			lexer_step(lex);
		} else {
			break;
		}
	}
	if (folded)
		strbuf_addc(out, ' ');
	else
		strbuf_addn(out, lex->text + start, lex->pos - start);
}

/* At a backslash: a blank before it and an ordinary character behind it were garbled before 2.0 (D17). */
static int
warn_escape_after_blank(struct lexer *lex)
{
	char c = peek_second(lex);

	if (!lexer_is_blank(lex->text[lex->pos - 1]) || c == '\\' || lexer_is_blank(c))
		return 0;
	return lexer_warn(lex, FAULT_ESCAPE_AFTER_BLANK, lexer_place(lex), (struct span){ lex->text + lex->pos, 2 });
}

/* A backslash and another character than newline, in a word: what is left of the two (1.3, D19). */
static void
add_escape(struct lexer *lex, struct quote *q, struct strbuf *out)
{
	char c = peek_second(lex);

	if (c != '\\' && !lexer_is_blank(c) && !lexer_is_quote(c))
		strbuf_addc(out, '\\');
	strbuf_addc(out, c);
	if (q->c != '\0' && c == q->c)
		q->hidden = true;
	lexer_step_over(lex, 2);
}

static bool
ends_word(const struct lexer *lex, enum word_kind kind)
{
	char c = lexer_peek(lex);

	return lexer_at_line_end(lex) || lexer_is_blank(c) || (kind == WORD_EVENT && (c == '(' || c == ')'));
}

/*
 * Backslash-newline outside quotes. It ends the word when a blank or the end of
 * the word follows; else it is one space inside the word (D19).
 */
static bool
continuation_ends_word(struct lexer *lex, enum word_kind kind, struct strbuf *out)
{
	struct lexer_mark before = lexer_mark(lex);

	while (at_continuation(lex))
		lexer_step_over(lex, 2);
	if (ends_word(lex, kind)) {
		lexer_return(lex, &before);
		return true;
	}
	strbuf_addc(out, ' ');
	return false;
}

/* The text of one word, up to what ends it. */
static int
read_word(struct lexer *lex, enum word_kind kind, struct word *w, struct strbuf *out)
{
	struct quote q = { 0 };
	char c;

	w->plain = true;
	while (q.c != '\0' || !ends_word(lex, kind)) {
		if (lexer_at_end(lex))
			return fault_unterminated_quote(lex, &q);
		if (at_trailing_slash(lex))
			return fault_trailing_slash(lex);
		c = lexer_peek(lex);
		if (q.c == '\0' && at_continuation(lex)) {
			if (continuation_ends_word(lex, kind, out))
				break;
		} else if (q.c != '\0' && (lexer_is_blank(c) || c == '\n' || at_continuation(lex))) {
			add_blanks(lex, true, out);
		} else if (c == '\\') {
			w->plain = false;
			if (q.c != '\0' && warn_escape_after_blank(lex) < 0)
				return -ENOMEM;
			add_escape(lex, &q, out);
		} else if (q.c != '\0' ? c == q.c : lexer_is_quote(c)) {
			w->plain = false;
			quote_toggle(lex, &q);
		} else {
			strbuf_addc(out, c);
			lexer_step(lex);
		}
	}
	return 0;
}

int
lexer_word(struct lexer *lex, enum word_kind kind, struct word *w)
{
	auto_strbuf struct strbuf out = STRBUF_INIT;
	size_t start;
	int r;

	*w = (struct word) { 0 };
	lexer_skip_blanks(lex);
	if (lexer_at_line_end(lex))
		return 0;
	start = lex->pos;
	w->at = lexer_place(lex);
	r = read_word(lex, kind, w, &out);
	if (r < 0)
		return out.failed ? -ENOMEM : r;
	w->raw = (struct span) { lex->text + start, lex->pos - start };
	w->text = strbuf_steal(&out);
	if (w->text == NULL)
		return -ENOMEM;
	lexer_skip_blanks(lex);
	return 1;
}

int
lexer_argument(struct lexer *lex, bool may_be_empty, struct word *w)
{
	int r = lexer_word(lex, WORD_ARGUMENT, w);

	if (r < 0)
		return r;
	if (r == 0)
		return lexer_fault(lex, FAULT_EXPECTED_TOKEN, lexer_place(lex), SPAN_NONE);
	if (*w->text != '\0' || may_be_empty)
		return 0;
	r = lexer_fault_message(lex, FAULT_EXPECTED_TOKEN, w->at, w->raw, "Expected token, not an empty one");
	word_deinit(w);
	return r;
}

int
lexer_keyword(struct lexer *lex, struct word *w)
{
	struct quote q = { 0 };
	char c;

	*w = (struct word) { .at = lexer_place(lex), .raw = { lex->text + lex->pos, 0 } };
	while (q.c != '\0' || !(ends_word(lex, WORD_ARGUMENT) || at_continuation(lex))) {
		if (lexer_at_end(lex))
			return fault_unterminated_quote(lex, &q);
		if (at_trailing_slash(lex))
			return fault_trailing_slash(lex);
		c = lexer_peek(lex);
		if (c == '\\') {
			q.hidden |= q.c != '\0' && peek_second(lex) == q.c;
			lexer_step_over(lex, 2);
		} else if (q.c != '\0' ? c == q.c : lexer_is_quote(c)) {
			quote_toggle(lex, &q);
		} else {
			lexer_step(lex);
		}
	}
	w->raw.n = (size_t) (lex->text + lex->pos - w->raw.p);
	lexer_skip_blanks(lex);
	return 0;
}

int
lexer_line_end(struct lexer *lex)
{
	int r;

	lexer_skip_blanks(lex);
	if (at_trailing_slash(lex))
		return fault_trailing_slash(lex);
	if (!lexer_at_line_end(lex))
		return lexer_fault(lex, FAULT_UNEXPECTED_TOKEN, lexer_place(lex), rest_of_word(lex));
	r = lexer_skip_comment(lex);
	lexer_step(lex);
	return r;
}

/* commands */

/* The text of a command up to its newline or comment; blanks at its end are dropped. */
static int
read_command(struct lexer *lex, struct strbuf *out)
{
	struct quote q = { 0 };
	size_t len = 0; /* without the blanks at the end */
	char c;

	while (q.c != '\0' || !lexer_at_line_end(lex)) {
		if (lexer_at_end(lex))
			return fault_unterminated_quote(lex, &q);
		if (at_trailing_slash(lex))
			return fault_trailing_slash(lex);
		c = lexer_peek(lex);
		if (lexer_is_blank(c) || at_continuation(lex) || (q.c != '\0' && c == '\n')) {
			add_blanks(lex, q.c != '\0', out);
			continue;
		}
		if (c == '\\' && out->len > 0 && warn_escape_after_blank(lex) < 0)
			return -ENOMEM;
		strbuf_addc(out, c);
		if (c == '\\') {
			strbuf_addc(out, peek_second(lex));
			q.hidden |= q.c != '\0' && peek_second(lex) == q.c;
			lexer_step_over(lex, 2);
		} else if (q.c != '\0' ? c == q.c : lexer_is_quote(c)) {
			quote_toggle(lex, &q);
		} else {
			lexer_step(lex);
		}
		len = out->len;
	}
	if (out->p != NULL && !out->failed) {
		out->len = len;
		out->p[len] = '\0';
	}
	return 0;
}

int
lexer_command(struct lexer *lex, char **command)
{
	auto_strbuf struct strbuf out = STRBUF_INIT;
	int r;

	lexer_skip_blanks(lex);
	if (lexer_at_line_end(lex))
		return lexer_fault(lex, FAULT_EXPECTED_TOKEN, lexer_place(lex), SPAN_NONE);
	r = read_command(lex, &out);
	if (r == 0)
		r = lexer_line_end(lex);
	if (r < 0)
		return out.failed ? -ENOMEM : r;
	free(*command);
	*command = strbuf_steal(&out);
	return *command != NULL ? 0 : -ENOMEM;
}
