/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/dot.h"
#include "initctl/json.h"
#include "initctl/relations.h"
#include "initctl/standing.h"
#include "initctl/suggest.h"

/* What is drawn. */
struct drawing {
	const struct initctl *ctl;
	struct relations relations;
	bool *wanted;		     /* owned: of each thing */
	enum svg_standing *standing; /* owned */
};

static int
read_standing(const struct initctl *ctl, const char *job, enum svg_standing *standing, struct upstart_error *err)
{
	struct instances instances auto_instances = INSTANCES_INIT;

	return standing_read(&instances, standing, ctl->upstart, job, err);
}

/* Everything, or the jobs named and their neighbours. 0 or -ENOENT after saying which is unknown. */
static int
choose(struct drawing *d, struct initctl *ctl, const struct definitions *definitions, char *const *only)
{
	const struct relations *r = &d->relations;

	for (size_t i = 0; i < r->n && !*only; i++)
		d->wanted[i] = true;
	for (; *only; only++) {
		size_t place;

		if (!definitions_find(definitions, *only)) {
			tool_error(&ctl->tool, _("Unknown job: %s"), *only);
			suggest_job(ctl, *only);
			return -ENOENT;
		}
		place = relations_find(r, *only);
		d->wanted[place] = true;
		for (size_t i = 0; i < r->n_ties; i++) {
			if (r->ties[i].from == place)
				d->wanted[r->ties[i].to] = true;
			if (r->ties[i].to == place)
				d->wanted[r->ties[i].from] = true;
		}
	}
	return 0;
}

static const char *
standing_name(enum svg_standing standing)
{
	return standing == SVG_UP ? "up" : standing == SVG_MOVING ? "moving" : "down";
}

static int
show_json(const struct drawing *d)
{
	static const char *const kinds[TIE_KIND_COUNT] = { "start", "stop", "while", "emits" };
	const struct relations *r = &d->relations;
	json_t *object = json_object(), *things = json_array(), *ties = json_array();
	json_int_t number = 0, *numbers = calloc(r->n + 1, sizeof(*numbers));

	if (!numbers)
		tool_nomem();
	for (size_t i = 0; i < r->n; i++) {
		json_t *thing;

		if (!d->wanted[i])
			continue;
		numbers[i] = number++;
		thing = json_object();
		json_put(thing, "kind", json_text(relations_kind(r->things[i].kind)));
		json_put(thing, "name", json_text(r->things[i].name));
		json_put(thing, "standing", json_text(r->things[i].job ? standing_name(d->standing[i]) : NULL));
		if (json_array_append_new(things, thing) < 0)
			tool_nomem();
	}
	for (size_t i = 0; i < r->n_ties; i++) {
		const struct tie *t = &r->ties[i];
		json_t *tie;

		if (!d->wanted[t->from] || !d->wanted[t->to])
			continue;
		tie = json_object();
		json_put(tie, "kind", json_text(kinds[t->kind]));
		json_put(tie, "from", json_integer(numbers[t->from]));
		json_put(tie, "to", json_integer(numbers[t->to]));
		json_put(tie, "how", json_text(*t->how ? t->how : NULL));
		if (json_array_append_new(ties, tie) < 0)
			tool_nomem();
	}
	free(numbers);
	json_put(object, "things", things);
	json_put(object, "ties", ties);
	return json_show(&d->ctl->tool, object);
}

static int
show_svg(const struct drawing *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = tool_open_text(&text, &size);

	svg_write(out, &d->relations, d->wanted, d->standing, true);
	if (fclose(out) != 0)
		tool_nomem();
	tool_print(&d->ctl->tool, "%s", text);
	free(text);
	return EXIT_SUCCESS;
}

/* The same as dot_write() knows it. Jobs have the same places there: they are the first of all things. */
static void
fill_listing(struct listing *listing, const struct relations *r)
{
	int result = 0;

	for (size_t i = 0; i < r->n && r->things[i].job; i++)
		if (!listing_add_job(listing, r->things[i].name))
			tool_nomem();
	for (size_t i = 0; result == 0 && i < r->n_ties; i++) {
		const struct tie *tie = &r->ties[i];
		const struct thing *from = &r->things[tie->from];
		const char *how = strncmp(tie->how, "not ", 4) == 0 ? tie->how + 4 : tie->how;
		struct listing_job *job = &listing->job[tie->kind == TIE_EMITS ? tie->from : tie->to];
		struct listing_leaf leaf;

		if (tie->kind == TIE_EMITS) {
			result = strv_add(&job->emits, r->things[tie->to].name);
			continue;
		}
		leaf.event = strndup(how, strcspn(how, " "));
		leaf.job = from->job ? tool_must(strdup(from->name)) : NULL;
		if (tie->kind == TIE_START)
			result = listing_add_leaf(&job->start, &job->n_start, leaf);
		else if (tie->kind == TIE_STOP)
			result = listing_add_leaf(&job->stop, &job->n_stop, leaf);
		else
			result = listing_add_leaf(&job->terms, &job->n_terms, leaf);
	}
	if (result < 0)
		tool_nomem();
}

static int
show_dot(const struct drawing *d, char *const *only)
{
	static const struct dot_colours colours = DOT_COLOURS;
	struct listing listing auto_listing = LISTING_INIT;
	char *text = NULL;
	size_t size = 0;
	FILE *out = tool_open_text(&text, &size);

	fill_listing(&listing, &d->relations);
	if (dot_write(out, &listing, *only ? only : NULL, &colours) < 0 || fclose(out) != 0)
		tool_nomem();
	tool_print(&d->ctl->tool, "%s", text);
	free(text);
	return EXIT_SUCCESS;
}

static int
show(struct drawing *d, struct initctl *ctl, const struct definitions *definitions, char *const *only)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const struct relations *r = &d->relations;

	if (choose(d, ctl, definitions, only) < 0)
		return EXIT_FAILURE;
	if (!ctl->svg && !ctl->json)
		return show_dot(d, only);
	for (size_t i = 0; i < r->n; i++)
		if (r->things[i].job && d->wanted[i] &&
		    read_standing(ctl, r->things[i].name, &d->standing[i], &err) < 0)
			return initctl_failed(ctl, &err);
	return ctl->json ? show_json(d) : show_svg(d);
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct drawing drawing = { .ctl = ctl };
	int status;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (definitions_read(&definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	relations_read(&drawing.relations, ctl, &definitions);
	drawing.wanted = calloc(drawing.relations.n + 1, sizeof(*drawing.wanted));
	drawing.standing = calloc(drawing.relations.n + 1, sizeof(*drawing.standing));
	if (!drawing.wanted || !drawing.standing)
		tool_nomem();
	status = show(&drawing, ctl, &definitions, operands);
	free(drawing.wanted);
	free(drawing.standing);
	relations_deinit(&drawing.relations);
	return status;
}

static const struct option_spec options[] = {
	{ 0, "svg", NULL, N_("draw it, as SVG"), OPTION_FLAG, offsetof(struct initctl, svg) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_graph = {
	.name = "graph",
	.group = GROUP_OTHER,
	.operands = "[JOB]...",
	.summary = N_("Draw what starts and stops jobs as a drawing."),
	.help = N_("As text for Graphviz, as a picture with --svg, or as lists of things and ties with --json. With "
		   "JOB: those "
		   "jobs and what they have to do with. In the picture jobs that run are green, those on their way "
		   "yellow."),
	.options = options,
	.run = run,
};
