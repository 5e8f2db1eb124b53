/* SPDX-License-Identifier: MIT */
/*
 * Drawing the listing: arrows while the jobs are walked, then the nodes that these touched.
 */
#include "initctl/dot.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/str.h"

struct drawing {
	FILE *out;
	const struct dot_colours *colours;
	char *const *only;     /* borrowed: arrows must touch one of these jobs; NULL: all are drawn */
	char **jobs, **events; /* owned: touched so far */
};

/* A name as part of a node's: letters, digits and underscores alone. */
static void
add_identifier(struct strbuf *b, const char *name)
{
	static const struct {
		char c;
		const char *word;
	} words[] = {
		{ '$', "dollar_" },  { '*', "star" },	{ '.', "dot" },	     { '/', "slash" }, { '[', "lbracket" },
		{ ']', "rbracket" }, { '!', "bang" },	{ '?', "question" }, { ':', "colon" }, { '@', "at" },
		{ '+', "plus" },     { '{', "lbrace" }, { '}', "rbrace" },   { ' ', "blank" }, { ',', "comma" },
		{ '-', "_" },	     { '=', "equals" },
	};

	for (; *name; name++) {
		size_t i = 0;

		if (isalnum((unsigned char) *name) || *name == '_') {
			strbuf_addc(b, *name);
			continue;
		}
		while (i < ARRAY_SIZE(words) && words[i].c != *name)
			i++;
		if (i < ARRAY_SIZE(words))
			strbuf_add(b, words[i].word);
		else
			strbuf_addf(b, "x%02x", (unsigned char) *name);
	}
}

/* Text inside double quotes; `record`: of a record's label, where more has a meaning. */
static void
add_label(struct strbuf *b, const char *text, bool record)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || (record && strchr("{}|<> ", *text)))
			strbuf_addc(b, '\\');
		strbuf_addc(b, *text);
	}
}

static int
touch(char ***list, const char *name)
{
	return strv_has(*list, name) ? 0 : strv_add(list, name);
}

/* "job_web:start", "event_up"; `port` NULL: an event. */
static int
add_end(struct drawing *d, struct strbuf *b, const char *name, const char *port)
{
	strbuf_add(b, port ? "job_" : "event_");
	add_identifier(b, name);
	if (port)
		strbuf_addf(b, ":%s", port);
	return touch(port ? &d->jobs : &d->events, name);
}

static int
arrow(struct drawing *d, const char *from, const char *from_port, const char *to, const char *to_port,
      const char *colour)
{
	struct strbuf text auto_strbuf = STRBUF_INIT;

	if (add_end(d, &text, from, from_port) < 0)
		return -ENOMEM;
	strbuf_add(&text, " -> ");
	if (add_end(d, &text, to, to_port) < 0 || text.failed)
		return -ENOMEM;
	(void) fprintf(d->out, "  %s [color=\"%s\"];\n", text.p, colour);
	return 0;
}

static bool
is_wanted(const struct drawing *d, const char *job)
{
	return !d->only || (job && strv_has(d->only, job));
}

static int
draw_condition(struct drawing *d, const struct listing_job *job, const struct listing_leaf *leaf, size_t n,
	       const char *port, const char *colour)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (!is_wanted(d, job->name) && !is_wanted(d, leaf[i].job))
			continue;
		if (!leaf[i].job)
			r = arrow(d, leaf[i].event, NULL, job->name, port, colour);
		else if (strcmp(leaf[i].event, "starting") == 0)
			r = arrow(d, job->name, port, leaf[i].job, "job", colour);
		else
			r = arrow(d, leaf[i].job, "job", job->name, port, colour);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
draw_job(struct drawing *d, const struct listing_job *job)
{
	bool wanted = is_wanted(d, job->name);
	int r = wanted ? touch(&d->jobs, job->name) : 0;

	if (r == 0)
		r = draw_condition(d, job, job->start, job->n_start, "start", d->colours->start_on);
	if (r == 0)
		r = draw_condition(d, job, job->stop, job->n_stop, "stop", d->colours->stop_on);
	if (r == 0)
		r = draw_condition(d, job, job->terms, job->n_terms, "start", d->colours->terms);
	for (size_t i = 0; r == 0 && wanted && i < strv_len(job->emits); i++)
		r = arrow(d, job->name, "job", job->emits[i], NULL, d->colours->emits);
	return r;
}

static int
draw_nodes(const struct drawing *d)
{
	const struct dot_colours *c = d->colours;

	for (char *const *job = d->jobs; job != NULL && *job != NULL; job++) {
		struct strbuf name auto_strbuf = STRBUF_INIT, label auto_strbuf = STRBUF_INIT;

		add_identifier(&name, *job);
		add_label(&label, *job, true);
		if (name.failed || label.failed)
			return -ENOMEM;
		(void) fprintf(
		    d->out,
		    "  job_%s [shape=\"record\", label=\"<job> %s | { <start> start on | <stop> stop on }\", "
		    "fontcolor=\"%s\", style=\"filled\",  fillcolor=\"%s\"];\n",
		    name.p, label.p, c->job_text, c->job);
	}
	for (char *const *event = d->events; event != NULL && *event != NULL; event++) {
		struct strbuf name auto_strbuf = STRBUF_INIT, label auto_strbuf = STRBUF_INIT;
		bool pattern = strpbrk(*event, "*?[$") != NULL;

		add_identifier(&name, *event);
		add_label(&label, *event, false);
		if (name.failed || label.failed)
			return -ENOMEM;
		(void) fprintf(d->out,
			       "  event_%s [label=\"%s\", shape=diamond, fontcolor=\"%s\", fillcolor=\"%s\", "
			       "style=\"filled%s\"];\n",
			       name.p, label.p, c->event_text, c->event, pattern ? ",dotted" : "");
	}
	return 0;
}

static void
draw_head(const struct drawing *d)
{
	(void) fprintf(d->out,
		       "digraph upstart {\n"
		       "  node [shape=\"diamond\", fontcolor=\"%s\", fillcolor=\"%s\", style=\"filled\"];\n"
		       "  label=\"Upstart: jobs and events\";\n"
		       "  rankdir=LR;\n"
		       "  overlap=false;\n"
		       "  bgcolor=\"%s\";\n"
		       "  fontcolor=\"%s\";\n",
		       d->colours->event_text, d->colours->event, d->colours->background, d->colours->text);
}

int
dot_write(FILE *out, const struct listing *listing, char *const *only, const struct dot_colours *colours)
{
	struct drawing d = { .out = out, .colours = colours, .only = only };
	int r = 0;

	draw_head(&d);
	for (size_t i = 0; r == 0 && i < listing->n; i++)
		r = draw_job(&d, &listing->job[i]);
	if (r == 0)
		r = draw_nodes(&d);
	(void) fprintf(out, "  overlap=false;\n}\n"); /* twice, as ever: scripts compare */
	strv_free(d.jobs);
	strv_free(d.events);
	return r;
}
