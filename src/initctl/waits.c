/* SPDX-License-Identifier: MIT */
#include "initctl/waits.h"

#include <string.h>

int
waits_read(struct initctl *ctl, int r, char *text, struct upstart_error *err, json_t **root)
{
	json_error_t where;

	if (r < 0 && upstart_error_is(err, UPSTART_ERROR_GONE)) {
		upstart_error_clear(err);
		tool_error(&ctl->tool, _("This init is too old to tell"));
		return EXIT_FAILURE;
	}
	if (r < 0)
		return initctl_failed(ctl, err);
	*root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	if (*root != NULL && json_is_object(*root))
		return EXIT_SUCCESS;
	json_decref(*root);
	*root = NULL;
	tool_error(&ctl->tool, _("The answer of init makes no sense: %s"), where.text);
	return EXIT_FAILURE;
}

const char *
json_text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

bool
json_is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

long long
json_count_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void
waits_add_name(struct strbuf *b, const json_t *place)
{
	const char *instance = json_text_of(place, "instance");

	strbuf_add(b, json_text_of(place, "job"));
	if (*instance != '\0')
		strbuf_addf(b, " (%s)", instance);
}

void
waits_add_place(struct strbuf *b, const json_t *place)
{
	const char *goal = json_text_of(place, "goal");

	waits_add_name(b, place);
	if (*goal != '\0')
		strbuf_addf(b, " %s/%s", goal, json_text_of(place, "state"));
	if (json_is_set(place, "task"))
		strbuf_add(b, " (task)");
}

void
waits_add_event(struct strbuf *b, const json_t *event)
{
	const json_t *pair;
	size_t i;

	strbuf_add(b, json_text_of(event, "event"));
	json_array_foreach(json_object_get(event, "env"), i, pair)
	    strbuf_addf(b, " %s", json_string_value(pair) != NULL ? json_string_value(pair) : "");
}

void
waits_add_time(struct strbuf *b, const json_t *seconds)
{
	double s = json_number_value(seconds);

	if (s < 100)
		strbuf_addf(b, "%.0f s", s);
	else if (s < 100.0 * 60)
		strbuf_addf(b, "%.0f min", s / 60);
	else if (s < 100.0 * 3600)
		strbuf_addf(b, "%.0f h", s / 3600);
	else
		strbuf_addf(b, "%.0f d", s / (24 * 3600));
}

/* Why it was given up. */
static void
add_unready(struct strbuf *b, const json_t *x)
{
	bool late = strcmp(json_text_of(x, "unready"), "late") == 0;

	strbuf_add(b, late ? "was not ready in time (expect " : "closed what it was to say on that it is ready (expect ");
	if (late && json_object_get(x, "timeout") != NULL)
		strbuf_addf(b, "timeout %lld)", json_count_of(x, "timeout"));
	else
		strbuf_addf(b, "%s)", json_text_of(x, "expect"));
}

void
waits_add_exit(struct strbuf *b, const json_t *x)
{
	const char *signal = json_text_of(x, "signal"), *error = json_text_of(x, "error");
	const char *object = json_text_of(x, "object");
	bool unready = *json_text_of(x, "unready") != '\0';

	strbuf_addf(b, "%s process ", json_text_of(x, "process"));
	if (unready)
		add_unready(b, x);
	if (*error != '\0') {
		strbuf_addf(b, "could not be made: %s", error);
		if (*object != '\0')
			strbuf_addf(b, " (%s)", object);
	} else if (*signal != '\0') {
		strbuf_addf(b, "%s by signal %s", unready ? " and was ended" : "was killed", signal);
	} else if (json_is_integer(json_object_get(x, "status"))) {
		strbuf_addf(b, "%s with status %lld", unready ? " and ended" : "ended", json_count_of(x, "status"));
	}
}

void
waits_add_exit_line(struct strbuf *b, const json_t *x)
{
	strbuf_addc(b, '\t');
	waits_add_exit(b, x);
	strbuf_add(b, ", ");
	waits_add_time(b, json_object_get(x, "ago"));
	strbuf_add(b, " ago\n");
}

bool
waits_is_respawned(const json_t *instance)
{
	return strcmp(json_text_of(instance, "failed"), "respawn") == 0;
}

bool
waits_is_failure(const json_t *instance, const json_t *x)
{
	const char *process = waits_is_respawned(instance) ? "main" : json_text_of(instance, "failed");

	return strcmp(json_text_of(x, "process"), process) == 0;
}

static void
begin(struct strbuf *b, int indent)
{
	while (indent-- > 0)
		strbuf_addc(b, '\t');
}

/* A condition that is true in part, and what it lacks. */
static void
add_condition(struct strbuf *b, const json_t *holder)
{
	const json_t *need;
	size_t i;

	strbuf_addf(b, "waits for `%s' of ", json_text_of(holder, "condition"));
	waits_add_name(b, holder);
	strbuf_add(b, ", which needs ");
	json_array_foreach(json_object_get(holder, "needs"), i, need)
	    strbuf_addf(b, "%s%s", i > 0 ? ", " : "", json_string_value(need) != NULL ? json_string_value(need) : "");
}

void
waits_add_holders(struct strbuf *b, const json_t *event, int indent)
{
	const json_t *holder;
	size_t i;

	json_array_foreach(json_object_get(event, "held_by"), i, holder)
	{
		begin(b, indent);
		if (*json_text_of(holder, "condition") != '\0') {
			add_condition(b, holder);
		} else {
			strbuf_add(b, "waits for ");
			waits_add_place(b, holder);
		}
		strbuf_addc(b, '\n');
	}
	if (json_count_of(event, "more") > 0) {
		begin(b, indent);
		strbuf_addf(b, "waits for %lld more\n", json_count_of(event, "more"));
	}
}

static void
add_process(struct strbuf *b, const json_t *instance, const json_t *process)
{
	const char *kind = json_text_of(process, "process"), *expect = json_text_of(process, "expect");
	const json_t *one;
	size_t i;

	strbuf_addf(b, "waits for its %s process", kind);
	json_array_foreach(json_object_get(instance, "processes"), i,
			   one) if (strcmp(json_text_of(one, "process"), kind) == 0 && json_count_of(one, "pid") > 0)
	    strbuf_addf(b, " %lld", json_count_of(one, "pid"));
	if (strcmp(json_text_of(process, "until"), "ready") != 0)
		strbuf_add(b, " to end");
	else if (*expect != '\0' && strcmp(expect, "none") != 0)
		strbuf_addf(b, " to be ready (expect %s)", expect);
	else
		strbuf_add(b, " to be executed");
	if (json_object_get(process, "kill_timeout") != NULL)
		strbuf_addf(b, ", at most %lld s", json_count_of(process, "kill_timeout"));
	strbuf_addc(b, '\n');
}

void
waits_add_waits(struct strbuf *b, const json_t *instance, int indent)
{
	const json_t *event = json_object_get(instance, "waits_for_event");
	const json_t *process = json_object_get(instance, "waits_for_process");

	if (json_object_get(instance, "waits_for_time") != NULL) {
		begin(b, indent);
		strbuf_add(b, "rests before it starts again, for ");
		waits_add_time(b, json_object_get(instance, "waits_for_time"));
		strbuf_addc(b, '\n');
	}
	if (event != NULL) {
		begin(b, indent);
		strbuf_add(b, "waits for event ");
		waits_add_event(b, event);
		strbuf_addc(b, '\n');
		waits_add_holders(b, event, indent + 1);
	}
	if (process != NULL) {
		begin(b, indent);
		add_process(b, instance, process);
	}
}
