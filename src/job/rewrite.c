/* SPDX-License-Identifier: MIT */
/*
 * Pairs of `start on started` and `stop on stopping` become a `while`. The stanzas are found by the reader of job files;
 * only their own bytes are replaced.
 */
#include "job/rewrite.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "job/expression.h"
#include "job/quote.h"
#include "job/stanza.h"

const char job_rewrite_differences[] =
    "it also starts when they run already as its file is read, and comes back whenever all of them are there again\n"
    "it stays up as long as one instance of each is up, where a job has several\n"
    "a job that is respawned after a crash does not wait for it to be down, as it does for what stops on its stopping\n"
    "stopped by hand it stays down until it is started by hand\n"
    "UPSTART_STATES is in its environment; JOB, UPSTART_EVENTS and, when it stops, UPSTART_STOP_EVENTS are not\n";

void
job_rewrite_deinit(struct job_rewrite *rewrite)
{
	free(rewrite->start_on);
	free(rewrite->stop_on);
	free(rewrite->states);
	free(rewrite->rest);
	free(rewrite->text);
	(void) strv_free(rewrite->jobs);
	*rewrite = (struct job_rewrite) JOB_REWRITE_INIT;
}

/* -- where the stanzas are -------------------------------------------------------------- */

/* A condition's stanza: from its first word to its last. */
struct place_of {
	size_t from, to;
	unsigned n;    /* how many there are; the last counts */
	bool comments; /* inside of its brackets */
};

struct places {
	struct place_of start, stop;
};

/* The next word as it is written. */
static struct span
raw_word(struct lexer *lex)
{
	size_t from = lex->pos;

	while (!lexer_at_end(lex) && !lexer_is_blank(lexer_peek(lex)) && lexer_peek(lex) != '\n')
		lexer_step(lex);
	return (struct span) { lex->text + from, lex->pos - from };
}

/* Leave out what follows the last word of what was read as one expression: blanks, or a comment. */
static void
trim(const char *text, struct place_of *place)
{
	int depth = 0;
	char quote = '\0';
	size_t i = place->from;

	for (; i < place->to; i++) {
		char c = text[i];

		if (c == '\\')
			i++;
		else if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (lexer_is_quote(c))
			quote = c;
		else if (c == '#' && depth == 0)
			break;
		depth += quote == '\0' && c == '(' ? 1 : quote == '\0' && c == ')' ? -1 : 0;
		place->comments |= quote == '\0' && c == '#';
	}
	place->to = i < place->to ? i : place->to;
	while (place->to > place->from && strchr(" \t\r\n\\", text[place->to - 1]) != NULL)
		place->to--;
}

/* If a `start on` or `stop on` begins here: note where. 0 or -ENOMEM. */
static int
note_place(const struct lexer *at, struct places *places)
{
	struct parse_report ignored = { 0 };
	struct condition *cond = NULL;
	struct lexer lex = *at;
	struct place_of *place = NULL;
	struct span word = raw_word(&lex);
	int r = 0;

	lex.report = &ignored;
	if (span_is(word, "start"))
		place = &places->start;
	else if (span_is(word, "stop"))
		place = &places->stop;
	if (place != NULL) {
		lexer_skip_blanks(&lex);
		word = raw_word(&lex);
	}
	if (place != NULL && span_is(word, "on")) {
		lexer_skip_blanks(&lex);
		r = expression_read(&lex, false, &cond, NULL);
		*place = (struct place_of){ at->pos, lex.pos, place->n + 1, false };
		trim(lex.text, place);
	}
	(void) condition_free(cond);
	parse_report_deinit(&ignored);
	return r == -ENOMEM ? r : 0;
}

/* Go through a file without faults as the reader does. 0 or -ENOMEM. */
static int
find_places(const char *name, const struct parse_source *conf, struct places *places)
{
	struct parse_report ignored = { 0 };
	struct parser p = { .cls = job_class_new(name) };
	int r = p.cls != NULL ? 0 : -ENOMEM;

	lexer_init(&p.lex, conf->text, conf->path, &ignored);
	while (r == 0 && !lexer_at_end(&p.lex)) {
		const struct stanza *found = NULL;

		lexer_skip_blanks(&p.lex);
		if (lexer_at_line_end(&p.lex)) {
			r = lexer_line_end(&p.lex);
			continue;
		}
		r = note_place(&p.lex, places);
		if (r == 0)
			r = stanza_read(&p, &found);
	}
	parser_deinit(&p);
	parse_report_deinit(&ignored);
	return r;
}

/* -- what they say -------------------------------------------------------------------------- */

static bool
is_plain_name(const char *s)
{
	return *s != '\0' && strpbrk(s, "*?[]$\\ \t\n\"'()#=!") == NULL;
}

