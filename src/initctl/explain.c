/* SPDX-License-Identifier: MIT */
/*
 * init says what is so; here it becomes text. The first lines say what most people want to know: where the instance is
 * and what comes next.
 */
#include <string.h>

#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/suggest.h"
#include "initctl/waits.h"

/* -- conditions --------------------------------------------------------------- */

/* `start on` or `stop on`, with the events it holds. */
static void
add_condition(struct strbuf *b, const char *what, const json_t *condition)
{
	const json_t *leaf, *held;
	size_t i;

	if (condition == NULL)
		return;
	strbuf_addf(b, "\t%s %s\n", what, json_text_of(condition, "text"));
	json_array_foreach(json_object_get(condition, "leaves"), i, leaf)
	{
		held = json_object_get(leaf, "held");
		strbuf_addf(b, "\t\t%s %s", held != NULL ? "true " : "false", json_text_of(leaf, "text"));
		if (held != NULL) {
			strbuf_add(b, ": ");
			waits_add_event(b, held);
		}
		strbuf_addc(b, '\n');
	}
}

/* Who provides what a term asks for: states that match, or where the instances of the job are. */
static void
add_providers(struct strbuf *b, const json_t *term)
{
	const json_t *one, *states = json_object_get(term, "states"), *instances = json_object_get(term, "instances");
	size_t i;

	if (*json_text_of(term, "unset") != '\0')
		strbuf_addf(b, " (%s)", json_text_of(term, "unset"));
	if (strcmp(json_text_of(term, "truth"), "unknown") == 0)
		strbuf_add(b, ": nothing of that name is known");
	else if (json_array_size(instances) == 0 && json_array_size(states) == 0)
		strbuf_add(b, instances != NULL ? ": not there" : "");
	json_array_foreach(instances, i, one)
	{
		strbuf_add(b, i > 0 ? ", " : ": ");
		waits_add_place(b, one);
	}
	if (json_array_size(instances) > 0)
		return;
	json_array_foreach(states, i, one)
	    strbuf_addf(b, "%s%s", i > 0 ? ", " : ": ", json_string_value(one) != NULL ? json_string_value(one) : "");
}

static void
add_list(struct strbuf *b, const char *what, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	strbuf_addf(b, "\t\t%s", what);
	json_array_foreach(list, i, one)
	    strbuf_addf(b, " %s", json_string_value(one) != NULL ? json_string_value(one) : "");
	strbuf_addc(b, '\n');
}

static void
add_while(struct strbuf *b, const json_t *expression)
{
	json_int_t awaited;
	const json_t *term;
	size_t i;

	if (expression == NULL)
		return;
	strbuf_addf(b, "\twhile %s\n", json_text_of(expression, "text"));
	json_array_foreach(json_object_get(expression, "terms"), i, term)
	{
		strbuf_addf(b, "\t\t%s %s%s", json_is_set(term, "holds") ? "true " : "false",
			    json_is_set(term, "not") ? "not " : "", json_text_of(term, "text"));
		add_providers(b, term);
		strbuf_addc(b, '\n');
	}
	if (json_object_get(expression, "wanted") == NULL)
		return;
	strbuf_addf(b, "\t\t%s%s, %s\n", json_is_set(expression, "armed") ? "armed" : "not armed",
		    json_is_set(expression, "spent") ? " but spent until its states change" : "",
		    json_is_set(expression, "wanted") ? "wanted" : "not wanted");
	awaited = json_integer_value(json_object_get(expression, "awaited"));
	if (awaited > 0)
		strbuf_addf(b, "\t\t%lld start%s until it holds\n", (long long) awaited, awaited > 1 ? "s wait" : " waits");
	if (json_is_set(expression, "armed"))
		add_list(b, "armed with", json_object_get(expression, "arming"));
	add_list(b, "holds for", json_object_get(expression, "binding"));
}

/* -- an instance ----------------------------------------------------------------- */

