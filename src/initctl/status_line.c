/* SPDX-License-Identifier: MIT */
#include "initctl/status_line.h"

#include <string.h>

#include "common/str.h"
#include "initctl/json.h"

/* The kinds that speak for themselves on the first line, because the state says which it is. */
static bool
is_plain(const char *kind)
{
	return strcmp(kind, "main") == 0 || strcmp(kind, "pre-start") == 0 || strcmp(kind, "post-stop") == 0;
}

char *
status_line_format(const char *job, const struct upstart_instance *instance)
{
	struct strbuf line auto_strbuf = STRBUF_INIT;

	/* Whoever reads it, a person or a script, is told of one line: a name may hold anything. */
	tool_add_visible(&line, job);
	if (!instance) {
		strbuf_add(&line, " stop/waiting");
	} else {
		if (*instance->name) {
			strbuf_add(&line, " (");
			tool_add_visible(&line, instance->name);
			strbuf_addc(&line, ')');
		}
		strbuf_addf(&line, " %s/%s", instance->goal, instance->state);
	}
	for (size_t i = 0; instance && i < instance->process_count; i++) {
		const struct upstart_process *process = &instance->processes[i];

		if (i > 0)
			strbuf_addf(&line, "\n\t%s process %d", process->kind, process->pid);
		else if (is_plain(process->kind))
			strbuf_addf(&line, ", process %d", process->pid);
		else
			strbuf_addf(&line, ", (%s) process %d", process->kind, process->pid);
	}
	if (instance && instance->quarantine && *instance->quarantine)
		strbuf_addf(&line, _("\n\tquarantined until `initctl reset': %s"), instance->quarantine);
	strbuf_addc(&line, '\n');
	return tool_must(strbuf_steal(&line));
}

/* What the main process says of itself is more than usual. */
static void
show_words(const struct initctl *ctl, const struct upstart_instance *instance)
{
	if (instance && *instance->doing)
		tool_verbose(&ctl->tool, "\t%s\n", instance->doing);
	if (instance && *instance->status)
		tool_verbose(&ctl->tool, _("\tsays: %s\n"), instance->status);
}

/* How init would know of their ends, and where all of them are. */
static void
show_tracking(const struct initctl *ctl, const struct upstart_instance *instance)
{
	if (instance && *instance->followed)
		tool_verbose(&ctl->tool, _("\tfollowed by: %s\n"), instance->followed);
	if (instance && *instance->group)
		tool_verbose(&ctl->tool, _("\tcontrol group: %s\n"), instance->group);
}

int
status_line_show(struct initctl *ctl, const char *job, const char *path)
{
	return status_line_show_with(ctl, job, path, NULL);
}

int
status_line_show_with(struct initctl *ctl, const char *job, const char *path, const struct upstart_job_file *file)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_instance *instance = NULL;
	char *text auto_free = NULL;

	if (path && upstart_instance_properties(ctl->upstart, path, &instance, &err) < 0 &&
	    !upstart_error_is(&err, UPSTART_ERROR_GONE))
		return initctl_failed(ctl, &err);
	upstart_error_clear(&err);
	if (ctl->json) {
		json_t *status = json_status(job, instance);

		if (file)
			json_put_file(status, file);
		json_show(&ctl->tool, status);
	} else {
		text = status_line_format(job, instance);
		tool_print(&ctl->tool, "%s", text);
		show_words(ctl, instance);
		show_tracking(ctl, instance);
	}
	upstart_instance_free(instance);
	return EXIT_SUCCESS;
}
