/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "initctl/check_graph.h"
#include "initctl/check_suggest.h"
#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/why.h"
#include "schedule/schedule.h"

/*
 * Purely on our side: init takes any condition, since the event may be emitted by a program. Here an event counts as
 * known when some job says that it emits it, when init itself does, or when the user says so.
 */
struct check {
	const struct initctl *ctl;
	const struct definitions *definitions;
	const struct upstart_job *job; /* looked at now */
	struct graph graph;
	const char *what;      /* "start on", "stop on" or "while" */
	bool of_states;	       /* it is the last */
	bool named;	       /* its name has been printed */
	json_t *faults, *jobs; /* borrowed: with --json what is found goes there; else NULL */
};

static void
append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		tool_nomem();
}

/* The same as tell(), for programs: `text` is one of the job's complaints. */
static void
note(struct check *check, const char *text)
{
	json_t *job;

	if (!check->named) {
		job = json_object();
		json_put(job, "job", json_text(check->job->name));
		json_put(job, "complaints", json_array());
		append(check->jobs, job);
	}
	job = json_array_get(check->jobs, json_array_size(check->jobs) - 1);
	append(json_object_get(job, "complaints"), json_text(text));
	check->named = true;
}

/* Print a line about the job, under its name. */
static void printf_like(2, 3) tell(struct check *check, const char *fmt, ...)
{
	char *text auto_free = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		tool_nomem();
	va_end(args);
	if (check->jobs) {
		note(check, text);
		return;
	}
	if (!check->named)
		tool_print(&check->ctl->tool, "%s\n", check->job->name);
	check->named = true;
	tool_print(&check->ctl->tool, "  %s\n", text);
}

/* Is `event` one of the comma-separated names? */
static bool
is_listed(const char *list, const char *event)
{
	size_t length = strlen(event);

	for (;;) {
		size_t n = strcspn(list, ",");

		if (n == length && strncmp(list, event, n) == 0)
			return true;
		if (!list[n])
			return false;
		list += n + 1;
	}
}

/* Does a job say that it emits it, or the user? */
static bool
is_declared(const char *name, void *data)
{
	const struct check *check = data;
	const struct initctl *ctl = check->ctl;

	for (size_t i = 0; ctl->ignore_events && ctl->ignore_events[i]; i++) {
		if (is_listed(ctl->ignore_events[i], name))
			return true;
	}
	for (size_t i = 0; i < check->definitions->n; i++) {
		for (char **emits = check->definitions->job[i]->emits; *emits; emits++) {
			if (fnmatch(*emits, name, 0) == 0)
				return true;
		}
	}
	return false;
}

static bool
is_known_event(const char *event, void *data)
{
	static const char *const builtin[] = { "startup", "emergency", "debug", "control-alt-delete", "keyboard-request",
					       "power-status-changed" };
	const struct check *check = data;

	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
		if (strcmp(event, builtin[i]) == 0)
			return true;
	}
	if (condition_is_job_event(event) || (initctl_is_user(check->ctl) && strcmp(event, "session-end") == 0))
		return true;
	return is_declared(event, data);
}

/* What is wrong with an event, as text; NULL when nothing is. Owned. */
static char *
event_fault(struct check *check, const struct condition *leaf)
{
	size_t word;
	const char *job = condition_job(leaf, &word);

	if (!is_known_event(leaf->words[0], check))
		return tool_must(str_printf("unknown event %s", leaf->words[0]));
	if (job && job[0] != '$' && !definitions_find(check->definitions, job))
		return tool_must(str_printf("unknown job %s", job));
	return NULL;
}

/* The same with a state. That one never holds does no harm where it is not to. */
static char *
state_fault(const struct check *check, const struct condition *leaf, bool negated)
{
	struct strbuf text auto_strbuf = STRBUF_INIT;
	char *why auto_free = NULL;

	if (!graph_knows_state(&check->graph, leaf->words[0]))
		return tool_must(str_printf("unknown state %s", leaf->words[0]));
	why = negated ? NULL : graph_never_matches(&check->graph, leaf);
	if (!why)
		return NULL;
	condition_format(leaf, &text);
	if (text.failed)
		tool_nomem();
	return tool_must(str_printf("`%s' never holds: %s", text.p, why));
}

static char *
fault(struct check *check, const struct condition *leaf, bool negated)
{
	return check->of_states ? state_fault(check, leaf, negated) : event_fault(check, leaf);
}