/* Respawns are counted where there is a limit; a delay may be longer than what that looks at. */
static void
add_respawn(struct strbuf *b, const json_t *respawn)
{
	bool counted = json_is_integer(json_object_get(respawn, "count"));
	long long count = json_count_of(respawn, "count"), delay = json_count_of(respawn, "delay");

	if (respawn == NULL)
		return;
	if (counted && (count > 0 || delay == 0))
		strbuf_addf(b, "\trespawned %lld times of %lld within %lld s", count, json_count_of(respawn, "limit"),
			    json_count_of(respawn, "interval"));
	else
		strbuf_addf(b, "\trespawns%s", counted ? "" : " without limit");
	if (json_object_get(respawn, "left") != NULL) {
		strbuf_add(b, "; the first of them counts for ");
		waits_add_time(b, json_object_get(respawn, "left"));
		strbuf_add(b, " more");
	}
	if (delay > 0 && json_number_value(json_object_get(respawn, "back_off")) > 0) {
		strbuf_add(b, "; the last after a delay of ");
		waits_add_time(b, json_object_get(respawn, "back_off"));
		strbuf_addf(b, ", at most %lld s", json_count_of(respawn, "delay_max"));
	} else if (delay > 0) {
		strbuf_addf(b, "; after a delay of %lld s, at most %lld s", delay, json_count_of(respawn, "delay_max"));
	}
	strbuf_addc(b, '\n');
}

static void
add_who_waits(struct strbuf *b, const json_t *instance)
{
	const json_t *event;
	long long clients = json_count_of(instance, "clients");
	size_t i;

	json_array_foreach(json_object_get(instance, "waited_for_by"), i, event)
	{
		strbuf_add(b, "\tevent ");
		waits_add_event(b, event);
		strbuf_add(b, " waits for it\n");
	}
	if (clients > 0)
		strbuf_addf(b, clients > 1 ? "\t%lld clients wait for it\n" : "\t%lld client waits for it\n", clients);
}

/* The terms of its `while` that are in the way. */
static void
add_missing_terms(struct strbuf *b, const json_t *expression)
{
	const json_t *term;
	bool any = false;
	size_t i;

	json_array_foreach(json_object_get(expression, "terms"), i, term)
	{
		if (json_is_set(term, "holds"))
			continue;
		strbuf_addf(b, "%s%s%s", any ? ", " : "", json_is_set(term, "not") ? "not " : "",
			    json_text_of(term, "text"));
		any = true;
	}
}

/* What would start an instance that is not there. */
static void
add_what_starts(struct strbuf *b, const json_t *job, const json_t *instance)
{
	const json_t *expression = json_object_get(instance, "while"), *start = json_object_get(job, "start_on"), *leaf;
	bool any = false;
	size_t i;

	strbuf_add(b, "\tnext: ");
	if (expression != NULL && json_is_set(expression, "spent")) {
		strbuf_add(b, "its states have to change, or a `start'\n");
		return;
	}
	if (expression != NULL &&
	    (json_is_set(expression, "armed") ||
	     (start == NULL && !json_is_set(job, "manual") && json_object_get(expression, "armed") == NULL))) {
		strbuf_add(b, "waits for ");
		add_missing_terms(b, expression);
		strbuf_addc(b, '\n');
		return;
	}
	json_array_foreach(json_object_get(start, "leaves"), i, leaf)
	{
		if (json_is_set(leaf, "true"))
			continue;
		strbuf_addf(b, "%s%s", any ? ", " : "waits for event ", json_text_of(leaf, "text"));
		any = true;
	}
	strbuf_add(b, any ? "\n" : "a `start': nothing starts it by itself\n");
}

