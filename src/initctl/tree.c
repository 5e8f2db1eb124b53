/* SPDX-License-Identifier: MIT */
/*
 * initctl tree: under each event, state and job what it starts. A thing has its branches where it is met first; deeper
 * in, or elsewhere, it is only named. So circles end too.
 */
#include <langinfo.h>
#include <string.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/instances.h"
#include "initctl/json.h"
#include "initctl/relations.h"
#include "initctl/status_line.h"
#include "initctl/suggest.h"

#define DEPTH_MAX 100 /* more is said to be there, not shown */

struct tree {
	struct initctl *ctl;
	const struct relations *relations;
	bool *shown;	   /* owned; of each thing: it has been met */
	size_t *stack;	   /* owned; room for all things */
	struct strbuf out; /* of text */
	struct strbuf indent;
	int status;
	const char *branch, *last, *along, *blank; /* what lines begin with */
};

static bool
is_shown_tie(const struct tie *tie)
{
	return tie->kind != TIE_STOP;
}

/* The ties of a thing that are shown, from *i on; NULL: no more. */
static const struct tie *
next_tie(const struct tree *tree, size_t thing, size_t *i)
{
	const struct relations *r = tree->relations;

	while (*i < r->n_ties && r->ties[*i].from == thing) {
		const struct tie *tie = &r->ties[(*i)++];

		if (is_shown_tie(tie))
			return tie;
	}
	return NULL;
}

/* -- one thing -------------------------------------------------------------------- */

static void
read_instances(struct tree *tree, const char *job, struct instances *instances)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *path auto_free = NULL;
	int r = upstart_get_job(tree->ctl->upstart, job, &path, &err);

	if (r == 0)
		r = instances_read(instances, tree->ctl->upstart, path, &err);
	if (r < 0 && !upstart_error_is(&err, UPSTART_ERROR_GONE) &&
	    !upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_JOB) && tree->status == EXIT_SUCCESS)
		tree->status = initctl_failed(tree->ctl, &err);
	upstart_error_clear(&err);
}

/* How it hangs below what stands above it, unless that is plain: the event `name`, and nothing more. */
static void
add_how(struct strbuf *b, const struct tie *tie, const char *name)
{
	if (!tie || tie->kind == TIE_EMITS || (tie->kind == TIE_START && strcmp(tie->how, name) == 0))
		return;
	strbuf_add(b, tie->kind == TIE_WHILE ? "  [while " : "  [on ");
	tool_add_visible(b, tie->how);
	strbuf_addc(b, ']');
}

static void
add_instance(struct tree *tree, const char *job, const struct upstart_instance *instance, bool more)
{
	char *text auto_free = status_line_format(job, instance);

	strbuf_addf(&tree->out, "%s%s", tree->indent.p ? tree->indent.p : "", more ? tree->along : tree->blank);
	text[strcspn(text, "\n")] = '\0';
	tool_add_visible(&tree->out, text + strlen(job) + 1);
	strbuf_addc(&tree->out, '\n');
}

static void
add_job_line(struct tree *tree, const char *job, const struct tie *tie, const char *above, bool again, bool more)
{
	struct instances instances auto_instances = INSTANCES_INIT;
	char *text auto_free = NULL;

	if (!again)
		read_instances(tree, job, &instances);
	if (again || (instances.n > 0 && *instances.p[0]->name != '\0')) {
		tool_add_visible(&tree->out, job);
	} else {
		text = status_line_format(job, instances.n > 0 ? instances.p[0] : NULL);
		text[strcspn(text, "\n")] = '\0';
		tool_add_visible(&tree->out, text);
	}
	add_how(&tree->out, tie, above);
	strbuf_add(&tree->out, again ? "  (above)\n" : "\n");
	for (size_t i = 0; !again && i < instances.n && *instances.p[i]->name != '\0'; i++)
		add_instance(tree, job, instances.p[i], more);
}

/* -- as text ----------------------------------------------------------------------- */