/* The job that a leaf is about: its first argument, NAME or JOB=NAME; NULL: it is not that plain. */
static const char *
job_of(const struct condition_node *leaf, const char *event)
{
	const char *first = leaf->args != NULL ? leaf->args[0] : NULL;

	if (strcmp(leaf->name, event) != 0 || first == NULL)
		return NULL;
	if (strncmp(first, "JOB=", 4) == 0)
		first += 4;
	return is_plain_name(first) ? first : NULL;
}

/* The arguments behind the job. */
static char *const *
matches_of(const struct condition_node *leaf)
{
	return leaf->args + 1;
}

static bool
same_matches(const struct condition_node *a, const struct condition_node *b)
{
	char *const *x = matches_of(a), *const *y = matches_of(b);

	while (*x != NULL && *y != NULL && strcmp(*x, *y) == 0) {
		x++;
		y++;
	}
	return *x == NULL && *y == NULL;
}

/* Are there leaves only, and operators of that kind? */
static bool
has_only(const struct condition *cond, enum condition_type type)
{
	for (int i = 0; i < cond->n_nodes; i++)
		if (cond->nodes[i].type != CONDITION_MATCH && cond->nodes[i].type != type)
			return false;
	return true;
}

/* The leaf of the `start on` that a leaf of the `stop on` ends; NULL: none. */
static const struct condition_node *
counterpart(const struct condition *start, const struct condition_node *stopping)
{
	const char *job = job_of(stopping, "stopping");

	for (int i = 0; job != NULL && i < start->n_leaves; i++) {
		const struct condition_node *leaf = &start->nodes[start->leaves[i]];
		const char *started = job_of(leaf, "started");

		if (started != NULL && strcmp(started, job) == 0 && same_matches(leaf, stopping))
			return leaf;
	}
	return NULL;
}

/* Does the `stop on` end each leaf of the `start on`? */
static bool
is_whole(const struct condition *start, const struct condition *stop)
{
	for (int i = 0; i < start->n_leaves; i++) {
		const struct condition_node *leaf = &start->nodes[start->leaves[i]];
		bool ended = false;

		for (int k = 0; !ended && k < stop->n_leaves; k++)
			ended = counterpart(start, &stop->nodes[stop->leaves[k]]) == leaf;
		if (!ended || job_of(leaf, "started") == NULL)
			return false;
	}
	return true;
}

/* Is it anything like such a pair? */
static bool
is_about_jobs(const struct condition *start, const struct condition *stop)
{
	for (int i = 0; i < start->n_leaves; i++)
		for (int k = 0; k < stop->n_leaves; k++) {
			const char *a = job_of(&start->nodes[start->leaves[i]], "started");
			const char *b = job_of(&stop->nodes[stop->leaves[k]], "stopping");

			if (a != NULL && b != NULL && strcmp(a, b) == 0)
				return true;
		}
	return false;
}

/* Is `$NAME` or `${NAME` in the text? */
static bool
speaks_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; (p = strchr(p, '$')) != NULL;) {
		p += p[1] == '{' ? 2 : 1;
		if (strncmp(p, name, n) == 0 && !isalnum((unsigned char) p[n]) && p[n] != '_')
			return true;
	}
	return false;
}

/* Does it speak of what the events bring and states do not? */
static bool
speaks_of_events(const char *text)
{
	static const char *const names[] = { "JOB", "RESULT", "PROCESS", "EXIT_STATUS", "EXIT_SIGNAL" };

	if (text == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (speaks_of(text, names[i]))
			return true;
	return strstr(text, "UPSTART_EVENTS") != NULL || strstr(text, "UPSTART_STOP_EVENTS") != NULL;
}

static bool
has_words_of_events(const struct job_class *cls)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		if (speaks_of_events(cls->process[i].command))
			return true;
	for (size_t i = 0; cls->env != NULL && cls->env[i] != NULL; i++)
		if (speaks_of_events(cls->env[i]))
			return true;
	return cls->export != NULL && strv_has(cls->export, "JOB");
}

/* Why it does not apply; NULL: it does. *relevant: there is such a pair at all. */
static const char *
refusal(const struct job_class *cls, const struct places *places, bool *relevant)
{
	const struct condition *start = cls->start_on, *stop = cls->stop_on;

	*relevant = start != NULL && stop != NULL && is_about_jobs(start, stop);
	if (!*relevant)
		return "it has no start on started and stop on stopping of one job";
	if (cls->while_on != NULL)
		return "it has a while already";
	if (cls->manual)
		return "it is started by hand only";
	if (cls->instance[0] != '\0')
		return "it has instances";
	if (!has_only(start, CONDITION_AND) || !has_only(stop, CONDITION_OR) || !is_whole(start, stop))
		return "it does not stop with each job that it starts on, and with the same matches";
	if (has_words_of_events(cls))
		return "its commands speak of variables that events have and states do not";
	if (places->start.n != 1 || places->stop.n != 1)
		return "it has several start on or stop on";
	if (places->start.comments || places->stop.comments)
		return "there is a comment inside of its start on or stop on";
	return NULL;
}

