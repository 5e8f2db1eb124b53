/* SPDX-License-Identifier: MIT */
/*
 * From files to a class: the loop over the stanzas of a file, going on after a
 * fault so that one reading shows all of them (D22), and the rules for overrides.
 */
#include "job/parse.h"

#include <errno.h>
#include <string.h>

#include "job/expression.h"
#include "job/recover.h"
#include "job/stanza.h"

static int
parser_init(struct parser *p, const char *name, const char *path)
{
	*p = (struct parser) { 0 };
	p->cls = job_class_new(name);
	if (p->cls == NULL)
		return -ENOMEM;
	p->cls->path = strdup(path);
	return p->cls->path != NULL ? 0 : -ENOMEM;
}

void
parser_deinit(struct parser *p)
{
	p->cls = job_class_unref(p->cls);
	strlist_deinit(&p->emits);
	strlist_deinit(&p->env);
	strlist_deinit(&p->export);
	strlist_deinit(&p->import);
	strlist_deinit(&p->tmpfiles);
	strlist_deinit(&p->readonly);
	strlist_deinit(&p->hidden);
	exports_deinit(&p->export_places);
	variables_deinit(&p->variables);
	map_deinit(&p->cgroups);
}

/* The next stanza, if there is one before the end. */
static int
read_next(struct parser *p)
{
	const struct stanza *found = NULL;
	struct lexer *lex = &p->lex;
	struct lexer_mark start;
	int r;

	lexer_skip_blanks(lex);
	if (lexer_at_line_end(lex))
		return lexer_line_end(lex);
	start = lexer_mark(lex);
	r = stanza_read(p, &found);
	if (r == -EINVAL)
		lexer_recover(lex, &start, found == NULL || (found->flags & STANZA_BLOCK) != 0);
	return r == -ENOMEM ? r : 0;
}

/* A NUL can't be part of a job file (D24): the text is read up to the line that has one. */
static int
fault_nul(struct lexer *lex, size_t pos)
{
	struct span word;

	while (lex->pos < lex->n)
		lexer_step(lex);
	lex->n = pos;
	word = (struct span) { lex->text + lex->pos, pos - lex->pos };
	while (lex->pos < lex->n)
		lexer_step(lex);
	return lexer_fault_message(lex, FAULT_UNEXPECTED_TOKEN, lexer_place(lex), word, "Unexpected NUL byte");
}

/* The start of the line of `pos`. */
static size_t
line_start(struct span text, size_t pos)
{
	while (pos > 0 && text.p[pos - 1] != '\n')
		pos--;
	return pos;
}

/*
 * Read one source into the class. 0 if it had no error, -EINVAL if it had,
 * -ENOMEM. Either way the report has it all.
 */
static int
read_source(struct parser *p, const struct parse_source *source, struct parse_report *report)
{
	const char *nul = source->text.n > 0 ? memchr(source->text.p, '\0', source->text.n) : NULL;
	size_t before = report->errors;
	struct lexer *lex = &p->lex;
	int r = 0;

	memset(p->has_command, 0, sizeof(p->has_command));
	lexer_init(lex, source->text, source->path, report);
	if (nul != NULL) {
		lex->cut = true;
		lex->n = line_start(source->text, (size_t) (nul - source->text.p));
	}
	if (lexer_begin(lex) == -ENOMEM)
		return -ENOMEM;
	while (r == 0 && !lexer_at_end(lex) && report->errors - before < PARSE_ERRORS_MAX)
		r = read_next(p);
	if (r == 0 && !lexer_at_end(lex))
		r = lexer_fault(lex, FAULT_TOO_MANY_ERRORS, lexer_place(lex), (struct span) { 0 });
	else if (r == 0 && nul != NULL)
		r = fault_nul(lex, (size_t) (nul - source->text.p));
	if (r == -ENOMEM)
		return r;
	return report->errors > before ? -EINVAL : 0;
}

/* Move what was gathered into the class, and hand it out. */
static int
parser_finish(struct parser *p, struct parse_report *report, struct job_class **cls)
{
	if (inert_check(&p->inert, p->cls, report) < 0)
		return -ENOMEM;
	p->cls->emits = strlist_steal(&p->emits);
	p->cls->env = strlist_steal(&p->env);
	p->cls->export = strlist_steal(&p->export);
	p->cls->import = strlist_steal(&p->import);
	p->cls->tmpfiles = strlist_steal(&p->tmpfiles);
	p->cls->isolation.readonly = strlist_steal(&p->readonly);
	p->cls->isolation.hidden = strlist_steal(&p->hidden);
	/* What `tmpfiles` does is done by the process of that slot. */
	if (p->cls->tmpfiles != NULL && p->cls->process[PROCESS_SECURITY].command == NULL) {
		p->cls->process[PROCESS_SECURITY].command = strdup("");
		if (p->cls->process[PROCESS_SECURITY].command == NULL)
			return -ENOMEM;
	}
	if (exports_check(&p->export_places, p->cls, report) < 0 || variables_check(&p->variables, p->cls, report) < 0)
		return -ENOMEM;
	*cls = steal(&p->cls);
	return 0;
}

/* The class of a conf file without errors, whose warnings are in the report already. */
static int
parse_again(const char *name, const struct parse_source *conf, struct parse_report *report, struct job_class **cls)
{
	struct parse_report known = { 0 };
	struct parser p;
	int r = parser_init(&p, name, conf->path);

	if (r == 0)
		r = read_source(&p, conf, &known);
	if (r == 0)
		r = parser_finish(&p, report, cls);
	parse_report_deinit(&known);
	parser_deinit(&p);
	return r;
}

int
job_parse(const char *name, const struct parse_source *conf, const struct parse_source *override,
	  struct job_class **cls, struct parse_report *report)
{
	bool override_is_wrong = false;
	struct parser p;
	int r;

	*cls = NULL;
	r = parser_init(&p, name, conf->path);
	if (r == 0)
		r = read_source(&p, conf, report);
	/* The faults of an override are of interest even if the conf file has some: but only those. */
	if (r != -ENOMEM && override != NULL) {
		int over = read_source(&p, override, report);

		override_is_wrong = over == -EINVAL;
		if (over == -ENOMEM)
			r = -ENOMEM;
	}
	if (r == 0 && override_is_wrong)
		r = parse_again(name, conf, report, cls);
	else if (r == 0)
		r = parser_finish(&p, report, cls);
	parser_deinit(&p);
	return r;
}

int
condition_parse(struct span text, const char *path, bool of_states, struct condition **cond,
		struct parse_report *report)
{
	struct lexer lex;
	int r;

	*cond = NULL;
	lexer_init(&lex, text, path, report);
	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL) {
		lex.n = 0;
		return fault_nul(&lex, strlen(text.p));
	}
	r = expression_read(&lex, of_states, cond, NULL);
	while (r == 0 && !lexer_at_end(&lex))
		r = lexer_line_end(&lex);
	if (r < 0)
		*cond = condition_free(*cond);
	return r;
}