static void
add_thing(struct tree *tree, size_t place, const struct tie *tie, const char *above, unsigned int depth)
{
	const struct thing *thing = &tree->relations->things[place];
	bool again = tree->shown[place];
	size_t i = relations_first(tree->relations, place), length = tree->indent.len;
	const struct tie *child = next_tie(tree, place, &i);

	tree->shown[place] = true;
	if (thing->kind == THING_JOB) {
		add_job_line(tree, thing->name, tie, above, again, child != NULL);
	} else {
		tool_add_visible(&tree->out, thing->name);
		if (thing->kind == THING_STATE)
			strbuf_add(&tree->out, _(" (state)"));
		add_how(&tree->out, tie, thing->name);
		strbuf_add(&tree->out, again && child ? "  (above)\n" : "\n");
	}
	while (!again && child != NULL) {
		const struct tie *after = next_tie(tree, place, &i);

		strbuf_addf(&tree->out, "%s%s", tree->indent.p ? tree->indent.p : "",
			    after ? tree->branch : tree->last);
		if (depth >= DEPTH_MAX) {
			strbuf_add(&tree->out, _("... too deep, see `initctl tree "));
			tool_add_visible(&tree->out, thing->name);
			strbuf_add(&tree->out, "'\n");
			return;
		}
		strbuf_add(&tree->indent, after ? tree->along : tree->blank);
		add_thing(tree, child->to, child, thing->kind == THING_JOB ? "" : thing->name, depth + 1);
		if (tree->indent.failed || tree->out.failed)
			tool_nomem();
		tree->indent.len = length;
		tree->indent.p[length] = '\0';
		child = after;
	}
}

/* -- as JSON ------------------------------------------------------------------------ */

static json_t *
thing_json(struct tree *tree, size_t place, const struct tie *tie, unsigned int depth)
{
	static const char *const ties[TIE_KIND_COUNT] = { "start", "stop", "while", "emits" };
	const struct thing *thing = &tree->relations->things[place];
	json_t *object = json_object(), *children = json_array(), *list;
	bool again = tree->shown[place];
	size_t i = relations_first(tree->relations, place);
	const struct tie *child;

	tree->shown[place] = true;
	json_put(object, "kind", json_text(relations_kind(thing->kind)));
	json_put(object, "name", json_text(thing->name));
	json_put(object, "tie", json_text(tie ? ties[tie->kind] : NULL));
	json_put(object, "how", json_text(tie && *tie->how ? tie->how : NULL));
	json_put(object, "above", json_boolean(again));
	if (thing->kind == THING_JOB) {
		struct instances instances auto_instances = INSTANCES_INIT;

		list = json_array();
		if (!again)
			read_instances(tree, thing->name, &instances);
		for (size_t j = 0; j < instances.n; j++)
			if (json_array_append_new(list, json_status(thing->name, instances.p[j])) < 0)
				tool_nomem();
		json_put(object, "instances", list);
	}
	while (!again && depth < DEPTH_MAX && (child = next_tie(tree, place, &i)) != NULL)
		if (json_array_append_new(children, thing_json(tree, child->to, child, depth + 1)) < 0)
			tool_nomem();
	json_put(object, "children", children);
	json_put(object, "cut", json_boolean(!again && depth >= DEPTH_MAX && next_tie(tree, place, &i) != NULL));
	return object;
}

/* -- where it begins ------------------------------------------------------------------ */

/* Mark a thing and all that it leads to. */
static void
mark(const struct tree *tree, bool *reached, size_t place)
{
	size_t n = 0;

	reached[place] = true;
	tree->stack[n++] = place;
	while (n > 0) {
		size_t from = tree->stack[--n], i = relations_first(tree->relations, from);
		const struct tie *tie;

		while ((tie = next_tie(tree, from, &i)) != NULL) {
			if (!reached[tie->to])
				tree->stack[n++] = tie->to;
			reached[tie->to] = true;
		}
	}
}

static int
compare_things(const void *a, const void *b)
{
	return strcmp((*(const struct thing *const *) a)->name, (*(const struct thing *const *) b)->name);
}

