/* SPDX-License-Identifier: MIT */
/*
 * Reading definitions into nodes and ties. Things are found by a key, one letter of kind and the name.
 */
#include "initctl/relations.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "common/map.h"
#include "common/str.h"
#include "initctl/condition.h"

struct reading {
	struct relations *relations; /* borrowed */
	const struct definitions *definitions;
	const struct initctl *ctl;
	struct map index; /* key to place + 1 */
	size_t job;	  /* whose definition is read */
	enum tie_kind kind;
};

static size_t
thing_of(struct reading *reading, enum thing_kind kind, const char *name, const struct upstart_job *job)
{
	struct relations *r = reading->relations;
	char *key auto_free = tool_must(str_printf("%c%s", "jes"[kind], name));
	uintptr_t known = (uintptr_t) map_get(&reading->index, key);
	struct thing *grown;

	if (known > 0)
		return (size_t) known - 1;
	grown = reallocarray(r->things, r->n + 1, sizeof(*grown));
	if (!grown)
		tool_nomem();
	r->things = grown;
	r->things[r->n] = (struct thing){ kind, name, job };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a place, not an address */
	if (map_put(&reading->index, key, (void *) (uintptr_t) (r->n + 1)) < 0)
		tool_nomem();
	return r->n++;
}

/* `how` goes to the tie. */
static void
tie(struct reading *reading, enum tie_kind kind, size_t from, size_t to, char *how)
{
	struct relations *r = reading->relations;
	struct tie *grown = reallocarray(r->ties, r->n_ties + 1, sizeof(*grown));

	if (!grown)
		tool_nomem();
	r->ties = grown;
	r->ties[r->n_ties++] = (struct tie){ kind, from, to, NULL, tool_must(how) };
}

/* Where a job of that name stands: jobs come first, in the order of the definitions. */
static bool
find_job(const struct reading *reading, const char *name, size_t *place)
{
	char *key auto_free = tool_must(str_printf("j%s", name));
	uintptr_t known = (uintptr_t) map_get(&reading->index, key);

	*place = (size_t) known - 1;
	return known > 0;
}

/* The job whose state it is: "bar", "bar/done" and "bar/failed" are of bar. */
static bool
find_job_of_state(const struct reading *reading, const char *state, size_t *place)
{
	const char *slash = strrchr(state, '/');
	char *name auto_free = NULL;

	if (find_job(reading, state, place))
		return true;
	if (!slash || (strcmp(slash, "/done") != 0 && strcmp(slash, "/failed") != 0))
		return false;
	name = tool_must(strndup(state, (size_t) (slash - state)));
	return find_job(reading, name, place);
}

static void
event_cb(const struct condition *leaf, void *data)
{
	struct reading *reading = data;
	size_t from, word = 0;
	const char *job = condition_job(leaf, &word);

	if (!job || !find_job(reading, job, &from))
		from = thing_of(reading, THING_EVENT, leaf->words[0], NULL);
	tie(reading, reading->kind, from, reading->job, strv_join(leaf->words, " "));
}

/* The terms of a `while`, from left to right. */
static void
read_terms(struct reading *reading, const struct condition *condition, bool negated)
{
	struct strbuf how auto_strbuf = STRBUF_INIT;
	char *words auto_free = NULL;
	size_t from;

	if (condition->op != CONDITION_EVENT) {
		if (condition->left)
			read_terms(reading, condition->left, negated);
		read_terms(reading, condition->right, condition->op == CONDITION_NOT ? !negated : negated);
		return;
	}
	if (!find_job_of_state(reading, condition->words[0], &from))
		from = thing_of(reading, THING_STATE, condition->words[0], NULL);
	words = tool_must(strv_join(condition->words, " "));
	strbuf_addf(&how, "%s%s", negated ? "not " : "", words);
	tie(reading, TIE_WHILE, from, reading->job, strbuf_steal(&how));
}

