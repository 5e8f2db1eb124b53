/* SPDX-License-Identifier: MIT */
#include "initctl/why.h"

#include <stdio.h>
#include <string.h>

#include "common/env.h"
#include "common/str.h"
#include "initctl/suggest.h"
#include "initctl/waits.h"

void
why_unknown_job(struct initctl *ctl, const char *job)
{
	char **faults auto_strv = NULL;

	if (!tool_is_watched() || *job == '\0')
		return;
	if (upstart_config_faults(ctl->upstart, job, &faults, NULL) < 0 || !faults[0]) {
		suggest_job(ctl, job);
		return;
	}
	for (size_t i = 0; faults[i]; i++)
		(void) fprintf(stderr, "%s\n", faults[i]);
}

void
why_bad_env(const struct upstart_error *err, char *const *env)
{
	if (!tool_is_watched() || !err->text || strcmp(err->text, "Env must be KEY=VALUE pairs") != 0)
		return;
	for (size_t n = 0; env[n]; n++) {
		if (!strchr(env[n], '=')) {
			(void) fprintf(stderr, _("This is none: %s\n"), env[n]);
			return;
		}
	}
}

/* The name of the instance that the operands select, though it is gone; owned; NULL: not known. */
static char *
instance_name(struct initctl *ctl, const struct target *target)
{
	static const char unknown[] = "Unknown instance: ";
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_instance *instance = NULL;
	char *path auto_free = NULL;
	char *name = NULL;

	if (upstart_job_instance(ctl->upstart, target->job_path, target->env, &path, &err) == 0 &&
	    upstart_instance_properties(ctl->upstart, path, &instance, &err) == 0)
		name = tool_must(strdup(instance->name));
	else if (upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_INSTANCE) &&
		 strncmp(err.text, unknown, strlen(unknown)) == 0)
		name = tool_must(strdup(err.text + strlen(unknown)));
	upstart_instance_free(instance);
	upstart_error_clear(&err);
	return name;
}

/* How that ended which made it fail. */
static void
say_exits(const char *job, const json_t *instance)
{
	const json_t *x;
	size_t i;

	if (waits_is_respawned(instance))
		(void) fprintf(stderr, _("%s respawned too fast\n"), job);
	json_array_foreach(json_object_get(instance, "exits"), i, x)
	{
		struct strbuf b auto_strbuf = STRBUF_INIT;
		struct strbuf seen auto_strbuf = STRBUF_INIT;

		if (!waits_is_failure(instance, x))
			continue;
		waits_add_exit(&b, x);
		if (b.failed)
			tool_nomem();
		tool_add_visible(&seen, b.p);
		if (seen.failed)
			tool_nomem();
		(void) fprintf(stderr, "%s %s\n", job, seen.p);
	}
}

static void
say_why_job_failed(struct initctl *ctl, const struct target *target)
{
	char *name auto_free = target->instance ? NULL : instance_name(ctl, target);
	const char *instance = target->instance ? target->instance : name ? name : "";
	char *text auto_free = NULL;
	json_t *root = NULL;

	/* Only some may ask; the others are pointed there all the same. */
	if (upstart_explain(ctl->upstart, target->job, instance, &text, NULL) == 0)
		root = json_loads(text, 0, NULL);
	say_exits(target->job, json_array_get(json_object_get(root, "instances"), 0));
	json_decref(root);
	(void) fprintf(stderr, _("For more, try `initctl explain %s%s%s' and `initctl log %s%s%s'.\n"), target->job,
		       *instance ? " " : "", instance, target->job, *instance ? " " : "", instance);
}

static void
say_not_running(const struct target *target, const struct upstart_error *err)
{
	const char *name = strchr(err->text, ':');

	name = name && name[1] ? name + 2 : "";
	(void) fprintf(stderr, *name ? _("%s (%s) is not running\n") : _("%s is not running\n"), target->job, name);
}

int
why_failed(struct initctl *ctl, const struct target *target, struct upstart_error *err)
{
	tool_error(&ctl->tool, "%s", err->text);
	if (tool_is_watched()) {
		if (upstart_error_is(err, UPSTART_ERROR_JOB_FAILED))
			say_why_job_failed(ctl, target);
		else if (upstart_error_is(err, UPSTART_ERROR_UNKNOWN_INSTANCE))
			say_not_running(target, err);
		else if (target->env)
			why_bad_env(err, target->env);
	}
	upstart_error_clear(err);
	return EXIT_FAILURE;
}
