/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "initctl/commands.h"
#include "initctl/condition.h"
#include "initctl/definitions.h"
#include "initctl/json.h"

struct leaf_context {
	const struct initctl *ctl;
	const char *what; /* "start" or "stop" */
};

/* One event of a condition, taken apart; initctl2dot reads this form. */
static void
show_leaf(const struct condition *leaf, void *data)
{
	const struct leaf_context *context = data;
	size_t job_word = 0;
	const char *job = condition_job(leaf, &job_word);
	const struct tool *tool = &context->ctl->tool;

	tool_print(tool, "  %s on %s (job:%s%s, env:", context->what, leaf->words[0], job ? " " : "", job ? job : "");
	for (size_t i = 1; leaf->words[i]; i++) {
		if (!job || i != job_word)
			tool_print(tool, " %s", leaf->words[i]);
	}
	tool_print(tool, ")\n");
}

static int
show_condition(const struct initctl *ctl, const struct upstart_job *job, const char *what, char ***rpn)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	struct strbuf text auto_strbuf = STRBUF_INIT;
	struct leaf_context context = { ctl, what };
	int r = condition_tree_read(&tree, (char *const *const *) rpn);

	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0) {
		tool_error(&ctl->tool, _("%s: init sent a %s condition that makes no sense"), job->name, what);
		return EXIT_FAILURE;
	}
	if (!tree.root)
		return EXIT_SUCCESS;
	if (ctl->enumerate) {
		condition_visit(tree.root, show_leaf, &context);
		return EXIT_SUCCESS;
	}
	condition_format(tree.root, &text);
	if (text.failed)
		tool_nomem();
	tool_print(&ctl->tool, "  %s on %s\n", what, text.p);
	return EXIT_SUCCESS;
}

/* The condition as JSON; null, after saying so, if it makes no sense. */
static json_t *
condition_json(const struct initctl *ctl, const struct upstart_job *job, const char *what, char ***rpn, int *status)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	int r = condition_tree_read(&tree, (char *const *const *) rpn);

	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0) {
		tool_error(&ctl->tool, _("%s: init sent a %s condition that makes no sense"), job->name, what);
		*status = EXIT_FAILURE;
	}
	return json_condition(r < 0 ? NULL : tree.root);
}

/* The `while`, read; its root is NULL if there is none, or, after saying so, if it makes no sense. */
static int
read_while(const struct initctl *ctl, const struct upstart_job *job, struct condition_tree *tree)
{
	int r = condition_tree_read_while(tree, (char *const *const *) job->while_on);

	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0)
		tool_error(&ctl->tool, _("%s: init sent a %s condition that makes no sense"), job->name, "while");
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static json_t *
job_json(const struct initctl *ctl, const struct upstart_job *job, int *status)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:o}", "job", json_text(job->name), "description",
				   json_text(job->description), "author", json_text(job->author), "version",
				   json_text(job->version), "usage", json_text(job->usage));

	json_put(object, "emits", json_strings(job->emits));
	json_put(object, "start_on", condition_json(ctl, job, "start", job->start_on, status));
	json_put(object, "stop_on", condition_json(ctl, job, "stop", job->stop_on, status));
	if (read_while(ctl, job, &tree) != EXIT_SUCCESS)
		*status = EXIT_FAILURE;
	json_put(object, "while", json_while(tree.root));
	return object;
}

/* Not one by one: the programs that read that form know events only. */
static int
show_while(const struct initctl *ctl, const struct upstart_job *job)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	struct strbuf text auto_strbuf = STRBUF_INIT;
	int status = read_while(ctl, job, &tree);

	if (!tree.root || ctl->enumerate)
		return status;
	condition_format(tree.root, &text);
	if (text.failed)
		tool_nomem();
	tool_print(&ctl->tool, "  while %s\n", text.p);
	return status;
}

static int
show(const struct initctl *ctl, const struct upstart_job *job)
{
	int start, stop, states;

	tool_print(&ctl->tool, "%s\n", job->name);
	for (size_t i = 0; job->emits[i]; i++)
		tool_print(&ctl->tool, "  emits %s\n", job->emits[i]);
	start = show_condition(ctl, job, "start", job->start_on);
	stop = show_condition(ctl, job, "stop", job->stop_on);
	states = show_while(ctl, job);
	return start != EXIT_SUCCESS || stop != EXIT_SUCCESS ? EXIT_FAILURE : states;
}

static int
show_one(struct initctl *ctl, const char *name)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job *job = NULL;
	char *path auto_free = NULL;
	int status;

	if (upstart_get_job(ctl->upstart, name, &path, &err) < 0 ||
	    upstart_job_properties(ctl->upstart, path, &job, &err) < 0)
		return initctl_failed(ctl, &err);
	status = EXIT_SUCCESS;
	if (ctl->json)
		json_show(&ctl->tool, job_json(ctl, job, &status));
	else
		status = show(ctl, job);
	upstart_job_free(job);
	return status;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct upstart_error err = UPSTART_ERROR_INIT;
	int status = EXIT_SUCCESS;
	json_t *all;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (operands[0])
		return show_one(ctl, operands[0]);
	if (definitions_read(&definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	all = ctl->json ? json_array() : NULL;
	for (size_t i = 0; i < definitions.n; i++) {
		if (all)
			(void) json_array_append_new(all, job_json(ctl, definitions.job[i], &status));
		else if (show(ctl, definitions.job[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	}
	if (all)
		json_show(&ctl->tool, all);
	return status;
}

static const struct option_spec options[] = {
	{ 'e', "enumerate", NULL, N_("show the events of conditions one by one instead of the whole"), OPTION_FLAG,
	  offsetof(struct initctl, enumerate) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_show_config = {
	.name = "show-config",
	.group = GROUP_OTHER,
	.operands = "[JOB]",
	.lenient = true,
	.summary = N_("Show what starts and stops jobs, and which events they emit."),
	.help = N_("Without JOB: for all jobs."),
	.options = options,
	.run = run,
};
