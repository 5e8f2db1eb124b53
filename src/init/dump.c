/* SPDX-License-Identifier: MIT */
#include "init/dump.h"

#include <ctype.h>

#include "common/json.h"
#include "init/sources.h"

/* "JOB_PRE_START" of "pre-start". */
static void
put_constant(struct strbuf *b, const char *key, const char *prefix, const char *name)
{
	char text[48];
	size_t n = 0;

	for (const char *p = prefix; *p != '\0' && n + 1 < sizeof(text); p++)
		text[n++] = *p;
	for (const char *p = name; *p != '\0' && n + 1 < sizeof(text); p++)
		text[n++] = *p == '-' ? '_' : (char) toupper((unsigned char) *p);
	text[n] = '\0';
	json_put_string(b, key, text);
}

static void
put_job(struct strbuf *b, const struct core_instance *view)
{
	int32_t pids[PROCESS_KIND_COUNT] = { 0 };

	json_begin_object(b, NULL);
	json_put_string(b, "name", view->name);
	put_constant(b, "goal", "JOB_", job_goal_name(view->goal));
	put_constant(b, "state", "JOB_", job_state_name(view->state));
	if (view->quarantine != NULL)
		json_put_string(b, "quarantine", view->quarantine);
	if (view->status != NULL)
		json_put_string(b, "status", view->status);
	json_put_strings(b, "env", view->env);
	for (size_t i = 0; i < view->n_processes; i++)
		pids[view->processes[i].kind] = view->processes[i].pid;
	json_begin_array(b, "pid");
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		json_put_number(b, NULL, pids[i]);
	json_end_array(b);
	json_end_object(b);
}

static void
put_condition(struct strbuf *b, const char *key, const struct condition *cond)
{
	auto_free char *text = cond != NULL ? condition_print(cond) : NULL;

	if (cond == NULL)
		return;
	b->failed = b->failed || text == NULL;
	json_put_string(b, key, text);
}

static void
put_class(struct strbuf *b, const struct init *init, const struct job_class *cls)
{
	auto_strv char **names = core_instance_names(init->core, cls->name);

	b->failed = b->failed || names == NULL;
	json_begin_object(b, NULL);
	json_put_string(b, "name", cls->name);
	json_put_string(b, "path", cls->path);
	json_put_string(b, "instance", cls->instance);
	json_put_string(b, "description", cls->description);
	json_put_string(b, "author", cls->author);
	json_put_string(b, "version", cls->version);
	json_put_string(b, "usage", cls->usage);
	put_condition(b, "start_on", cls->start_on);
	put_condition(b, "stop_on", cls->stop_on);
	json_put_strings(b, "env", cls->env);
	json_put_strings(b, "export", cls->export);
	json_put_strings(b, "emits", cls->emits);
	json_put_number(b, "task", cls->task);
	json_put_number(b, "respawn", cls->respawn);
	json_put_number(b, "kill_timeout", cls->kill_timeout);
	json_put_number(b, "kill_signal", cls->kill_signal);
	json_put_number(b, "reload_signal", cls->reload_signal);
	json_begin_array(b, "jobs");
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct core_instance view;

		if (core_instance(init->core, cls->name, names[i], &view) == 0)
			put_job(b, &view);
	}
	json_end_array(b);
	json_end_object(b);
}

static void
put_sources(struct strbuf *b, const struct init *init)
{
	auto_strv char **places = sources_paths(init);

	json_begin_array(b, "conf_sources");
	for (size_t i = 0; places != NULL && places[i] != NULL; i++) {
		json_begin_object(b, NULL);
		json_put_string(b, "path", places[i]);
		json_end_object(b);
	}
	json_end_array(b);
}

char *
dump_state(struct init *init)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_strv char **names = core_class_names(init->core);
	struct core_counts counts;

	core_counts(init->core, &counts);
	b.failed = names == NULL;
	json_begin_object(&b, NULL);
	json_put_strings(&b, "sessions", NULL);
	json_put_strings(&b, "events", NULL);
	json_put_number(&b, "event_count", (int64_t) counts.events);
	json_put_string(&b, "degraded", init->brain.degraded);
	json_put_strings(&b, "job_environment", core_job_env(init->core));
	json_begin_array(&b, "job_classes");
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		const struct job_class *cls = core_class(init->core, names[i]);

		if (cls != NULL)
			put_class(&b, init, cls);
	}
	json_end_array(&b);
	put_sources(&b, init);
	json_put_string(&b, "control_bus_address", init->bus_address);
	json_end_object(&b);
	return b.failed ? NULL : strbuf_steal(&b);
}