/* Can it come true? With -w an OR has to in both its parts. */
static bool
evaluate(struct check *check, struct condition *c, bool negated)
{
	char *text auto_free = NULL;
	bool left, right;

	if (c->op == CONDITION_EVENT) {
		text = fault(check, c, negated);
		c->value = !text;
		return c->value;
	}
	negated ^= c->op == CONDITION_NOT;
	left = !c->left || evaluate(check, c->left, negated);
	right = evaluate(check, c->right, negated);
	c->value = c->op != CONDITION_OR || check->ctl->warn ? left && right : left || right;
	return c->value;
}

/* Every fault below an operator that can't come true. */
static void
report_leaves(struct check *check, const struct condition *c, bool negated)
{
	char *text auto_free = c->op == CONDITION_EVENT ? fault(check, c, negated) : NULL;

	if (text)
		tell(check, "%s: %s", check->what, text);
	if (c->op == CONDITION_EVENT)
		return;
	negated ^= c->op == CONDITION_NOT;
	if (c->left)
		report_leaves(check, c->left, negated);
	report_leaves(check, c->right, negated);
}

/* From the root down to the first operators that can't come true. */
static bool
report(struct check *check, const struct condition *c, bool negated)
{
	bool left, right;

	if (!c->value) {
		report_leaves(check, c, negated);
		return false;
	}
	if (c->op == CONDITION_EVENT)
		return true;
	negated ^= c->op == CONDITION_NOT;
	/* A bad event below an operator that holds all the same is no fault: only operators are. */
	left = !c->left || c->left->op == CONDITION_EVENT || report(check, c->left, negated);
	right = c->right->op == CONDITION_EVENT || report(check, c->right, negated);
	return left && right;
}

/* " (FILE)" of the job looked at, "" when init does not tell. Owned. */
static char *
file_text(const struct check *check)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job_file *file = NULL;
	char *path = NULL, *text;

	if (upstart_get_job(check->ctl->upstart, check->job->name, &path, &err) == 0)
		(void) upstart_job_file(check->ctl->upstart, path, &file, &err);
	upstart_error_clear(&err);
	text = tool_must(file && *file->path ? str_printf(" (%s)", file->path) : strdup(""));
	upstart_job_file_free(file);
	free(path);
	return text;
}

/* Is its time zone there? init itself does not look. */
static bool
has_zone(const struct schedule *schedule)
{
	struct error err = ERROR_INIT;
	struct zone *zone = NULL;

	if (!schedule->zone || zone_load(&zone, schedule->zone, &err) == 0) {
		(void) zone_free(zone);
		return true;
	}
	if (err.code == -ENOMEM)
		tool_nomem();
	return false;
}

static void
tell_schedule(struct check *check, const struct condition *c, const struct schedule_error *why)
{
	char *file auto_free = file_text(check);

	if (why->word < strv_len(c->words + 1))
		tell(check, "%s: time: column %zu of `%s': %s%s", check->what, why->offset + 1, c->words[why->word + 1],
		     why->text, file);
	else
		tell(check, "%s: time: %s%s", check->what, why->text, file);
}

/* Every schedule must make sense, whatever stands beside it. */
static bool
check_schedules(struct check *check, const struct condition *c)
{
	struct schedule_error why = { 0 };
	struct schedule schedule;
	bool left;
	int r;

	if (c->op != CONDITION_EVENT) {
		left = !c->left || check_schedules(check, c->left);
		return check_schedules(check, c->right) && left;
	}
	if (strcmp(c->words[0], SCHEDULE_EVENT) != 0)
		return true;
	r = schedule_read(&schedule, c->words + 1, check->of_states, &why);
	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0) {
		tell_schedule(check, c, &why);
		return false;
	}
	if (!has_zone(&schedule)) {
		why.word = strv_len(c->words + 1);
		(void) snprintf(why.text, sizeof(why.text), "There is no time zone %s", schedule.zone);
		tell_schedule(check, c, &why);
		r = -EINVAL;
	}
	schedule_deinit(&schedule);
	return r == 0;
}

static bool
check_condition(struct check *check, const char *what, bool of_states, struct condition *root)
{
	bool schedules;

	check->what = what;
	check->of_states = of_states;
	if (!root)
		return true;
	schedules = check_schedules(check, root);
	(void) evaluate(check, root, false);
	return report(check, root, false) && schedules;
}

/* -- the job among others ------------------------------------------------------ */

