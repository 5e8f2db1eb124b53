/* SPDX-License-Identifier: MIT */
/*
 * The reader of expressions over events, and over states.
 *
 *     expr  := term { ("and" | "or") term }      equal precedence, from the left
 *     term  := "(" expr ")" | match | "not" term     the last of states only
 *     match := NAME { WORD } { KEY=WORD | KEY!=WORD }
 *
 * Open parentheses are kept in an array, innermost last, each with what has been read in it
 * so far; nodes are made when their right operand is complete, hence in reverse
 * Polish order.
 */
#include "job/expression.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "job/list.h"
#include "schedule/schedule.h"

/* Of so many arguments of `time` the places are kept: no schedule has more. */
#define SCHEDULE_WORDS_MAX 16

#define SPAN_NONE ((struct span){ NULL, 0 })

enum token_kind { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_AND, TOKEN_OR, TOKEN_NOT, TOKEN_WORD };

struct token {
	enum token_kind kind;
	struct place at;
	struct word word; /* of TOKEN_AND, _OR, _NOT and _WORD */
	struct span text; /* to show */
};

/* The whole expression, or one in parentheses. */
struct level {
	struct place opened;
	int value;		 /* node of what is read so far, -1: nothing */
	enum condition_type op;	 /* waits for its right operand, CONDITION_MATCH: none */
	enum condition_type was; /* the operator before it, CONDITION_MATCH: none */
	unsigned nots;		 /* that wait for their operand */
};

struct expression {
	struct lexer *lex;
	struct variables *variables; /* may be NULL */
	struct condition *cond;	     /* under construction */
	int nodes_cap;
	struct level *levels; /* owned */
	size_t n_levels;
	size_t levels_cap;

	bool wants_operand; /* after an operator, "(" or the start */
	bool in_match;	    /* words are arguments of the last match */
	bool named;	    /* of which one was KEY=… */
	struct strlist args;
	struct place arg_at[SCHEDULE_WORDS_MAX];
	struct span arg_raw[SCHEDULE_WORDS_MAX];
	struct place last;     /* of the last token */
	struct place match_at; /* of the last match */
	bool match_is_plain;   /* its name has no quotes */
	bool stray;	       /* a match stands where an operator should; told where the match ends */
	struct place stray_at;
	struct span stray_text;
};

static void
expression_deinit(struct expression *x)
{
	x->cond = condition_free(x->cond);
	free(x->levels);
	strlist_deinit(&x->args);
}

static struct level *
top(struct expression *x)
{
	return &x->levels[x->n_levels - 1];
}

/* building */

