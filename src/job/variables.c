/* SPDX-License-Identifier: MIT */
/*
 * $VARIABLES of a `while` that nothing binds. A term binds the variables it names, whatever more its states may have:
 * that is all a file can tell.
 */
#include "job/variables.h"

#include <errno.h>
#include <string.h>

#define NODES_MAX 512 /* of longer expressions nothing is said: they never hold */
#define NAMES_MAX 32  /* of one argument */

void
variables_deinit(struct variables *variables)
{
	free(variables->v);
	*variables = (struct variables){ 0 };
}

int
variables_add(struct variables *variables, const struct variable_place *place)
{
	if (variables->v == NULL)
		variables->v = calloc(VARIABLE_PLACES_MAX, sizeof(*variables->v));
	if (variables->v == NULL)
		return -ENOMEM;
	if (variables->n < VARIABLE_PLACES_MAX)
		variables->v[variables->n++] = *place;
	return 0;
}

/* Behind the "}" that ends what a "${" has begun, `p` being behind that; NULL: there is none. */
static const char *
brace_end(const char *p)
{
	size_t depth = 1;

	while (*p != '\0' && depth > 0) {
		if (p[0] == '$' && p[1] == '{') {
			depth++;
			p++;
		} else if (*p == '}') {
			depth--;
		}
		p++;
	}
	return depth == 0 ? p : NULL;
}

bool
variables_braces_match(const char *text)
{
	while (text != NULL && (text = strstr(text, "${")) != NULL) {
		text = brace_end(text + 2);
		if (text == NULL)
			return false;
	}
	return true;
}

bool
variables_is_given(struct span name)
{
	return span_is(name, "PATH") || span_is(name, "TERM") || (name.n > 8 && strncmp(name.p, "UPSTART_", 8) == 0);
}

/*
 * The next variable without which the text can't be expanded, from *p, which moves on; n = 0: no more. One that has an
 * alternative, and one whose name is made of others, are none.
 */
static struct span
next_needed(const char **p)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	struct span name = { NULL, 0 };

	while (name.n == 0 && *p != NULL && (*p = strchr(*p, '$')) != NULL) {
		bool braced = (*p)[1] == '{';

		name.p = *p + (braced ? 2 : 1);
		name.n = braced ? strcspn(name.p, "}:-+$") : strspn(name.p, letters);
		if (!braced && *name.p >= '0' && *name.p <= '9')
			name.n = 0;
		if (braced && name.p[name.n] != '}')
			name.n = 0;
		*p = braced ? brace_end(name.p) : name.p + name.n;
	}
	return name;
}

/* -- what binds ---------------------------------------------------------------------------- */

static bool
names_have(char *const *v, struct span name)
{
	for (; v != NULL && *v != NULL; v++)
		if (strncmp(*v, name.p, name.n) == 0 && ((*v)[name.n] == '=' || (*v)[name.n] == '\0'))
			return true;
	return false;
}

/* Has a state that matches the term that variable for sure? Of a job it is always the instance. */
static bool
term_binds(const struct condition_node *node, struct span name)
{
	if (span_is(name, "INSTANCE"))
		return true;
	if (strcmp(node->name, "runlevel") == 0 && (span_is(name, "RUNLEVEL") || span_is(name, "PREVLEVEL")))
		return true;
	for (char *const *arg = node->args; arg != NULL && *arg != NULL; arg++)
		if (strncmp(*arg, name.p, name.n) == 0 &&
		    ((*arg)[name.n] == '=' || ((*arg)[name.n] == '!' && (*arg)[name.n + 1] == '=')))
			return true;
	return false;
}

/* Per node: has each of its bindings that variable? Children come before parents. */
static void
find_binding(const struct condition *cond, struct span name, bool *binds)
{
	for (int i = 0; i < cond->n_nodes; i++) {
		const struct condition_node *node = &cond->nodes[i];

		switch (node->type) {
		case CONDITION_MATCH:
			binds[i] = term_binds(node, name);
			break;
		case CONDITION_AND:
			binds[i] = binds[node->left] || binds[node->right];
			break;
		case CONDITION_OR:
			binds[i] = binds[node->left] && binds[node->right];
			break;
		case CONDITION_NOT:
			binds[i] = false;
			break;
		}
	}
}

/* Is there something to the left of a node that has always bound it? */
static bool
is_bound_at(const struct condition *cond, int at, const bool *binds)
{
	for (int up = cond->nodes[at].parent; up >= 0; at = up, up = cond->nodes[at].parent)
		if (cond->nodes[up].type == CONDITION_AND && cond->nodes[up].right == at && binds[cond->nodes[up].left])
			return true;
	return false;
}

static bool
file_gives(const struct job_class *cls, struct span name)
{
	return variables_is_given(name) || names_have(cls->env, name) || names_have(cls->import, name) ||
	       names_have(cls->export, name);
}

/* Who starts the job by hand is told by its `instance` what to give. */
static bool
instance_names(const struct job_class *cls, struct span name)
{
	const char *p = cls->instance;
	struct span other;

	for (size_t i = 0; i < NAMES_MAX && (other = next_needed(&p)).n > 0; i++)
		if (other.n == name.n && strncmp(other.p, name.p, name.n) == 0)
			return true;
	return false;
}

/* -- telling --------------------------------------------------------------------------------- */

struct check {
	const struct job_class *cls;
	struct parse_report *report;
};

/* `node` is -1 for the name of the instance, in which all is known that the expression binds. */
static int
check_text(const struct check *c, const struct variable_place *place, const char *text, int node)
{
	const struct condition *cond = c->cls->while_on;
	bool binds[NODES_MAX];
	struct span name;
	int r = 0;

	for (size_t i = 0; r == 0 && i < NAMES_MAX && (name = next_needed(&text)).n > 0; i++) {
		const struct parse_fault fault = { .kind = FAULT_UNBOUND_VARIABLE, .at = place->at, .word = name };

		find_binding(cond, name, binds);
		if (file_gives(c->cls, name) || (node >= 0 && instance_names(c->cls, name)) ||
		    (node < 0 ? binds[cond->n_nodes - 1] : is_bound_at(cond, node, binds)))
			continue;
		r = report_add(c->report, place->path, &fault);
	}
	return r;
}

int
variables_check(const struct variables *variables, const struct job_class *cls, struct parse_report *report)
{
	const struct condition *cond = cls->while_on;
	const struct check c = { cls, report };
	int r = 0;

	if (cond == NULL || cond->n_nodes > NODES_MAX || cls->start_on != NULL || cls->manual || cls->usage != NULL)
		return 0;
	for (size_t i = 0; r == 0 && i < variables->n; i++) {
		const struct variable_place *place = &variables->v[i];
		int node = cond->leaves[place->leaf];
		const char *arg = cond->nodes[node].args[place->arg];
		const char *equals = strchr(arg, '=');

		r = check_text(&c, place, equals != NULL ? equals + 1 : arg, node);
	}
	if (r == 0 && variables->instance.path != NULL)
		r = check_text(&c, &variables->instance, cls->instance, -1);
	return r;
}