/* What keeps it from starting that lies with others. */
static bool
check_reach(struct check *check, size_t at)
{
	const char *what = "", *name;
	char *circle auto_free = graph_circle(&check->graph, at, &what);

	if (circle) {
		tell(check, "%s: waits for itself: %s", what, circle);
		return false;
	}
	name = graph_hopeless(&check->graph, at, &what);
	if (name)
		tell(check, "%s: job %s can never start", what, name);
	return !name;
}

static bool
check_contradiction(struct check *check, size_t at)
{
	char *way auto_free = graph_contradiction(&check->graph, at);

	if (way)
		tell(check, "while: contradicts itself: %s", way);
	return !way;
}

/* Does some term of the conjunction that `c` is part of ask for what `leaf` asks the contrary of? */
static const struct condition *
find_opposite(const struct condition *c, const struct condition *leaf)
{
	const struct condition *found;

	if (c->op == CONDITION_AND) {
		found = find_opposite(c->left, leaf);
		return found ? found : find_opposite(c->right, leaf);
	}
	if (c->op != CONDITION_NOT || c->right->op != CONDITION_EVENT ||
	    strcmp(c->right->words[0], leaf->words[0]) != 0)
		return NULL;
	return !c->right->words[1] || strv_equal(c->right->words, leaf->words) ? c->right : NULL;
}

/* `a and not a`, anywhere below. */
static bool
check_opposites(struct check *check, const struct condition *all, const struct condition *c)
{
	const struct condition *opposite;

	if (c->op == CONDITION_EVENT) {
		opposite = find_opposite(all, c);
		if (opposite)
			tell(check, "while: `%s' and `not %s' never hold together", c->words[0], c->words[0]);
		return !opposite;
	}
	if (c->op == CONDITION_NOT)
		return true;
	if (c->op == CONDITION_AND)
		return check_opposites(check, all, c->left) && check_opposites(check, all, c->right);
	return check_opposites(check, c->left, c->left) && check_opposites(check, c->right, c->right);
}

/* -- advice -------------------------------------------------------------------- */

/* The job whose coming up a leaf waits for; NULL: it is another event. */
static const char *
started_job(const struct condition *leaf)
{
	size_t word;
	const char *event = leaf->words[0];

	if (leaf->op != CONDITION_EVENT || (strcmp(event, "started") != 0 && strcmp(event, "starting") != 0))
		return NULL;
	return condition_job(leaf, &word);
}

/* Does the condition wait for the job to go down? */
static bool
heeds_stop(const struct condition *c, const char *job)
{
	size_t word;
	const char *other;

	if (c->op != CONDITION_EVENT)
		return (c->left && heeds_stop(c->left, job)) || heeds_stop(c->right, job);
	other = condition_job(c, &word);
	return other && strcmp(other, job) == 0 && strncmp(c->words[0], "stop", 4) == 0;
}

/* A job in the conjunction that the job falls with; NULL: none. */
static const char *
find_followed(const struct condition *c, const struct condition *stop)
{
	const char *job;

	if (c->op == CONDITION_AND) {
		job = find_followed(c->left, stop);
		return job ? job : find_followed(c->right, stop);
	}
	job = c->op == CONDITION_EVENT ? started_job(c) : NULL;
	return job && heeds_stop(stop, job) ? job : NULL;
}

/* "bar and baz", if all that is waited for is that jobs come up. */
static bool
add_states(const struct condition *c, struct strbuf *b)
{
	const char *job;

	if (c->op == CONDITION_AND)
		return add_states(c->left, b) && add_states(c->right, b);
	job = c->op == CONDITION_EVENT ? started_job(c) : NULL;
	if (job)
		strbuf_addf(b, "%s%s", b->len ? " and " : "", job);
	return job != NULL;
}

/*
 * A job that starts on several events at once and stops with one of those jobs: when that one comes back the other
 * events do not come again. No fault, it may be meant so.
 */
static void
advise(struct check *check, const struct condition *c, const struct condition *stop)
{
	struct strbuf states auto_strbuf = STRBUF_INIT;
	const char *job;

	if (c->op == CONDITION_OR) {
		advise(check, c->left, stop);
		advise(check, c->right, stop);
		return;
	}
	job = c->op == CONDITION_AND ? find_followed(c, stop) : NULL;
	if (!job)
		return;
	if (add_states(c, &states) && !states.failed)
		tell(check, "start on: when %s comes back the other events do not; `while %s' follows", job, states.p);
	else
		tell(check, "start on: when %s comes back the other events do not; a `while' with %s follows", job,
		     job);
}

