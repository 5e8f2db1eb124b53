/* SPDX-License-Identifier: MIT */
/*
 * JSON is only written here, never read. Bytes that are no UTF-8 become U+FFFD, so that the text is valid
 * whatever names people give to jobs.
 */
#include "init/dump.h"

#include <ctype.h>
#include <string.h>

#include "init/sources.h"

static void
put_string(struct strbuf *b, const char *s)
{
	if (s == NULL) {
		strbuf_add(b, "null");
		return;
	}
	strbuf_addc(b, '"');
	for (struct span rest = span_of(s); rest.n > 0;) {
		size_t n = span_utf8(rest);

		if (n == 0)
			strbuf_add(b, "\\ufffd");
		else if (*rest.p == '"' || *rest.p == '\\')
			strbuf_addf(b, "\\%c", *rest.p);
		else if ((unsigned char) *rest.p < 0x20 || *rest.p == 0x7f)
			strbuf_addf(b, "\\u%04x", (unsigned) (unsigned char) *rest.p);
		else
			strbuf_addn(b, rest.p, n);
		n = n > 0 ? n : 1;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	strbuf_addc(b, '"');
}

static void
put_member(struct strbuf *b, const char *key, const char *value)
{
	put_string(b, key);
	strbuf_addc(b, ':');
	put_string(b, value);
	strbuf_addc(b, ',');
}

static void
put_list(struct strbuf *b, const char *key, char *const *v)
{
	put_string(b, key);
	strbuf_add(b, ":[");
	for (size_t i = 0; v != NULL && v[i] != NULL; i++) {
		if (i > 0)
			strbuf_addc(b, ',');
		put_string(b, v[i]);
	}
	strbuf_addc(b, ']');
}

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
	put_member(b, key, text);
}

static void
put_job(struct strbuf *b, const struct core_instance *view)
{
	int32_t pids[PROCESS_KIND_COUNT] = { 0 };

	strbuf_addc(b, '{');
	put_member(b, "name", view->name);
	put_constant(b, "goal", "JOB_", job_goal_name(view->goal));
	put_constant(b, "state", "JOB_", job_state_name(view->state));
	put_list(b, "env", view->env);
	for (size_t i = 0; i < view->n_processes; i++)
		pids[view->processes[i].kind] = view->processes[i].pid;
	strbuf_add(b, ",\"pid\":[");
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		strbuf_addf(b, "%s%d", i > 0 ? "," : "", (int) pids[i]);
	strbuf_add(b, "]}");
}

static void
put_condition(struct strbuf *b, const char *key, const struct condition *cond)
{
	auto_free char *text = cond != NULL ? condition_print(cond) : NULL;

	if (cond == NULL)
		return;
	b->failed = b->failed || text == NULL;
	put_member(b, key, text);
}

static void
put_class(struct strbuf *b, const struct init *init, const struct job_class *cls)
{
	auto_strv char **names = core_instance_names(init->core, cls->name);
	bool first = true;

	b->failed = b->failed || names == NULL;
	strbuf_addc(b, '{');
	put_member(b, "name", cls->name);
	put_member(b, "path", cls->path);
	put_member(b, "instance", cls->instance);
	put_member(b, "description", cls->description);
	put_member(b, "author", cls->author);
	put_member(b, "version", cls->version);
	put_member(b, "usage", cls->usage);
	put_condition(b, "start_on", cls->start_on);
	put_condition(b, "stop_on", cls->stop_on);
	put_list(b, "env", cls->env);
	strbuf_addc(b, ',');
	put_list(b, "export", cls->export);
	strbuf_addc(b, ',');
	put_list(b, "emits", cls->emits);
	strbuf_addf(
	    b, ",\"task\":%d,\"respawn\":%d,\"kill_timeout\":%u,\"kill_signal\":%d,\"reload_signal\":%d,\"jobs\":[",
	    cls->task, cls->respawn, (unsigned) cls->kill_timeout, cls->kill_signal, cls->reload_signal);
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct core_instance view;

		if (core_instance(init->core, cls->name, names[i], &view) < 0)
			continue;
		if (!first)
			strbuf_addc(b, ',');
		first = false;
		put_job(b, &view);
	}
	strbuf_add(b, "]}");
}

char *
dump_state(struct init *init)
{
	struct strbuf b = STRBUF_INIT;
	auto_strv char **names = core_class_names(init->core);
	auto_strv char **places = sources_paths(init);
	struct core_counts counts;
	bool first = true;

	core_counts(init->core, &counts);
	b.failed = names == NULL;
	strbuf_add(&b, "{\"sessions\":[],\"events\":[],");
	strbuf_addf(&b, "\"event_count\":%zu,", counts.events);
	put_list(&b, "job_environment", core_job_env(init->core));
	strbuf_add(&b, ",\"job_classes\":[");
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		const struct job_class *cls = core_class(init->core, names[i]);

		if (cls == NULL)
			continue;
		if (!first)
			strbuf_addc(&b, ',');
		first = false;
		put_class(&b, init, cls);
	}
	strbuf_add(&b, "],\"conf_sources\":[");
	for (size_t i = 0; places != NULL && places[i] != NULL; i++) {
		strbuf_add(&b, i > 0 ? ",{\"path\":" : "{\"path\":");
		put_string(&b, places[i]);
		strbuf_addc(&b, '}');
	}
	strbuf_add(&b, "],\"control_bus_address\":");
	put_string(&b, init->bus_address);
	strbuf_addc(&b, '}');
	if (!b.failed)
		return strbuf_steal(&b);
	strbuf_deinit(&b);
	return NULL;
}