/* -- writing ----------------------------------------------------------------------------------- */

/* "bar INSTANCE=1 and baz", and the jobs. 0 or -ENOMEM. */
static int
make_states(const struct condition *start, struct job_rewrite *rewrite)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < start->n_leaves; i++) {
		const struct condition_node *leaf = &start->nodes[start->leaves[i]];
		const char *job = job_of(leaf, "started");

		strbuf_add(&b, i > 0 ? " and " : "");
		quote_event(&b, job, true);
		for (char *const *arg = matches_of(leaf); *arg != NULL; arg++) {
			strbuf_addc(&b, ' ');
			quote_event_argument(&b, *arg, true);
		}
		if (!strv_has(rewrite->jobs, job) && strv_add(&rewrite->jobs, job) < 0)
			return -ENOMEM;
	}
	rewrite->states = strbuf_steal(&b);
	return rewrite->states != NULL ? 0 : -ENOMEM;
}

/* What is left of the `stop on`. 0 or -ENOMEM. */
static int
make_rest(const struct condition *start, const struct condition *stop, struct job_rewrite *rewrite)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < stop->n_leaves; i++) {
		auto_free char *text = condition_print_leaf(stop, i);

		if (text == NULL)
			return -ENOMEM;
		if (counterpart(start, &stop->nodes[stop->leaves[i]]) == NULL)
			strbuf_addf(&b, "%s%s", b.len > 0 ? " or " : "", text);
	}
	if (b.len == 0)
		return 0;
	rewrite->rest = strbuf_steal(&b);
	return rewrite->rest != NULL ? 0 : -ENOMEM;
}

/* A stanza that goes takes its line with it, if it has that to itself. */
static void
widen(struct span text, struct place_of *place)
{
	size_t from = place->from, to = place->to;

	while (from > 0 && lexer_is_blank(text.p[from - 1]))
		from--;
	while (to < text.n && lexer_is_blank(text.p[to]))
		to++;
	if (from > 0 && text.p[from - 1] != '\n')
		return;
	if (to < text.n && text.p[to] != '\n')
		return;
	place->from = from;
	place->to = to < text.n ? to + 1 : to;
}

/* The file with both stanzas replaced. 0 or -ENOMEM. */
static int
make_text(struct span text, struct places *places, struct job_rewrite *rewrite)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	const struct place_of *first = &places->start, *second = &places->stop;

	if (rewrite->rest == NULL)
		widen(text, &places->stop);
	if (first->from > second->from) {
		first = &places->stop;
		second = &places->start;
	}
	for (const struct place_of *at = first; at != NULL; at = at == first ? second : NULL) {
		size_t begin = at == first ? 0 : first->to;

		strbuf_addn(&b, text.p + begin, at->from - begin);
		if (at == &places->start)
			strbuf_addf(&b, "while %s", rewrite->states);
		else if (rewrite->rest != NULL)
			strbuf_addf(&b, "stop on %s", rewrite->rest);
	}
	strbuf_addn(&b, text.p + second->to, text.n - second->to);
	rewrite->len = b.len;
	rewrite->text = strbuf_steal(&b);
	return rewrite->text != NULL ? 0 : -ENOMEM;
}

int
job_rewrite(const char *name, const struct parse_source *conf, struct job_rewrite *rewrite, const char **why)
{
	auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
	struct parse_report report = { 0 };
	struct places places = { 0 };
	struct job_class *cls = NULL;
	bool relevant = false;
	int r = job_parse(name, conf, NULL, &cls, &report);

	*why = NULL;
	parse_report_deinit(&report);
	if (r == 0)
		r = find_places(name, conf, &places);
	if (r == 0) {
		*why = refusal(cls, &places, &relevant);
		r = *why == NULL ? 1 : 0;
		if (!relevant)
			*why = NULL;
	}
	if (r == 1) {
		made.start_on = condition_print(cls->start_on);
		made.stop_on = condition_print(cls->stop_on);
		if (made.start_on == NULL || made.stop_on == NULL || make_states(cls->start_on, &made) < 0 ||
		    make_rest(cls->start_on, cls->stop_on, &made) < 0 || make_text(conf->text, &places, &made) < 0)
			r = -ENOMEM;
	}
	(void) job_class_unref(cls);
	if (r == 1) {
		*rewrite = made;
		made = (struct job_rewrite) JOB_REWRITE_INIT;
	}
	return r;
}