static int
open_level(struct expression *x, struct place at)
{
	if (x->n_levels == x->levels_cap) {
		size_t cap = x->levels_cap > 0 ? 2 * x->levels_cap : 4;
		struct level *grown = realloc(x->levels, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		x->levels = grown;
		x->levels_cap = cap;
	}
	x->levels[x->n_levels++] = (struct level){
		.opened = at,
		.value = -1,
		.op = CONDITION_MATCH,
		.was = CONDITION_MATCH,
	};
	x->wants_operand = true;
	return 0;
}

/* A new node at the end of the array; NULL when out of memory. */
static struct condition_node *
add_node(struct expression *x, enum condition_type type)
{
	struct condition *c = x->cond;

	if (c->n_nodes == x->nodes_cap) {
		int cap = x->nodes_cap > 0 ? 2 * x->nodes_cap : 4;
		struct condition_node *grown;

		if (x->nodes_cap > INT_MAX / 4)
			return NULL;
		grown = realloc(c->nodes, (size_t) cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		c->nodes = grown;
		x->nodes_cap = cap;
	}
	c->nodes[c->n_nodes] = (struct condition_node){
		.type = type,
		.left = -1,
		.right = -1,
		.parent = -1,
		.leaf = -1,
	};
	return &c->nodes[c->n_nodes++];
}

/* Put the `not`s that stand before a term over it; *value is the outermost then. */
static int
add_nots(struct expression *x, int *value)
{
	for (struct level *level = top(x); level->nots > 0; level->nots--) {
		struct condition_node *node = add_node(x, CONDITION_NOT);

		if (node == NULL)
			return -ENOMEM;
		node->right = *value;
		x->cond->nodes[*value].parent = x->cond->n_nodes - 1;
		*value = x->cond->n_nodes - 1;
	}
	return 0;
}

/* Node `value` is a complete term of the innermost level. */
static int
add_term(struct expression *x, int value)
{
	struct level *level = top(x);
	struct condition_node *node;

	if (add_nots(x, &value) < 0)
		return -ENOMEM;
	if (level->op == CONDITION_MATCH) {
		level->value = value;
		return 0;
	}
	node = add_node(x, level->op);
	if (node == NULL)
		return -ENOMEM;
	node->left = level->value;
	node->right = value;
	x->cond->nodes[node->left].parent = x->cond->n_nodes - 1;
	x->cond->nodes[node->right].parent = x->cond->n_nodes - 1;
	level->value = x->cond->n_nodes - 1;
	level->was = level->op;
	level->op = CONDITION_MATCH;
	return 0;
}

static int
start_match(struct expression *x, struct token *t)
{
	struct condition_node *node = add_node(x, CONDITION_MATCH);

	if (node == NULL)
		return -ENOMEM;
	node->name = steal(&t->word.text);
	node->leaf = x->cond->n_leaves++;
	x->wants_operand = false;
	x->in_match = true;
	x->named = false;
	return 0;
}

/* `while started foo`: an event's words, where the state is `foo`. */
static bool
is_event_of_job(const struct condition_node *node)
{
	static const char *const events[] = { "starting", "started", "stopping", "stopped" };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (strcmp(node->name, events[i]) == 0)
			return strv_len(node->args) == 1;
	return false;
}

/* Where in the file the byte `offset` of a word is, whose quotes and backslashes are gone. */
static struct place
place_in_word(struct place at, struct span raw, size_t offset)
{
	size_t i = 0;

	for (; i < raw.n && raw.p[i] != '\n'; i++) {
		if (lexer_is_quote(raw.p[i]))
			continue;
		if (raw.p[i] == '\\' && i + 1 < raw.n)
			i++;
		if (offset-- == 0)
			break;
	}
	at.column += (unsigned) i;
	return at;
}

/* A schedule that makes no sense is no error of the file: the other parts of the condition go on. */
static int
check_schedule(struct expression *x, const struct condition_node *node)
{
	struct schedule_error why = { 0 };
	struct schedule schedule;
	char message[256];
	bool placed;
	int r;

	if (strcmp(node->name, SCHEDULE_EVENT) != 0)
		return 0;
	r = schedule_read(&schedule, node->args, x->cond->of_states, &why);
	if (r == 0)
		schedule_deinit(&schedule);
	if (r != -EINVAL)
		return r;
	placed = why.word < strv_len(node->args) && why.word < SCHEDULE_WORDS_MAX;
	(void) snprintf(message, sizeof(message), "No schedule: %s", why.text);
	return lexer_fault_message(x->lex, FAULT_BAD_SCHEDULE,
				   placed ? place_in_word(x->arg_at[why.word], x->arg_raw[why.word], why.offset)
					  : x->match_at,
				   placed ? x->arg_raw[why.word] : span_of(node->name), message);
}

/* What comes next is no argument any more. */
static int
end_match(struct expression *x)
{
	int node = x->cond->n_nodes - 1;

	if (!x->in_match)
		return 0;
	x->in_match = false;
	if (x->stray)
		return lexer_fault_line(x->lex, FAULT_EXPECTED_OPERATOR, x->last.line, x->stray_at, x->stray_text);
	x->cond->nodes[node].args = strlist_steal(&x->args);
	if (x->cond->of_states && is_event_of_job(&x->cond->nodes[node]))
		return lexer_fault(x->lex, FAULT_EVENT_IN_WHILE, x->match_at, span_of(x->cond->nodes[node].name));
	if (check_schedule(x, &x->cond->nodes[node]) < 0)
		return -ENOMEM;
	return add_term(x, node);
}

/* tokens */

static int
skip_between_tokens(struct expression *x)
{
	struct lexer *lex = x->lex;

	lexer_skip_blanks(lex);
	while (x->n_levels > 1 && lexer_at_line_end(lex) && !lexer_at_end(lex)) {
		if (lexer_skip_comment(lex) < 0)
			return -ENOMEM;
		lexer_step(lex);
		lexer_skip_blanks(lex);
	}
	return 0;
}

static int
next_token(struct expression *x, struct token *t)
{
	struct lexer *lex = x->lex;
	char c;
	int r;

	*t = (struct token){ .kind = TOKEN_END };
	r = skip_between_tokens(x);
	if (r < 0)
		return r;
	t->at = lexer_place(lex);
	if (lexer_at_line_end(lex))
		return 0;
	c = lexer_peek(lex);
	if (c == '(' || c == ')') {
		t->kind = c == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
		t->text = c == '(' ? SPAN("(") : SPAN(")");
		lexer_step(lex);
		return 0;
	}
	r = lexer_word(lex, WORD_EVENT, &t->word);
	if (r < 0)
		return r;
	t->text = t->word.raw;
	t->kind = TOKEN_WORD;
	if (t->word.plain && strcmp(t->word.text, "and") == 0)
		t->kind = TOKEN_AND;
	else if (t->word.plain && strcmp(t->word.text, "or") == 0)
		t->kind = TOKEN_OR;
	else if (t->word.plain && x->cond->of_states && strcmp(t->word.text, "not") == 0)
		t->kind = TOKEN_NOT;
	if (*t->word.text == '\0') {
		r = lexer_fault_message(lex, FAULT_EXPECTED_TOKEN, t->at, t->text, "Expected token, not an empty one");
		word_deinit(&t->word);
		return r;
	}
	return 0;
}

static int
read_operator(struct expression *x, const struct token *t)
{
	struct level *level = top(x);

	if (x->wants_operand)
		return lexer_fault(x->lex, FAULT_EXPECTED_EVENT, t->at, t->text);
	level->op = t->kind == TOKEN_AND ? CONDITION_AND : CONDITION_OR;
	x->wants_operand = true;
	if (level->was != CONDITION_MATCH && level->was != level->op)
		return lexer_warn(x->lex, FAULT_MIXED_OPERATORS, t->at, t->text);
	return 0;
}

static int
read_not(struct expression *x, const struct token *t)
{
	if (!x->wants_operand)
		return lexer_fault(x->lex, FAULT_EXPECTED_OPERATOR, t->at, t->text);
	top(x)->nots++;
	return 0;
}

static int
read_open(struct expression *x, const struct token *t)
{
	if (!x->wants_operand)
		return lexer_fault(x->lex, FAULT_EXPECTED_OPERATOR, t->at, t->text);
	return open_level(x, t->at);
}

static int
read_close(struct expression *x, const struct token *t)
{
	int value;

	if (x->wants_operand)
		return lexer_fault(x->lex, FAULT_EXPECTED_EVENT, t->at, t->text);
	if (x->n_levels == 1)
		return lexer_fault(x->lex, FAULT_MISMATCHED_PARENS, t->at, t->text);
	value = top(x)->value;
	x->n_levels--;
	return add_term(x, value);
}

static bool
is_one_of(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

/* An argument that would be `and` or `or`, or a name that would be `not`, in another language or with other fingers. */
static int
warn_operator(struct expression *x, const struct token *t)
{
	static const char *const between[] = { "&&",  "||", "&",  "|",	 "AND", "And", "andd", "annd", "aand",
					       "adn", "OR", "Or", "orr", "oor", "not", "NOT",  "Not",  NULL };
	static const char *const before[] = { "&&", "||", "not", "NOT", "Not", "!", NULL };

	if (!t->word.plain || !is_one_of(t->word.text, x->in_match ? between : before))
		return 0;
	return lexer_warn(x->lex, FAULT_OPERATOR_AS_WORD, t->at, t->text);
}

/* An argument that speaks of variables. */
static int
note_variables(struct expression *x, const struct token *t)
{
	const struct variable_place place = { x->lex->path, t->at, x->cond->n_leaves - 1, (int) x->args.n };

	if (!x->cond->of_states || strchr(t->word.text, '$') == NULL)
		return 0;
	if (!variables_braces_match(t->word.text))
		return lexer_fault(x->lex, FAULT_MISMATCHED_BRACES, t->at, t->text);
	return x->variables != NULL ? variables_add(x->variables, &place) : 0;
}

static int
read_word(struct expression *x, struct token *t)
{
	bool named = strchr(t->word.text, '=') != NULL;
	int r;

	if (warn_operator(x, t) < 0)
		return -ENOMEM;
	if (x->in_match) {
		if (!named && x->named)
			return lexer_fault(x->lex, FAULT_EXPECTED_VARIABLE, t->at, t->text);
		r = note_variables(x, t);
		if (r < 0)
			return r;
		x->named = named;
		if (x->args.n < SCHEDULE_WORDS_MAX) {
			x->arg_at[x->args.n] = t->at;
			x->arg_raw[x->args.n] = t->word.raw;
		}
		return strlist_take(&x->args, steal(&t->word.text));
	}
	if (!x->wants_operand) {
		x->stray = true;
		x->stray_at = t->at;
		x->stray_text = t->text;
	}
	x->match_at = t->at;
	x->match_is_plain = t->word.plain;
	return start_match(x, t);
}

static int
read_end(struct expression *x, const struct token *t)
{
	if (x->wants_operand)
		return lexer_fault(x->lex, FAULT_EXPECTED_EVENT, x->last, SPAN_NONE);
	if (x->n_levels > 1 && x->lex->cut)
		return -EINVAL; /* reported by whoever cut it */
	if (x->n_levels > 1)
		return lexer_fault_line(x->lex, FAULT_MISMATCHED_PARENS, t->at.line, top(x)->opened, SPAN("("));
	return lexer_line_end(x->lex);
}

static int
read_token(struct expression *x, struct token *t)
{
	int r = t->kind != TOKEN_WORD ? end_match(x) : 0;

	if (r < 0)
		return r;
	switch (t->kind) {
	case TOKEN_END:
		return read_end(x, t);
	case TOKEN_OPEN:
		return read_open(x, t);
	case TOKEN_CLOSE:
		return read_close(x, t);
	case TOKEN_AND:
	case TOKEN_OR:
		return read_operator(x, t);
	case TOKEN_NOT:
		return read_not(x, t);
	case TOKEN_WORD:
		return read_word(x, t);
	}
	return -EINVAL;
}

/* The tree is complete: number its leaves, make room for its truth. */
static int
finish(struct condition *cond)
{
	cond->leaves = malloc((size_t) cond->n_leaves * sizeof(*cond->leaves));
	cond->truth = malloc((size_t) cond->n_nodes * sizeof(*cond->truth));
	if (cond->leaves == NULL || cond->truth == NULL)
		return -ENOMEM;
	for (int i = 0; i < cond->n_nodes; i++)
		if (cond->nodes[i].leaf >= 0)
			cond->leaves[cond->nodes[i].leaf] = i;
	return 0;
}

/* `none` alone. */
static bool
is_none(const struct expression *x)
{
	const struct condition *cond = x->cond;

	return cond->of_states && cond->n_nodes == 1 && strcmp(cond->nodes[0].name, "none") == 0 &&
	       cond->nodes[0].args == NULL && x->match_is_plain;
}

int
expression_read(struct lexer *lex, bool of_states, struct condition **cond, struct variables *variables)
{
	struct expression x = { .lex = lex, .variables = variables };
	struct token t = { .kind = TOKEN_OPEN };
	int r;

	lexer_skip_blanks(lex);
	if (lexer_at_line_end(lex))
		return lexer_fault(lex, FAULT_EXPECTED_TOKEN, lexer_place(lex), SPAN_NONE);
	x.last = lexer_place(lex);
	if (variables != NULL)
		variables->n = 0;
	x.cond = calloc(1, sizeof(*x.cond));
	if (x.cond != NULL)
		x.cond->of_states = of_states;
	r = x.cond != NULL ? open_level(&x, x.last) : -ENOMEM;
	while (r == 0 && t.kind != TOKEN_END) {
		r = next_token(&x, &t);
		if (r == 0)
			r = read_token(&x, &t);
		x.last = t.at;
		word_deinit(&t.word);
	}
	if (r == 0)
		r = finish(x.cond);
	if (r == 0) {
		(void) condition_free(*cond);
		*cond = is_none(&x) ? NULL : steal(&x.cond);
	}
	expression_deinit(&x);
	return r;
}