/* What the job would better say, line by line. False: nothing. */
static bool
suggest(struct check *check)
{
	char *text auto_free = check_suggest(check->ctl, check->definitions, check->job);
	char *rest = text, *line;

	while (rest && (line = strsep(&rest, "\n")) && *line)
		tell(check, "%s", line);
	return text != NULL;
}

static bool
check_job(struct check *check, size_t at)
{
	const struct graph_job *j = &check->graph.jobs[at];
	bool fine = !j->damaged, start, stop, states;

	check->job = j->job;
	check->named = false;
	start = check_condition(check, "start on", false, j->start_on.root);
	stop = check_condition(check, "stop on", false, j->stop_on.root);
	states = check_condition(check, "while", true, j->while_on.root);
	if (start && states)
		fine = check_reach(check, at) && fine;
	if (j->while_on.root)
		fine = check_contradiction(check, at) && check_opposites(check, j->while_on.root, j->while_on.root) &&
		       fine;
	if (!(check->ctl->suggest && suggest(check)) && j->start_on.root && j->stop_on.root)
		advise(check, j->start_on.root, j->stop_on.root);
	return fine && start && stop && states;
}

/* What init found wrong in files, as far as it tells and tells us. EXIT_SUCCESS: nothing. */
static int
show_faults(const struct check *check, const char *job)
{
	const struct initctl *ctl = check->ctl;
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **faults = NULL;
	int status;

	if (upstart_config_faults(ctl->upstart, job, &faults, &err) < 0) {
		upstart_error_clear(&err);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; faults[i]; i++) {
		if (check->faults)
			append(check->faults, json_text(faults[i]));
		else
			tool_print(&ctl->tool, "%s\n", faults[i]);
	}
	status = faults[0] ? EXIT_FAILURE : EXIT_SUCCESS;
	upstart_strv_free(faults);
	return status;
}

static int
check_all(struct initctl *ctl, struct check *check, struct definitions *definitions, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	const struct upstart_job *only = NULL;
	int status = show_faults(check, operands[0]);

	if (definitions_read(definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	if (operands[0]) {
		only = definitions_find(definitions, operands[0]);
		if (!only && status != EXIT_SUCCESS)
			return status; /* there is no such job because its file is wrong */
		if (!only) {
			tool_error(&ctl->tool, _("Invalid job class: %s"), operands[0]);
			why_unknown_job(ctl, operands[0]);
			return EXIT_FAILURE;
		}
	}
	graph_init(&check->graph, ctl, definitions, is_known_event, is_declared, check);
	for (size_t i = 0; i < definitions->n; i++) {
		if ((!only || only == definitions->job[i]) && !check_job(check, i))
			status = EXIT_FAILURE;
	}
	graph_deinit(&check->graph);
	return status;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct check check = { .ctl = ctl, .definitions = &definitions };
	json_t *all;
	int status;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!ctl->json)
		return check_all(ctl, &check, &definitions, operands);
	all = json_object();
	json_put(all, "faults", json_array());
	json_put(all, "jobs", json_array());
	check.faults = json_object_get(all, "faults");
	check.jobs = json_object_get(all, "jobs");
	status = check_all(ctl, &check, &definitions, operands);
	(void) json_show(&ctl->tool, all);
	return status;
}

static const struct option_spec options[] = {
	{ 'i', "ignore-events", "EVENT_LIST", N_("take these events, separated by commas, for known; may be repeated"),
	  OPTION_LIST, offsetof(struct initctl, ignore_events) },
	{ 0, "suggest", NULL, N_("also show which jobs would better have a `while' than events, and how"), OPTION_FLAG,
	  offsetof(struct initctl, suggest) },
	{ 'w', "warn", NULL,
	  N_("complain about any unknown event or job, even if the condition can come true without it"), OPTION_FLAG,
	  offsetof(struct initctl, warn) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_check_config = {
	.name = "check-config",
	.group = GROUP_OTHER,
	.operands = "[JOB]",
	.lenient = true,
	.summary = N_("Look for errors in job files, and for conditions that can never come true."),
	.help = N_("Errors are shown with the line they are in. Events are known when a job says that it emits them or "
		   "init emits them itself. Jobs that wait for themselves or for one that can never start are found, "
		   "and states "
		   "that nothing provides, that never hold, or that contradict each other. Fails if it found anything. "
		   "Without JOB: checks all jobs."),
	.options = options,
	.run = run,
};
