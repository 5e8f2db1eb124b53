/* SPDX-License-Identifier: MIT */
/*
 * Stanzas about how processes are run: console, priority, limits, control groups.
 */
#include "job/attribute.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "job/argument.h"

static int
console_fault(struct parser *p, struct word *w)
{
	const char *names[CONSOLE_OWNER];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		names[i] = console_mode_name((enum console_mode)(i + 1));
	return argument_fault_names(p, FAULT_UNKNOWN_STANZA, w, names, ARRAY_SIZE(names));
}

int
parse_console(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (!console_mode_from_name(span_of(w.text), &p->cls->console))
		return console_fault(p, &w);
	word_deinit(&w);
	return lexer_line_end(&p->lex);
}

int
parse_umask(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long value;
	int r = argument_number(p, 8, 0, 0777, FAULT_ILLEGAL_UMASK, &value);

	if (r < 0)
		return r;
	p->cls->umask = (uint32_t) value;
	return lexer_line_end(&p->lex);
}

int
parse_nice(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long value;
	int r = argument_number(p, 10, -20, 19, FAULT_ILLEGAL_NICE, &value);

	if (r < 0)
		return r;
	p->cls->nice = (int) value;
	return lexer_line_end(&p->lex);
}

/* The score that the kernel makes of an old oom adjustment. */
static int
oom_score_of_adjustment(long adjustment)
{
	return (int) (adjustment * 1000 / (adjustment < 0 ? 17 : 15));
}

/* What follows `oom score`, already read. */
static int
oom_score(struct parser *p, struct word *w)
{
	struct place at = w->at;
	struct span raw = w->raw;
	bool never = strcmp(w->text, "never") == 0;
	bool is_number;
	long value;

	is_number = argument_to_long(w->text, 10, &value);
	word_deinit(w);
	if (!never && (!is_number || value < -1000 || value > 1000))
		return lexer_fault_message(&p->lex, FAULT_ILLEGAL_OOM, at, raw,
					   "Illegal oom score adjustment, expected -1000 to 1000 or 'never'");
	p->cls->oom_score_adj = never ? -1000 : (int) value;
	return lexer_line_end(&p->lex);
}

int
parse_oom(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w;
	long value;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "score") == 0) {
		word_deinit(&w);
		r = lexer_argument(&p->lex, false, &w);
		return r < 0 ? r : oom_score(p, &w);
	}
	if (strcmp(w.text, "never") == 0)
		p->cls->oom_score_adj = -1000;
	else if (!argument_to_long(w.text, 10, &value) || value < -17 || value > 15)
		return argument_fault(p, FAULT_ILLEGAL_OOM, &w);
	else
		p->cls->oom_score_adj = oom_score_of_adjustment(value);
	word_deinit(&w);
	return lexer_line_end(&p->lex);
}

/* May job files name that resource? */
static bool
limit_is_known(const char *name)
{
	return JOB_ACCEPT_NEW_SPELLINGS || (strcmp(name, "locks") != 0 && strcmp(name, "rttime") != 0);
}

/* The index of a resource job files may name, or JOB_LIMIT_COUNT. */
static size_t
limit_index(const char *name)
{
	size_t i = 0;

	while (i < JOB_LIMIT_COUNT && strcmp(name, job_limit_names[i]) != 0)
		i++;
	return limit_is_known(name) ? i : JOB_LIMIT_COUNT;
}

static int
limit_fault(struct parser *p, struct word *w)
{
	const char *names[JOB_LIMIT_COUNT];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		names[i] = limit_is_known(job_limit_names[i]) ? job_limit_names[i] : "";
	return argument_fault_names(p, FAULT_UNKNOWN_STANZA, w, names, ARRAY_SIZE(names));
}

/* A limit: `unlimited` or a number, of which a negative one wraps (-1 is unlimited, D23). */
static int
read_limit(struct parser *p, uint64_t *limit)
{
	unsigned long long value = ULLONG_MAX;
	struct word w;
	char *end;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "unlimited") != 0) {
		errno = 0;
		value = strtoull(w.text, &end, 10);
		if (end == w.text || *end != '\0' || errno != 0)
			return argument_fault(p, FAULT_ILLEGAL_LIMIT, &w);
		if (strchr(w.text, '-') != NULL)
			r = lexer_warn(&p->lex, FAULT_LIMIT_NEGATIVE, w.at, w.raw);
	}
	word_deinit(&w);
	*limit = value;
	return r;
}

