/* SPDX-License-Identifier: MIT */
/*
 * A job can start if its conditions can come true: by events that somebody emits, by other jobs that can start, by
 * states that something provides. Without condition it is started by hand. The least solution is looked for: jobs that
 * only wait for each other can't.
 */
#include "initctl/check_graph.h"

#include <errno.h>
#include <string.h>

/* -- reading ----------------------------------------------------------------------------- */

static void
read_condition(const struct graph *g, struct graph_job *j, const char *what, char ***rpn, struct condition_tree *tree)
{
	char *const *const *nodes = (char *const *const *) rpn;
	int r = strcmp(what, "while") == 0 ? condition_tree_read_while(tree, nodes) : condition_tree_read(tree, nodes);

	if (r == -ENOMEM)
		tool_nomem();
	if (r == 0)
		return;
	tool_error(&g->ctl->tool, _("%s: init sent a %s condition that makes no sense"), j->job->name, what);
	j->damaged = true;
}

size_t
graph_find(const struct graph *g, const char *name)
{
	size_t low = 0, high = g->definitions->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(g->definitions->job[middle]->name, name);

		if (r == 0)
			return middle;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return g->definitions->n;
}

size_t
graph_state_job(const struct graph *g, const char *state, bool *plain)
{
	size_t found = graph_find(g, state);
	const char *slash = strrchr(state, '/');
	char *name auto_free = NULL;

	*plain = true;
	if (found < g->definitions->n || !slash || (strcmp(slash, "/done") != 0 && strcmp(slash, "/failed") != 0))
		return found;
	*plain = false;
	name = tool_must(strndup(state, (size_t) (slash - state)));
	return graph_find(g, name);
}

bool
graph_knows_state(const struct graph *g, const char *state)
{
	bool plain;

	/* Those of the system's init come over the event bridge. */
	return graph_state_job(g, state, &plain) < g->definitions->n || strcmp(state, "runlevel") == 0 ||
	       strncmp(state, ":sys:", 5) == 0 || g->known_state(state, g->data);
}

/* -- who needs whom -------------------------------------------------------------------------- */

/* What an allocation gave; does not return when that failed. */
static void *
must(void *p)
{
	if (!p)
		tool_nomem();
	return p;
}

static void
append(size_t **list, size_t *n, size_t value)
{
	size_t *p = *list;

	for (size_t i = 0; i < *n; i++)
		if (p[i] == value)
			return;
	/* Grown to powers of two. */
	if ((*n & (*n - 1)) == 0)
		p = must(reallocarray(p, *n ? 2 * *n : 1, sizeof(*p)));
	*list = p;
	p[(*n)++] = value;
}

/* The job a leaf is about; definitions->n: none. */
static size_t
leaf_job(const struct graph *g, const struct condition *leaf, bool of_states)
{
	size_t word;
	bool plain;
	const char *job;

	if (of_states)
		return graph_state_job(g, leaf->words[0], &plain);
	job = condition_job(leaf, &word);
	return job ? graph_find(g, job) : g->definitions->n;
}

struct linking {
	struct graph *graph;
	size_t job;
	bool of_states;
};

static void
link_cb(const struct condition *leaf, void *data)
{
	const struct linking *l = data;
	struct graph *g = l->graph;
	size_t other = leaf_job(g, leaf, l->of_states);

	if (other == g->definitions->n)
		return;
	append(&g->jobs[l->job].needs, &g->jobs[l->job].n_needs, other);
	append(&g->jobs[other].users, &g->jobs[other].n_users, l->job);
}

/* -- what can be ---------------------------------------------------------------------------------- */

/* Is a pattern text that only matches itself, and not nothing? */
static bool
is_plain(const char *pattern)
{
	return *pattern && !strpbrk(pattern, "*?[\\$");
}

