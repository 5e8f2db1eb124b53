/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/str.h"
#include "initctl/commands.h"
#include "initctl/json.h"

static void
add_owner(struct strbuf *b, const struct upstart_owner *owner)
{
	if (!owner->job) {
		strbuf_add(b, _("a user"));
		return;
	}
	tool_add_visible(b, owner->job);
	if (!*owner->instance)
		return;
	strbuf_add(b, " (");
	tool_add_visible(b, owner->instance);
	strbuf_addc(b, ')');
}

/* Is it the state of a job, which is its own? */
static bool
is_own(const struct upstart_state *state)
{
	return state->owner_count == 1 && state->owners[0].job && strcmp(state->owners[0].job, state->name) == 0;
}

static void
add_state(struct strbuf *b, const struct upstart_state *state)
{
	tool_add_visible(b, state->name);
	for (size_t i = 0; state->env[i]; i++) {
		strbuf_addc(b, ' ');
		tool_add_visible(b, state->env[i]);
	}
	for (size_t i = 0; i < state->owner_count && !is_own(state); i++) {
		strbuf_add(b, i > 0 ? ", " : ", set by ");
		add_owner(b, &state->owners[i]);
	}
	strbuf_addc(b, '\n');
}

static json_t *
json_state(const struct upstart_state *state)
{
	json_t *object = json_object(), *owners = json_array();

	for (size_t i = 0; i < state->owner_count; i++) {
		json_t *owner = json_object();

		json_put(owner, "job", json_text(state->owners[i].job));
		json_put(owner, "instance", json_text(state->owners[i].instance));
		if (json_array_append_new(owners, owner) < 0)
			tool_nomem();
	}
	json_put(object, "state", json_text(state->name));
	json_put(object, "env", json_env(state->env));
	json_put(object, "owners", owners);
	return object;
}

static bool
is_meant(const struct upstart_state *state, const char *name)
{
	return !name || strcmp(state->name, name) == 0;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct strbuf b auto_strbuf = STRBUF_INIT;
	struct upstart_state *states;
	json_t *array = NULL;
	size_t count;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_get_states(ctl->upstart, &states, &count, &err) < 0)
		return initctl_failed(ctl, &err);
	if (ctl->json)
		array = json_array();
	for (size_t i = 0; i < count; i++) {
		if (!is_meant(&states[i], operands[0]))
			continue;
		if (!ctl->json)
			add_state(&b, &states[i]);
		else if (json_array_append_new(array, json_state(&states[i])) < 0)
			tool_nomem();
	}
	upstart_states_free(states, count);
	if (ctl->json)
		return json_show(&ctl->tool, array);
	if (b.failed)
		tool_nomem();
	tool_print(&ctl->tool, "%s", b.p ? b.p : "");
	return EXIT_SUCCESS;
}

static const struct option_spec options[] = {
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_list_states = {
	.name = "list-states",
	.group = GROUP_STATE,
	.operands = "[NAME]",
	.summary = N_("Show the states that hold."),
	.help = N_("With its variables and who has set it: those of jobs, one for each instance that is up, of how jobs "
		   "ended, the runlevel, and those that were set with `set-state' or over D-Bus. NAME shows those of that "
		   "name only."),
	.options = options,
	.run = run,
};
