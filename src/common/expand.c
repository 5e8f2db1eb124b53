/* SPDX-License-Identifier: MIT */
/*
 * Variable expansion of instance names, event patterns and the like
 * (job-language.md section 5). Not a shell: nothing is split, globbed or rescanned.
 *
 * Nesting is kept in an array of open braces, so that no text can exhaust the
 * stack; every byte is looked at once, whatever the nesting.
 */
#include "common/env.h"

#include <errno.h>
#include <string.h>

/* Longer results than any message may carry are refused: "$A$A$A…" is a small text. */
#define EXPAND_MAX ((size_t) 1024 * 1024)

/* An open "${". While its name is read, text goes to `name`; then, in its WORD, to where the whole goes. */
struct brace {
	bool in_word;
	bool literal; /* nothing but plain text in the name so far */
	struct strbuf name;
	int sink; /* index of the brace whose name takes what this one yields, or -1: the result */
};

struct expansion {
	const char *p; /* what is left of the text */
	char *const *env;
	struct strbuf out;
	struct brace *braces; /* owned */
	size_t n;
	size_t cap;
	size_t len; /* bytes put so far */
	struct error *err;
};

static void
expansion_deinit(struct expansion *x)
{
	for (size_t i = 0; i < x->n; i++)
		strbuf_deinit(&x->braces[i].name);
	free(x->braces);
	strbuf_deinit(&x->out);
}

static int
sink_of_top(const struct expansion *x)
{
	const struct brace *top = x->n > 0 ? &x->braces[x->n - 1] : NULL;

	if (top == NULL)
		return -1;
	return top->in_word ? top->sink : (int) x->n - 1;
}

/* Text where text now goes. */
static int
put(struct expansion *x, const char *p, size_t n)
{
	int sink = sink_of_top(x);
	struct strbuf *b = sink < 0 ? &x->out : &x->braces[sink].name;

	x->len += n;
	if (x->len > EXPAND_MAX)
		return error_set(x->err, -EINVAL, ERR_INVALID_ARGS, "Expanded text too long");
	strbuf_addn(b, p, n);
	return b->failed ? error_nomem(x->err) : 0;
}

static int
put_text(struct expansion *x, const char *s)
{
	return put(x, s, strlen(s));
}

static int
unknown_parameter(struct expansion *x, struct span name)
{
	return error_set(x->err, -EINVAL, ERR_INVALID_ARGS, "Unknown parameter: %.*s", (int) name.n, name.p);
}

static int
mismatched(struct expansion *x)
{
	return error_set(x->err, -EINVAL, ERR_INVALID_ARGS, "Mismatched braces");
}

static const char *
lookup(const struct expansion *x, struct span name)
{
	/* A key has no '=' in it; asking for "A=b" must not find A=b=c. */
	if (name.n > 0 && memchr(name.p, '=', name.n) != NULL)
		return NULL;
	return env_get_span(x->env, name);
}

static bool
is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static int
brace_open(struct expansion *x)
{
	int sink = sink_of_top(x);

	if (x->n == x->cap) {
		size_t cap = x->cap > 0 ? 2 * x->cap : 4;
		struct brace *grown = realloc(x->braces, cap * sizeof(*grown));

		if (grown == NULL)
			return error_nomem(x->err);
		x->braces = grown;
		x->cap = cap;
	}
	if (x->n > 0 && !x->braces[x->n - 1].in_word)
		x->braces[x->n - 1].literal = false;
	x->braces[x->n++] = (struct brace) { .literal = true, .sink = sink };
	x->p += 2;
	return 0;
}

/* The innermost brace is done. */
static void
brace_close(struct expansion *x)
{
	strbuf_deinit(&x->braces[--x->n].name);
}

/* "$…" outside or inside braces. */
static int
dollar(struct expansion *x)
{
	struct span name = { x->p + 1, 0 };
	const char *value;

	if (x->p[1] == '{')
		return brace_open(x);
	while (is_name_char(name.p[name.n], name.n == 0))
		name.n++;
	x->p++;
	if (name.n == 0)
		return put(x, "$", 1);
	x->p += name.n;
	value = lookup(x, name);
	if (value == NULL)
		return unknown_parameter(x, name);
	if (x->n > 0 && !x->braces[x->n - 1].in_word)
		x->braces[x->n - 1].literal = false;
	return put_text(x, value);
}

/* Step over a WORD that is not wanted, and its brace; it is not evaluated (D31). */
static int
skip_word(struct expansion *x)
{
	size_t depth = 0;

	for (; *x->p != '\0'; x->p++) {
		if (x->p[0] == '$' && x->p[1] == '{') {
			depth++;
			x->p++;
		} else if (*x->p == '}' && depth-- == 0) {
			x->p++;
			return 0;
		}
	}
	return mismatched(x);
}

/* "${NAME}". */
static int
name_end(struct expansion *x, struct span name)
{
	bool dollar_itself = name.n == 0 && x->braces[x->n - 1].literal;
	const char *value = lookup(x, name);

	x->p++;
	if (!dollar_itself && value == NULL)
		return unknown_parameter(x, name);
	brace_close(x);
	return put_text(x, dollar_itself ? "$" : value);
}

/* "${NAME" and one of "-" "+" ":-" ":+" ahead. */
static int
name_operator(struct expansion *x, struct span name)
{
	bool colon = *x->p == ':';
	const char *value;
	bool use_word;
	bool is_set;
	char op;

	x->p += colon;
	op = *x->p;
	if (op == '\0')
		return mismatched(x);
	if (op != '-' && op != '+')
		return error_set(x->err, -EINVAL, ERR_INVALID_ARGS, "Expected operator");
	x->p++;
	value = lookup(x, name);
	is_set = value != NULL && (!colon || *value != '\0');
	use_word = is_set == (op == '+');
	if (use_word) {
		x->braces[x->n - 1].in_word = true;
		return 0;
	}
	brace_close(x);
	if (op == '-') {
		int r = put_text(x, value != NULL ? value : "");

		if (r < 0)
			return r;
	}
	return skip_word(x);
}

/* One step forward in the text. */
static int
step(struct expansion *x)
{
	const struct brace *top = x->n > 0 ? &x->braces[x->n - 1] : NULL;
	struct span name;
	size_t n;
	int r;

	if (*x->p == '$')
		return dollar(x);
	if (top != NULL && top->in_word && *x->p == '}') {
		x->p++;
		brace_close(x);
		return 0;
	}
	if (top != NULL && !top->in_word && strchr("}:-+", *x->p) != NULL) {
		name = (struct span) { top->name.p != NULL ? top->name.p : "", top->name.len };
		return *x->p == '}' ? name_end(x, name) : name_operator(x, name);
	}
	n = strcspn(x->p, top == NULL ? "$" : top->in_word ? "$}" : "$}:-+");
	r = put(x, x->p, n);
	x->p += n;
	return r;
}

int
env_expand(char **out, const char *text, char *const *env, struct error *err)
{
	struct expansion x = { .p = text, .env = env, .err = err };
	int r = 0;

	while (r == 0 && *x.p != '\0')
		r = step(&x);
	if (r == 0 && x.n > 0)
		r = mismatched(&x);
	if (r == 0) {
		*out = strbuf_steal(&x.out);
		if (*out == NULL)
			r = error_nomem(err);
	}
	expansion_deinit(&x);
	return r;
}
