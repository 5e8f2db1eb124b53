/* SPDX-License-Identifier: MIT */
#include "initctl/json.h"

#include <stdio.h>
#include <string.h>

#define JSON_INDENT_WIDTH 2

static json_t *
must(json_t *value)
{
	if (!value)
		tool_nomem();
	return value;
}

char *
json_lines(json_t *value)
{
	char *text auto_free = tool_must(json_dumps(must(value), JSON_INDENT(JSON_INDENT_WIDTH) | JSON_ENCODE_ANY));

	json_decref(value);
	return tool_must(str_printf("%s\n", text));
}

int
json_show(const struct tool *tool, json_t *value)
{
	char *text auto_free = json_lines(value);

	tool_print(tool, "%s", text);
	return EXIT_SUCCESS;
}

void
json_put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, must(value)) < 0)
		tool_nomem();
}

static void
append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, must(value)) < 0)
		tool_nomem();
}

json_t *
json_text(const char *text)
{
	struct strbuf clean auto_strbuf = STRBUF_INIT;
	struct span rest;

	if (!text)
		return must(json_null());
	for (rest = span_of(text); rest.n > 0;) {
		size_t n = span_utf8(rest);

		if (n > 0)
			strbuf_addn(&clean, rest.p, n);
		else
			strbuf_addf(&clean, "\\x%02x", (unsigned char) *rest.p);
		n = n > 0 ? n : 1;
		rest.p += n;
		rest.n -= n;
	}
	if (clean.failed)
		tool_nomem();
	return must(json_stringn(clean.p ? clean.p : "", clean.len));
}

json_t *
json_strings(char *const *v)
{
	json_t *array = must(json_array());

	for (; v && *v; v++)
		append(array, json_text(*v));
	return array;
}

json_t *
json_env(char *const *env)
{
	json_t *object = must(json_object());

	for (; env && *env; env++) {
		size_t n = strcspn(*env, "=");
		char *name auto_free = tool_must(strndup(*env, n));
		json_t *clean = json_text(name);

		json_put(object, json_string_value(clean), json_text((*env)[n] ? *env + n + 1 : NULL));
		json_decref(clean);
	}
	return object;
}

json_t *
json_status(const char *job, const struct upstart_instance *instance)
{
	json_t *object = must(json_object()), *processes = must(json_array());

	json_put(object, "job", json_text(job));
	json_put(object, "instance", json_text(instance ? instance->name : NULL));
	json_put(object, "goal", json_text(instance ? instance->goal : "stop"));
	json_put(object, "state", json_text(instance ? instance->state : "waiting"));
	for (size_t i = 0; instance && i < instance->process_count; i++) {
		json_t *process = must(json_object());

		json_put(process, "process", json_text(instance->processes[i].kind));
		json_put(process, "pid", json_integer(instance->processes[i].pid));
		append(processes, process);
	}
	json_put(object, "processes", processes);
	json_put(object, "doing", json_text(instance && *instance->doing ? instance->doing : NULL));
	json_put(object, "status", json_text(instance && *instance->status ? instance->status : NULL));
	json_put(object, "followed", json_text(instance && *instance->followed ? instance->followed : NULL));
	json_put(object, "group", json_text(instance && *instance->group ? instance->group : NULL));
	return object;
}

/* "" is how an init says that there is nothing. */
static json_t *
text_or_null(const char *text)
{
	return json_text(*text ? text : NULL);
}

void
json_put_file(json_t *status, const struct upstart_job_file *file)
{
	json_put(status, "file", text_or_null(file->path));
	json_put(status, "fault", text_or_null(file->fault));
	json_put(status, "successor", text_or_null(file->successor));
}

/* `leaf` is what a leaf is called. */
static json_t *
tree_json(const struct condition *condition, const char *leaf)
{
	json_t *object, *parts;

	if (!condition)
		return must(json_null());
	object = must(json_object());
	if (condition->op == CONDITION_EVENT) {
		json_put(object, leaf, json_text(condition->words[0]));
		json_put(object, "match", json_strings(condition->words + 1));
		return object;
	}
	if (condition->op == CONDITION_NOT) {
		json_put(object, "not", tree_json(condition->right, leaf));
		return object;
	}
	parts = must(json_array());
	append(parts, tree_json(condition->left, leaf));
	append(parts, tree_json(condition->right, leaf));
	json_put(object, condition->op == CONDITION_AND ? "and" : "or", parts);
	return object;
}

json_t *
json_condition(const struct condition *condition)
{
	return tree_json(condition, "event");
}

json_t *
json_while(const struct condition *condition)
{
	return tree_json(condition, "state");
}