char *
graph_never_matches(const struct graph *g, const struct condition *leaf)
{
	bool plain;
	size_t at = graph_state_job(g, leaf->words[0], &plain);
	const struct upstart_job *job = at < g->definitions->n ? g->definitions->job[at] : NULL;
	/* Of runlevel there are two variables; of foreign states nothing is known. */
	size_t known = !job ? 2 : plain ? strv_len(job->exports) + 1 : 1;

	if (!job && strcmp(leaf->words[0], "runlevel") != 0)
		return NULL;
	for (size_t i = 1; leaf->words[i]; i++) {
		size_t n = strcspn(leaf->words[i], "=!");
		char *key auto_free = NULL;

		if (!strchr(leaf->words[i], '=')) {
			if (i > known)
				return tool_must(str_printf("%s has only %zu variable%s", leaf->words[0], known,
							    known > 1 ? "s" : ""));
			continue;
		}
		key = tool_must(strndup(leaf->words[i], n));
		if (job && !*job->instance && strcmp(key, "INSTANCE") == 0 && leaf->words[i][n] == '=' &&
		    is_plain(leaf->words[i] + n + 1))
			return tool_must(str_printf("%s has a single instance without name", leaf->words[0]));
		if (job ? strcmp(key, "INSTANCE") == 0 || (plain && strv_has(job->exports, key))
			: strcmp(key, "RUNLEVEL") == 0 || strcmp(key, "PREVLEVEL") == 0)
			continue;
		return tool_must(
		    str_printf(job && plain ? "%s does not export %s" : "%s has no %s", leaf->words[0], key));
	}
	return NULL;
}

/* Is a leaf's event one that can come? */
static bool
event_can(const struct graph *g, const struct condition *leaf)
{
	size_t word;
	const char *job = condition_job(leaf, &word);
	size_t at;

	if (!job || job[0] == '$')
		return g->known_event(leaf->words[0], g->data);
	at = graph_find(g, job);
	return at < g->definitions->n && g->jobs[at].can;
}

static bool
events_can(const struct graph *g, const struct condition *c)
{
	switch (c->op) {
	case CONDITION_EVENT:
		return event_can(g, c);
	case CONDITION_AND:
		return events_can(g, c->left) && events_can(g, c->right);
	case CONDITION_OR:
		return events_can(g, c->left) || events_can(g, c->right);
	case CONDITION_NOT:
		break;
	}
	return false;
}

static bool
state_can(const struct graph *g, const struct condition *leaf, bool negated)
{
	char *never auto_free = negated ? NULL : graph_never_matches(g, leaf);
	bool plain;
	size_t at = graph_state_job(g, leaf->words[0], &plain);

	if (never || !graph_knows_state(g, leaf->words[0]))
		return false;
	return negated || at == g->definitions->n || g->jobs[at].can;
}

/* What is asked for the contrary is taken to be possible, as long as something is known of it. */
static bool
states_can(const struct graph *g, const struct condition *c, bool negated)
{
	switch (c->op) {
	case CONDITION_EVENT:
		return state_can(g, c, negated);
	case CONDITION_NOT:
		return states_can(g, c->right, !negated);
	case CONDITION_AND:
		return states_can(g, c->left, negated) && states_can(g, c->right, negated);
	case CONDITION_OR:
		break;
	}
	return states_can(g, c->left, negated) || states_can(g, c->right, negated);
}

static bool
start_can(const struct graph *g, const struct graph_job *j)
{
	return !j->start_on.root || events_can(g, j->start_on.root);
}

static bool
while_can(const struct graph *g, const struct graph_job *j)
{
	return !j->while_on.root || states_can(g, j->while_on.root, false);
}

