/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <string.h>

#include "common/str.h"
#include "initctl/blocked.h"
#include "initctl/commands.h"
#include "initctl/failures.h"
#include "initctl/instances.h"
#include "initctl/json.h"
#include "initctl/status_line.h"

/* What is shown of one instance, or of a job without any. */
struct row {
	char *job;	/* owned */
	char *instance; /* owned */
	char *text;	/* owned; */
	json_t *json;	/* or this, owned */
};

struct rows {
	struct row *row; /* owned */
	size_t n;
};

static void
rows_add(struct rows *rows, bool json, const char *job, const struct upstart_instance *instance)
{
	struct row *grown = reallocarray(rows->row, rows->n + 1, sizeof(*grown));
	struct row *row;

	if (!grown)
		tool_nomem();
	rows->row = grown;
	row = &grown[rows->n++];
	row->job = tool_must(strdup(job));
	row->instance = tool_must(strdup(instance ? instance->name : ""));
	row->text = json ? NULL : status_line_format(job, instance);
	row->json = json ? json_status(job, instance) : NULL;
}

static void
rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->row[i].job);
		free(rows->row[i].instance);
		free(rows->row[i].text);
		json_decref(rows->row[i].json);
	}
	free(rows->row);
	*rows = (struct rows){ 0 };
}

static int
row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int r = strcmp(x->job, y->job);

	return r ? r : strcmp(x->instance, y->instance);
}

static bool
is_wanted(const struct initctl *ctl, const char *job)
{
	char **filters = ctl->filters;

	while (filters && *filters && fnmatch(*filters, job, 0) != 0)
		filters++;
	return !filters || *filters;
}

static int
add_job(struct initctl *ctl, struct rows *rows, const char *path, struct upstart_error *err)
{
	struct instances instances auto_instances = INSTANCES_INIT;
	char *name auto_free = NULL;
	int r = upstart_job_name(ctl->upstart, path, &name, err);

	if (r == 0)
		r = instances_read(&instances, ctl->upstart, path, err);
	if (r < 0 && upstart_error_is(err, UPSTART_ERROR_GONE)) { /* it vanished meanwhile */
		upstart_error_clear(err);
		return 0;
	}
	if (r < 0 || !is_wanted(ctl, name))
		return r;
	for (size_t i = 0; i < instances.n; i++)
		rows_add(rows, ctl->json, name, instances.p[i]);
	if (instances.n == 0)
		rows_add(rows, ctl->json, name, NULL);
	return 0;
}

static void
rows_show(const struct initctl *ctl, const struct rows *rows)
{
	json_t *all = ctl->json ? json_array() : NULL;

	for (size_t i = 0; i < rows->n; i++) {
		if (ctl->json)
			(void) json_array_append(all, rows->row[i].json);
		else
			tool_print(&ctl->tool, "%s", rows->row[i].text);
	}
	if (ctl->json)
		json_show(&ctl->tool, all);
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **jobs auto_strv = NULL;
	struct rows rows = { 0 };
	int r;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (ctl->blocked)
		return blocked_show(ctl);
	if (ctl->failed)
		return failures_show(ctl, is_wanted);
	r = upstart_get_jobs(ctl->upstart, &jobs, &err);
	for (size_t i = 0; r == 0 && jobs[i]; i++)
		r = add_job(ctl, &rows, jobs[i], &err);
	if (r == 0) {
		if (rows.n)
			qsort(rows.row, rows.n, sizeof(*rows.row), row_compare);
		rows_show(ctl, &rows);
	}
	rows_deinit(&rows);
	return r < 0 ? initctl_failed(ctl, &err) : EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	{ 0, "blocked", NULL, N_("show what waits for what: instances that are on their way, and events"), OPTION_FLAG,
	  offsetof(struct initctl, blocked) },
	{ 0, "failed", NULL, N_("show only instances whose last run failed, and how"), OPTION_FLAG,
	  offsetof(struct initctl, failed) },
	{ 'f', "filter", "PATTERN", N_("show only jobs whose name matches; may be repeated"), OPTION_LIST,
	  offsetof(struct initctl, filters) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_list = {
	.name = "list",
	.group = GROUP_JOB,
	.operands = "",
	.lenient = true,
	.summary = N_("List all jobs and their instances with their status."),
	.options = options,
	.run = run,
};