/* What nothing starts, events and states before jobs; then of circles that nothing enters their first job. */
static size_t
find_roots(const struct tree *tree, size_t jobs, const struct thing **roots)
{
	const struct relations *r = tree->relations;
	bool *reached = calloc(r->n + 1, sizeof(*reached)), *entered = calloc(r->n + 1, sizeof(*entered));
	size_t n = 0;

	if (!reached || !entered)
		tool_nomem();
	for (size_t i = 0; i < r->n_ties; i++)
		if (is_shown_tie(&r->ties[i]))
			entered[r->ties[i].to] = true;
	/* What only stops jobs leads nowhere. */
	for (size_t i = jobs; i < r->n; i++) {
		size_t first = relations_first(r, i);

		if (!entered[i] && next_tie(tree, i, &first))
			roots[n++] = &r->things[i];
	}
	qsort(roots, n, sizeof(const struct thing *), compare_things);
	for (size_t i = 0; i < jobs; i++)
		if (!entered[i])
			roots[n++] = &r->things[i];
	for (size_t i = 0; i < n; i++)
		mark(tree, reached, (size_t) (roots[i] - r->things));
	for (size_t i = 0; i < jobs; i++) {
		if (reached[i])
			continue;
		roots[n++] = &r->things[i];
		mark(tree, reached, i);
	}
	free(reached);
	free(entered);
	return n;
}

static void
choose_lines(struct tree *tree)
{
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

	tree->branch = utf8 ? "├─ " : "|- ";
	tree->last = utf8 ? "└─ " : "`- ";
	tree->along = utf8 ? "│  " : "|  ";
	tree->blank = "   ";
}

static int
show(struct tree *tree, const struct thing *const *roots, size_t n)
{
	json_t *all = tree->ctl->json ? json_array() : NULL;

	for (size_t i = 0; i < n; i++) {
		size_t place = (size_t) (roots[i] - tree->relations->things);

		if (!all)
			add_thing(tree, place, NULL, "", 0);
		else if (json_array_append_new(all, thing_json(tree, place, NULL, 0)) < 0)
			tool_nomem();
	}
	if (tree->out.failed)
		tool_nomem();
	if (all)
		json_show(&tree->ctl->tool, all);
	else
		tool_print(&tree->ctl->tool, "%s", tree->out.p ? tree->out.p : "");
	return tree->status;
}

static int
unknown(struct initctl *ctl, const char *name)
{
	tool_error(&ctl->tool, _("Unknown job or event: %s"), name);
	suggest_job(ctl, name);
	return EXIT_FAILURE;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct relations relations auto_relations = RELATIONS_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct tree tree = { .ctl = ctl, .relations = &relations };
	const struct thing **roots;
	size_t n = 1, place = 0;
	int status;

	if (ctl->reverse && !operands[0])
		return tool_misuse(&ctl->tool, _("missing job name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (definitions_read(&definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	relations_read(&relations, ctl, &definitions);
	if (ctl->reverse)
		relations_reverse(&relations);
	tree.shown = calloc(relations.n + 1, sizeof(*tree.shown));
	tree.stack = calloc(relations.n + 1, sizeof(*tree.stack));
	roots = calloc(relations.n + 1, sizeof(const struct thing *));
	if (!tree.shown || !tree.stack || !roots)
		tool_nomem();
	choose_lines(&tree);
	if (operands[0])
		place = relations_find(&relations, operands[0]);
	else
		n = find_roots(&tree, definitions.n, roots);
	if (operands[0])
		roots[0] = &relations.things[place];
	status = operands[0] && place == relations.n ? unknown(ctl, operands[0]) : show(&tree, roots, n);
	free(tree.shown);
	free(tree.stack);
	free((void *) roots);
	strbuf_deinit(&tree.out);
	strbuf_deinit(&tree.indent);
	return status;
}

static const struct option_spec options[] = {
	{ 'r', "reverse", NULL, N_("show what starts NAME instead of what it starts"), OPTION_FLAG,
	  offsetof(struct initctl, reverse) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_tree = {
	.name = "tree",
	.group = GROUP_JOB,
	.operands = "[NAME]",
	.summary = N_("Show which events, states and jobs start which jobs, as a tree."),
	.help =
	    N_("Below an event or a state are the jobs that wait for it, below a job those that wait for it and the "
	       "events it emits, each job with its status. What has been shown further up is only named. NAME, of "
	       "a job, event or state, shows that part alone."),
	.options = options,
	.run = run,
};