/* From nothing upwards: whoever can start may let others start. */
static void
find_possible(struct graph *g)
{
	size_t n = g->definitions->n, todo = 0;
	size_t *list auto_free = calloc(n + 1, sizeof(*list));
	bool *listed auto_free = calloc(n + 1, sizeof(*listed));

	if (!list || !listed)
		tool_nomem();
	for (size_t i = n; i > 0; i--) {
		list[todo++] = i - 1;
		listed[i - 1] = true;
	}
	while (todo > 0) {
		struct graph_job *j = &g->jobs[list[--todo]];

		listed[list[todo]] = false;
		if (j->can || !start_can(g, j) || !while_can(g, j))
			continue;
		j->can = true;
		for (size_t i = 0; i < j->n_users; i++) {
			if (listed[j->users[i]])
				continue;
			listed[j->users[i]] = true;
			list[todo++] = j->users[i];
		}
	}
}

void
graph_init(struct graph *g, const struct initctl *ctl, const struct definitions *definitions,
	   graph_known_fn known_event, graph_known_fn known_state, void *data)
{
	*g = (struct graph){ ctl, definitions, NULL, known_event, known_state, data };
	g->jobs = calloc(definitions->n + 1, sizeof(*g->jobs));
	if (!g->jobs)
		tool_nomem();
	for (size_t i = 0; i < definitions->n; i++) {
		struct graph_job *j = &g->jobs[i];

		j->job = definitions->job[i];
		read_condition(g, j, "start", j->job->start_on, &j->start_on);
		read_condition(g, j, "stop", j->job->stop_on, &j->stop_on);
		read_condition(g, j, "while", j->job->while_on, &j->while_on);
	}
	for (size_t i = 0; i < definitions->n; i++) {
		struct linking events = { g, i, false }, states = { g, i, true };

		if (g->jobs[i].start_on.root)
			condition_visit(g->jobs[i].start_on.root, link_cb, &events);
		if (g->jobs[i].while_on.root)
			condition_visit(g->jobs[i].while_on.root, link_cb, &states);
	}
	find_possible(g);
}

void
graph_deinit(struct graph *g)
{
	for (size_t i = 0; g->jobs && i < g->definitions->n; i++) {
		condition_tree_deinit(&g->jobs[i].start_on);
		condition_tree_deinit(&g->jobs[i].stop_on);
		condition_tree_deinit(&g->jobs[i].while_on);
		free(g->jobs[i].needs);
		free(g->jobs[i].users);
	}
	free(g->jobs);
	g->jobs = NULL;
}

/* -- circles ------------------------------------------------------------------------------------------ */

/* A search for the shortest way from a job back to itself; a place is a job, and whether the way there is odd. */
struct search {
	const struct graph *graph;
	size_t *from;  /* per place the one before it, + 1; 0: not reached */
	bool *negated; /* per place: was the last step one of a `not`? */
	size_t *queue;
	size_t head, tail;
	size_t at;	 /* the place that is looked at */
	bool odd_counts; /* a way with an odd number of `not`s is another */
	bool hopeless;	 /* only over jobs that can't start */
};

static void
search_init(struct search *s, const struct graph *g)
{
	size_t n = 2 * g->definitions->n + 1;

	*s = (struct search){ .graph = g };
	s->from = calloc(n, sizeof(*s->from));
	s->negated = calloc(n, sizeof(*s->negated));
	s->queue = calloc(n, sizeof(*s->queue));
	if (!s->from || !s->negated || !s->queue)
		tool_nomem();
}

static void
search_deinit(struct search *s)
{
	free(s->from);
	free(s->negated);
	free(s->queue);
}

static void
reach(struct search *s, size_t job, bool negated)
{
	size_t place = 2 * job + (s->odd_counts ? (s->at & 1) ^ negated : 0);

	if (job == s->graph->definitions->n || s->from[place] || (s->hopeless && (negated || s->graph->jobs[job].can)))
		return;
	s->from[place] = s->at + 1;
	s->negated[place] = negated;
	s->queue[s->tail++] = place;
}

