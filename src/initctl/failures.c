/* SPDX-License-Identifier: MIT */
#include "initctl/failures.h"

#include <string.h>

#include "initctl/json.h"
#include "initctl/waits.h"

struct failures {
	struct initctl *ctl;
	struct strbuf b;
	json_t *all; /* with --json */
};

/* How that of its processes ended that made it fail. */
static void
add_exit(struct strbuf *b, const json_t *instance)
{
	const json_t *x;
	size_t i;

	if (waits_is_respawned(instance))
		strbuf_add(b, "\trespawned too fast\n");
	json_array_foreach(json_object_get(instance, "exits"), i, x)
	{
		if (waits_is_failure(instance, x))
			waits_add_exit_line(b, x);
	}
}

static void
add_json(struct failures *f, const char *job, const json_t *instance)
{
	static const char *const keys[] = { "instance", "goal", "state", "failed", "exits" };
	json_t *object = json_object();

	json_put(object, "job", json_text(job));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_put(object, keys[i], json_incref(json_object_get(instance, keys[i])));
	if (json_array_append_new(f->all, object) < 0)
		tool_nomem();
}

static void
add_instance(struct failures *f, const char *job, const json_t *instance)
{
	const char *name = json_text_of(instance, "instance");

	if (*json_text_of(instance, "failed") == '\0')
		return;
	if (f->all != NULL) {
		add_json(f, job, instance);
		return;
	}
	strbuf_add(&f->b, job);
	if (*name != '\0')
		strbuf_addf(&f->b, " (%s)", name);
	strbuf_addf(&f->b, " %s/%s\n", json_text_of(instance, "goal"), json_text_of(instance, "state"));
	add_exit(&f->b, instance);
}

static int
add_job(struct failures *f, const char *job)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *text auto_free = NULL;
	const json_t *instance;
	json_t *root = NULL;
	size_t i;
	int r = upstart_explain(f->ctl->upstart, job, NULL, &text, &err);

	if (r < 0 && upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_JOB)) { /* it vanished meanwhile */
		upstart_error_clear(&err);
		return EXIT_SUCCESS;
	}
	if (waits_read(f->ctl, r, text, &err, &root) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	json_array_foreach(json_object_get(root, "instances"), i, instance) add_instance(f, job, instance);
	json_decref(root);
	return EXIT_SUCCESS;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Owned; in order. NULL: it was said why not. */
static char **
job_names(const struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char **paths auto_strv = NULL;
	char **names;
	size_t n = 0;

	if (upstart_get_jobs(ctl->upstart, &paths, &err) < 0) {
		(void) initctl_failed(ctl, &err);
		return NULL;
	}
	names = tool_array(strv_len(paths), sizeof(*names));
	for (size_t i = 0; paths[i]; i++) {
		if (upstart_job_name(ctl->upstart, paths[i], &names[n], NULL) == 0)
			n++;
	}
	qsort(names, n, sizeof(*names), compare);
	return names;
}

int
failures_show(struct initctl *ctl, bool (*wanted)(const struct initctl *ctl, const char *job))
{
	struct failures f = { .ctl = ctl, .b = STRBUF_INIT, .all = ctl->json ? json_array() : NULL };
	char **names auto_strv = job_names(ctl);
	int status = names != NULL ? EXIT_SUCCESS : EXIT_FAILURE;

	for (size_t i = 0; status == EXIT_SUCCESS && names[i] != NULL; i++)
		if (wanted(ctl, names[i]))
			status = add_job(&f, names[i]);
	if (f.b.failed)
		tool_nomem();
	if (status == EXIT_SUCCESS && f.all != NULL)
		(void) json_show(&ctl->tool, json_incref(f.all));
	else if (status == EXIT_SUCCESS)
		tool_print(&ctl->tool, "%s", f.b.p != NULL ? f.b.p : "");
	json_decref(f.all);
	strbuf_deinit(&f.b);
	return status;
}