static void
read_condition(struct reading *reading, enum tie_kind kind, const char *what, char ***rpn)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	char *const *const *words = (char *const *const *) rpn;
	int r = kind == TIE_WHILE ? condition_tree_read_while(&tree, words) : condition_tree_read(&tree, words);

	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0)
		tool_warn(&reading->ctl->tool, _("%s: init sent a %s condition that makes no sense"),
			  reading->relations->things[reading->job].name, what);
	if (r < 0 || !tree.root)
		return;
	reading->kind = kind;
	if (kind == TIE_WHILE)
		read_terms(reading, tree.root, false);
	else
		condition_visit(tree.root, event_cb, reading);
}

/* The events that a job says it emits. */
static void
read_emits(struct reading *reading, size_t job, size_t last)
{
	char *const *emits = reading->relations->things[job].job->emits;

	for (; *emits; emits++) {
		bool any = false;

		for (size_t i = reading->definitions->n; i < last; i++) {
			const struct thing *thing = &reading->relations->things[i];

			if (thing->kind != THING_EVENT || fnmatch(*emits, thing->name, 0) != 0)
				continue;
			tie(reading, TIE_EMITS, job, i, strdup(""));
			any = true;
		}
		if (!any)
			tie(reading, TIE_EMITS, job, thing_of(reading, THING_EVENT, *emits, NULL), strdup(""));
	}
}

/* -- order ---------------------------------------------------------------------- */

static int
compare_sizes(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare(const void *a, const void *b)
{
	const struct tie *x = a, *y = b;
	int r = compare_sizes(x->from, y->from);

	if (r == 0)
		r = compare_sizes(x->kind, y->kind);
	if (r == 0)
		r = strcmp(x->name, y->name);
	if (r == 0)
		r = compare_sizes(x->to, y->to);
	return r ? r : strcmp(x->how, y->how);
}

static void
sort(struct relations *r)
{
	for (size_t i = 0; i < r->n_ties; i++)
		r->ties[i].name = r->things[r->ties[i].to].name;
	if (r->n_ties > 0)
		qsort(r->ties, r->n_ties, sizeof(*r->ties), compare);
}

void
relations_read(struct relations *relations, const struct initctl *ctl, const struct definitions *definitions)
{
	struct reading reading = { .relations = relations, .definitions = definitions, .ctl = ctl };
	size_t last;

	for (size_t i = 0; i < definitions->n; i++)
		(void) thing_of(&reading, THING_JOB, definitions->job[i]->name, definitions->job[i]);
	for (size_t i = 0; i < definitions->n; i++) {
		reading.job = i;
		read_condition(&reading, TIE_START, "start", definitions->job[i]->start_on);
		read_condition(&reading, TIE_STOP, "stop", definitions->job[i]->stop_on);
		read_condition(&reading, TIE_WHILE, "while", definitions->job[i]->while_on);
	}
	last = relations->n;
	for (size_t i = 0; i < definitions->n; i++)
		read_emits(&reading, i, last);
	map_deinit(&reading.index);
	sort(relations);
}

void
relations_deinit(struct relations *relations)
{
	for (size_t i = 0; i < relations->n_ties; i++)
		free(relations->ties[i].how);
	free(relations->ties);
	free(relations->things);
	*relations = (struct relations) RELATIONS_INIT;
}

void
relations_reverse(struct relations *relations)
{
	for (size_t i = 0; i < relations->n_ties; i++) {
		struct tie *t = &relations->ties[i];
		size_t from = t->from;

		t->from = t->to;
		t->to = from;
	}
	sort(relations);
}

size_t
relations_first(const struct relations *relations, size_t thing)
{
	size_t low = 0, high = relations->n_ties;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (relations->ties[middle].from < thing)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t
relations_find(const struct relations *relations, const char *name)
{
	for (size_t i = 0; i < relations->n; i++) {
		if (strcmp(relations->things[i].name, name) == 0)
			return i;
	}
	return relations->n;
}

const char *
relations_kind(enum thing_kind kind)
{
	static const char *const names[] = { [THING_JOB] = "job", [THING_EVENT] = "event", [THING_STATE] = "state" };

	return names[kind];
}
