/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "initctl/commands.h"
#include "initctl/condition.h"
#include "initctl/definitions.h"

/*
 * Purely on our side: init takes any condition, since the event may be emitted by a program. Here an event counts as
 * known when some job says that it emits it, when init itself does, or when the user says so.
 */
struct check {
	const struct initctl *ctl;
	const struct definitions *definitions;
	const struct upstart_job *job; /* looked at now */
	const char *what;	       /* "start" or "stop" */
	bool named;		       /* its name has been printed */
};

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

static bool
is_known_event(const struct check *check, const char *event)
{
	static const char *const builtin[] = { "startup", "debug", "control-alt-delete", "keyboard-request",
					       "power-status-changed" };
	const struct initctl *ctl = check->ctl;

	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
		if (strcmp(event, builtin[i]) == 0)
			return true;
	}
	if (condition_is_job_event(event) || (initctl_is_user(ctl) && strcmp(event, "session-end") == 0))
		return true;
	for (size_t i = 0; ctl->ignore_events && ctl->ignore_events[i]; i++) {
		if (is_listed(ctl->ignore_events[i], event))
			return true;
	}
	for (size_t i = 0; i < check->definitions->n; i++) {
		for (char **emits = check->definitions->job[i]->emits; *emits; emits++) {
			if (fnmatch(*emits, event, 0) == 0)
				return true;
		}
	}
	return false;
}

/* What is wrong with an event; NULL when nothing is. *culprit is then its name or that of the job. */
static const char *
fault(const struct check *check, const struct condition *leaf, const char **culprit)
{
	size_t word;
	const char *job = condition_job(leaf, &word);

	*culprit = leaf->words[0];
	if (!is_known_event(check, leaf->words[0]))
		return "event";
	*culprit = job;
	if (job && job[0] != '$' && !definitions_find(check->definitions, job))
		return "job";
	return NULL;
}

static bool
evaluate(const struct check *check, struct condition *c)
{
	const char *culprit;

	if (c->op == CONDITION_EVENT) {
		c->value = !fault(check, c, &culprit);
	} else {
		bool left = evaluate(check, c->left), right = evaluate(check, c->right);

		c->value = c->op == CONDITION_AND || check->ctl->warn ? left && right : left || right;
	}
	return c->value;
}

static void
report_leaf(const struct condition *leaf, void *data)
{
	struct check *check = data;
	const char *culprit, *kind = fault(check, leaf, &culprit);

	if (!kind)
		return;
	if (!check->named)
		tool_print(&check->ctl->tool, "%s\n", check->job->name);
	check->named = true;
	tool_print(&check->ctl->tool, "  %s on: unknown %s %s\n", check->what, kind, culprit);
}

/* From the root down to the first operators that can't come true. */
static bool
report(struct check *check, const struct condition *c)
{
	bool left, right;

	if (!c->value) {
		condition_visit(c, report_leaf, check);
		return false;
	}
	if (c->op == CONDITION_EVENT)
		return true;
	/* A bad event below an operator that holds all the same is no fault: only operators are. */
	left = c->left->op == CONDITION_EVENT || report(check, c->left);
	right = c->right->op == CONDITION_EVENT || report(check, c->right);
	return left && right;
}

static bool
check_condition(struct check *check, const char *what, char ***rpn)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	int r = condition_tree_read(&tree, (char *const *const *) rpn);

	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0) {
		tool_error(&check->ctl->tool, _("%s: init sent a %s condition that makes no sense"), check->job->name,
			   what);
		return false;
	}
	check->what = what;
	if (!tree.root)
		return true;
	(void) evaluate(check, tree.root);
	return report(check, tree.root);
}

static bool
check_job(struct check *check, const struct upstart_job *job)
{
	bool start, stop;

	check->job = job;
	check->named = false;
	start = check_condition(check, "start", job->start_on);
	stop = check_condition(check, "stop", job->stop_on);
	return start && stop;
}

/* What init found wrong in files, as far as it tells and tells us. EXIT_SUCCESS: nothing. */
static int
show_faults(const struct initctl *ctl, const char *job)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **faults = NULL;
	int status;

	if (upstart_config_faults(ctl->upstart, job, &faults, &err) < 0) {
		upstart_error_clear(&err);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; faults[i]; i++)
		tool_print(&ctl->tool, "%s\n", faults[i]);
	status = faults[0] ? EXIT_FAILURE : EXIT_SUCCESS;
	upstart_strv_free(faults);
	return status;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct check check = { .ctl = ctl, .definitions = &definitions };
	struct upstart_error err = UPSTART_ERROR_INIT;
	const struct upstart_job *only = NULL;
	int status = EXIT_SUCCESS;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	status = show_faults(ctl, operands[0]);
	if (definitions_read(&definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	if (operands[0]) {
		only = definitions_find(&definitions, operands[0]);
		if (!only && status != EXIT_SUCCESS)
			return status; /* there is no such job because its file is wrong */
		if (!only) {
			tool_error(&ctl->tool, _("Invalid job class: %s"), operands[0]);
			return EXIT_FAILURE;
		}
	}
	for (size_t i = 0; i < definitions.n; i++) {
		if ((!only || only == definitions.job[i]) && !check_job(&check, definitions.job[i]))
			status = EXIT_FAILURE;
	}
	return status;
}

static const struct option_spec options[] = {
	{ 'i', "ignore-events", "EVENT_LIST", N_("take these events, separated by commas, for known; may be repeated"),
	  OPTION_LIST, offsetof(struct initctl, ignore_events) },
	{ 'w', "warn", NULL,
	  N_("complain about any unknown event or job, even if the condition can come true without it"), OPTION_FLAG,
	  offsetof(struct initctl, warn) },
	OPTIONS_END,
};

const struct command command_check_config = {
	.name = "check-config",
	.group = GROUP_OTHER,
	.operands = "[JOB]",
	.summary = N_("Look for errors in job files, and for conditions that can never come true."),
	.help = N_("Errors are shown with the line they are in. Events are known when a job says that it emits them or "
		   "init emits them itself. Fails if it found "
		   "anything. "
		   "Without JOB: checks all jobs."),
	.options = options,
	.run = run,
};