static void
reach_states(struct search *s, const struct condition *c, bool negated)
{
	bool plain;
	size_t job;

	if (c->op == CONDITION_EVENT) {
		job = graph_state_job(s->graph, c->words[0], &plain);
		if (plain || s->hopeless)
			reach(s, job, negated);
		return;
	}
	if (c->left)
		reach_states(s, c->left, negated);
	reach_states(s, c->right, negated ^ (c->op == CONDITION_NOT));
}

static void
reach_cb(const struct condition *leaf, void *data)
{
	struct search *s = data;

	reach(s, leaf_job(s->graph, leaf, false), false);
}

static void
reach_all(struct search *s)
{
	const struct graph_job *j = &s->graph->jobs[s->at / 2];

	if (j->start_on.root && s->hopeless && !start_can(s->graph, j))
		condition_visit(j->start_on.root, reach_cb, s);
	if (j->while_on.root && (!s->hopeless || !while_can(s->graph, j)))
		reach_states(s, j->while_on.root, false);
}

/* The names along the way that ends in `place`. */
static char *
way_to(const struct search *s, size_t place, size_t begin)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;
	size_t *steps auto_free = must(calloc(s->tail + 2, sizeof(*steps)));
	size_t n = 0;

	do {
		steps[n++] = place;
		place = s->from[place] - 1;
	} while (place != begin);
	strbuf_add(&b, s->graph->definitions->job[begin / 2]->name);
	for (; n > 0; n--)
		strbuf_addf(&b, ", %s%s", s->negated[steps[n - 1]] ? "not " : "",
			    s->graph->definitions->job[steps[n - 1] / 2]->name);
	return tool_must(strbuf_steal(&b));
}

/* The shortest way from a job to the place `end`; owned; NULL: there is none. */
static char *
find_way(struct search *s, size_t job, size_t end)
{
	s->at = 2 * job;
	reach_all(s);
	while (!s->from[end] && s->head < s->tail) {
		s->at = s->queue[s->head++];
		/* The beginning has been looked at. */
		if (s->at != 2 * job)
			reach_all(s);
	}
	return s->from[end] ? way_to(s, end, 2 * job) : NULL;
}

char *
graph_circle(const struct graph *g, size_t job, const char **what)
{
	struct search s;
	char *way;

	*what = start_can(g, &g->jobs[job]) ? "while" : "start on";
	if (g->jobs[job].can)
		return NULL;
	search_init(&s, g);
	s.hopeless = true;
	way = find_way(&s, job, 2 * job);
	search_deinit(&s);
	return way;
}

struct hopeless {
	const struct graph *graph;
	const char *name;
};

static void
hopeless_event_cb(const struct condition *leaf, void *data)
{
	struct hopeless *h = data;
	size_t job = leaf_job(h->graph, leaf, false);

	if (!h->name && job < h->graph->definitions->n && !h->graph->jobs[job].can)
		h->name = h->graph->definitions->job[job]->name;
}

static void
hopeless_state_cb(const struct condition *leaf, void *data)
{
	struct hopeless *h = data;
	size_t job = leaf_job(h->graph, leaf, true);

	if (!h->name && job < h->graph->definitions->n && !h->graph->jobs[job].can)
		h->name = h->graph->definitions->job[job]->name;
}

const char *
graph_hopeless(const struct graph *g, size_t job, const char **what)
{
	const struct graph_job *j = &g->jobs[job];
	struct hopeless h = { g, NULL };

	if (!start_can(g, j)) {
		*what = "start on";
		condition_visit(j->start_on.root, hopeless_event_cb, &h);
	} else if (!while_can(g, j)) {
		*what = "while";
		condition_visit(j->while_on.root, hopeless_state_cb, &h);
	}
	return h.name;
}

char *
graph_contradiction(const struct graph *g, size_t job)
{
	struct search s;
	char *way;

	if (!g->jobs[job].while_on.root)
		return NULL;
	search_init(&s, g);
	s.odd_counts = true;
	way = find_way(&s, job, 2 * job + 1);
	search_deinit(&s);
	return way;
}