int
parse_limit(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_limit limit = { .set = true };
	struct word w;
	size_t i;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	i = limit_index(w.text);
	if (i == JOB_LIMIT_COUNT)
		return limit_fault(p, &w);
	word_deinit(&w);
	r = read_limit(p, &limit.soft);
	if (r == 0)
		r = read_limit(p, &limit.hard);
	if (r == 0 && limit.soft > limit.hard)
		r = lexer_warn(&p->lex, FAULT_LIMIT_SOFT_ABOVE_HARD, p->keyword_at, span_of(job_limit_names[i]));
	if (r < 0)
		return r;
	p->cls->limits[i] = limit;
	return lexer_line_end(&p->lex);
}

static void
cgroup_deinit(struct job_cgroup *g)
{
	free(g->controller);
	free(g->name);
	free(g->key);
	free(g->value);
	*g = (struct job_cgroup){ 0 };
}

static int
cgroup_append(struct parser *p, struct job_cgroup *g)
{
	struct job_class *cls = p->cls;

	if (cls->n_cgroups == p->cgroups_cap) {
		size_t cap = p->cgroups_cap > 0 ? 2 * p->cgroups_cap : 4;
		struct job_cgroup *grown = realloc(cls->cgroups, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		cls->cgroups = grown;
		p->cgroups_cap = cap;
	}
	cls->cgroups[cls->n_cgroups++] = *g;
	*g = (struct job_cgroup){ 0 };
	return 0;
}

/* Add the setting, or replace the value of the one it repeats; takes what *g owns. */
static int
cgroup_merge(struct parser *p, struct job_cgroup *g)
{
	/* Words hold no newline, so this is one key for one setting. */
	auto_free char *id =
	    str_printf("%s\n%s\n%s", g->controller, g->name != NULL ? g->name : "", g->key != NULL ? g->key : "");
	struct job_cgroup *known;
	uintptr_t at;

	if (id == NULL)
		return -ENOMEM;
	at = (uintptr_t) map_get(&p->cgroups, id);
	if (at != 0) {
		known = &p->cls->cgroups[at - 1];
		free(known->value);
		known->value = steal(&g->value);
		return 0;
	}
	if (map_put(&p->cgroups, id, (void *) (uintptr_t) (p->cls->n_cgroups + 1)) < 0)
		return -ENOMEM;
	return cgroup_append(p, g);
}

static bool
is_digits(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* `optional` and `delegate [USER]`, which are no controllers. True if it was one of them. */
static bool
cgroup_word(struct parser *p, struct word *w, size_t n)
{
	if (n == 1 && strcmp(w[0].text, "optional") == 0) {
		p->cls->cgroup_optional = true;
		return true;
	}
	if (n > 2 || strcmp(w[0].text, "delegate") != 0 || (n == 2 && *w[1].text == '\0'))
		return false;
	p->cls->cgroup_delegate = true;
	free(p->cls->cgroup_delegate_user);
	p->cls->cgroup_delegate_user = n == 2 ? steal(&w[1].text) : NULL;
	return true;
}

/* CONTROLLER [NAME] [KEY VALUE] from what was read; only VALUE may be empty. */
static int
cgroup_of_words(struct parser *p, struct word *w, size_t n)
{
	struct job_cgroup g = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		if (*w[i].text == '\0' && !(n >= 3 && i == n - 1))
			return lexer_fault_message(&p->lex, FAULT_EXPECTED_TOKEN, w[i].at, w[i].raw,
						   "Expected token, not an empty one");
	if (n == 4 && is_digits(w[2].text)) {
		auto_free char *quoted = str_printf("A value with blanks needs quotes: cgroup %s %s \"%s %s\"",
						    w[0].text, w[1].text, w[2].text, w[3].text);

		return quoted == NULL ? -ENOMEM
				      : lexer_fault_message(&p->lex, FAULT_UNEXPECTED_TOKEN, w[2].at, w[2].raw, quoted);
	}
	g.controller = steal(&w[0].text);
	if (n == 2 || n == 4)
		g.name = steal(&w[1].text);
	if (n >= 3) {
		g.key = steal(&w[n - 2].text);
		g.value = steal(&w[n - 1].text);
	}
	r = cgroup_merge(p, &g);
	cgroup_deinit(&g);
	return r;
}

int
parse_cgroup(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct word w[4] = { 0 };
	size_t n = 0;
	int r;

	do
		r = lexer_argument(&p->lex, true, &w[n]);
	while (r == 0 && ++n < ARRAY_SIZE(w) && !lexer_at_line_end(&p->lex));
	if (r == 0 && !cgroup_word(p, w, n))
		r = cgroup_of_words(p, w, n);
	if (r == 0)
		r = lexer_line_end(&p->lex);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		word_deinit(&w[i]);
	return r;
}