static void
add_instance(struct strbuf *b, const json_t *job, const json_t *instance)
{
	const char *failed = json_text_of(instance, "failed"), *name = json_text_of(instance, "instance");
	bool live = json_is_set(instance, "live");
	const json_t *one;
	size_t i;

	strbuf_add(b, json_text_of(job, "job"));
	if (*name != '\0')
		strbuf_addf(b, " (%s)", name);
	strbuf_addf(b, " %s/%s", json_text_of(instance, "goal"), json_text_of(instance, "state"));
	json_array_foreach(json_object_get(instance, "processes"), i, one)
	    strbuf_addf(b, ", %s process %lld", json_text_of(one, "process"), json_count_of(one, "pid"));
	if (json_object_get(instance, "since") != NULL) {
		strbuf_add(b, ", for ");
		waits_add_time(b, json_object_get(instance, "since"));
	}
	strbuf_addc(b, '\n');
	if (*json_text_of(instance, "quarantine") != '\0')
		strbuf_addf(b, "\tquarantined until `initctl reset': %s\n", json_text_of(instance, "quarantine"));
	if (*failed != '\0')
		strbuf_addf(b, "\tfailed: %s\n", waits_is_respawned(instance) ? "respawned too fast" : failed);
	if (!live)
		add_what_starts(b, job, instance);
	waits_add_waits(b, instance, 1);
	add_who_waits(b, instance);
	if (!live || strcmp(json_text_of(instance, "goal"), "start") != 0)
		add_condition(b, "start on", json_object_get(job, "start_on"));
	add_condition(b, "stop on", json_object_get(instance, "stop_on"));
	add_while(b, json_object_get(instance, "while"));
	json_array_foreach(json_object_get(instance, "exits"), i, one) waits_add_exit_line(b, one);
	add_respawn(b, json_object_get(instance, "respawn"));
}

/* -- the job ------------------------------------------------------------------------ */

/* What is wrong with its definition. */
static void
add_definition(struct strbuf *b, const json_t *job)
{
	const char *definition = json_text_of(job, "definition"), *refused = json_text_of(job, "refused");

	if (strcmp(definition, "replaced") == 0)
		strbuf_addf(b, "\truns with an older definition than %s has now, until its last instance has stopped\n",
			    json_text_of(job, "path"));
	else if (strcmp(definition, "removed") == 0)
		strbuf_addf(b, "\t%s is gone: no new instance starts\n", json_text_of(job, "path"));
	if (*refused != '\0')
		strbuf_addf(b, "\tits last edit is refused: %s\n", refused);
}

static void
add_job(struct strbuf *b, const json_t *job)
{
	const json_t *instances = json_object_get(job, "instances"), *instance;
	size_t i;

	json_array_foreach(instances, i, instance) add_instance(b, job, instance);
	if (json_array_size(instances) == 0) {
		strbuf_addf(b, "%s stop/waiting, no instance of %s\n", json_text_of(job, "job"),
			    json_text_of(job, "instance"));
		add_what_starts(b, job, NULL);
		add_condition(b, "start on", json_object_get(job, "start_on"));
	}
	add_definition(b, job);
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct strbuf b auto_strbuf = STRBUF_INIT;
	char *text auto_free = NULL;
	json_t *root = NULL;
	bool unknown;
	int r;

	if (!operands[0])
		return tool_misuse(&ctl->tool, _("missing job name"));
	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	r = upstart_explain(ctl->upstart, operands[0], operands[1], &text, &err);
	unknown = r < 0 && upstart_error_is(&err, UPSTART_ERROR_UNKNOWN_JOB);
	if (waits_read(ctl, r, text, &err, &root) != EXIT_SUCCESS) {
		if (unknown)
			suggest_job(ctl, operands[0]);
		return EXIT_FAILURE;
	}
	if (ctl->json)
		return json_show(&ctl->tool, root);
	add_job(&b, root);
	json_decref(root);
	if (b.failed)
		tool_nomem();
	tool_print(&ctl->tool, "%s", b.p);
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_explain = {
	.name = "explain",
	.group = GROUP_JOB,
	.operands = "JOB [INSTANCE]",
	.summary = N_("Say why a job runs or does not, and what it waits for."),
	.help =
	    N_("Shows where the job is, who waits for whom, which events its conditions hold, which states its `while' "
	       "lacks, how its processes ended last, and what is wrong with its definition. "
	       "INSTANCE is the name of an instance; without it all are explained."),
	.options = options,
	.run = run,
};
