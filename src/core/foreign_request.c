/* SPDX-License-Identifier: MIT */
/*
 * Clients set, clear and replace foreign states: who asks, what is wrong with it, and who looks then. What a state is, and
 * how long it is held, is in foreign.c.
 */
#include "core/foreign.h"

#include "common/msg.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#define NAME_MAX_BYTES 255
#define FOREIGN_MAX 65536 /* states, and names */

/* Who asks, and what came of it. */
struct change {
	const struct input_state *in;
	struct asker who;
	struct job *caller; /* the instance whose process asks; NULL: none */
	struct job *holder; /* the instance that holds; NULL: the administrator */
	char *name;	    /* owned: inside init */
	bool changed;	    /* states came or went */
};

static int
answer(struct core *core, const struct change *c, const char *error, const char *text)
{
	request_answer(core, c->who.request, 0, error, text, NULL, NULL);
	return 0;
}

static bool
is_name_char(char c, bool first)
{
	bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':';

	return word || (!first && c != '\0' && strchr("_./-", c) != NULL);
}

/* What is wrong with the name; NULL: nothing. */
static const char *
name_fault(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!is_name_char(name[i], i == 0))
			return "Name of a state may hold letters, digits and _ . : / - only, and begins with a letter, "
			       "a digit or ':'";
	if (n == 0)
		return "Name may not be empty string";
	return n > NAME_MAX_BYTES ? "Name of a state may not be longer than 255 bytes" : NULL;
}

/* States that were set before a job had their name, and do not count since. */
static bool
are_hidden(const struct core *core, const struct change *c, const char *name)
{
	auto_free char *joined = scope_join(scope_of(c->in->root), name);
	const struct known *known = joined != NULL ? known_get(core, joined) : NULL;

	return known != NULL && known->states != NULL;
}

/* 1: refused and answered; 0: go on; -ENOMEM. */
static int
check_name(struct core *core, struct change *c)
{
	const char *name = c->in->name != NULL ? c->in->name : "", *fault = name_fault(name);
	auto_free char *text = NULL;

	if (fault == NULL && state_is_reserved(core, scope_of(c->in->root), name) &&
	    !(c->in->action == STATE_CLEAR && are_hidden(core, c, name))) {
		text = str_printf("Name is that of a job's state, or of init's own: %s", name);
		if (text == NULL)
			return -ENOMEM;
		fault = text;
	}
	if (fault != NULL)
		return answer(core, c, ERR_INVALID_ARGS, fault) < 0 ? -ENOMEM : 1;
	c->name = scope_join(scope_of(c->in->root), name);
	if (c->name == NULL)
		return -ENOMEM;
	if (known_get(core, c->name) == NULL && core->n_known >= FOREIGN_MAX)
		return answer(core, c, ERR_LIMITS, "Too many names of states are known") < 0 ? -ENOMEM : 1;
	return 0;
}

static int
refuse_full(struct core *core, const struct change *c)
{
	char text[64];

	(void) snprintf(text, sizeof(text), "Too many states are set: %d", FOREIGN_MAX);
	return answer(core, c, ERR_LIMITS, text);
}

/*
 * What the change goes back to. That of a task or a hook goes back to what its instance goes back to. A service that
 * runs is a beginning of its own, however often it changes its mind; only for its own `while` it is not.
 */
static struct origin
origin_of_change(const struct change *c)
{
	struct origin from = { 0 };

	if (c->caller == NULL)
		return from;
	from = origin_of(c->caller);
	if (c->caller->state == JOB_RUNNING && c->caller->goal == GOAL_START && !c->caller->cls->task)
		from.cause = 0;
	return from;
}

/* Those who follow the name look. */
static void
tell(struct core *core, const struct change *c, const struct event *event)
{
	follow_mark(core, c->name, origin_of_change(c), event);
	if (c->caller != NULL)
		follow_own(c->caller);
	follow_run(core);
}

/* The owner for what the caller holds from now on. NULL: out of memory. */
static struct owner *
owner_for(struct core *core, const struct change *c)
{
	const struct job *job = c->holder;

	return owner_make(core, job != NULL ? job->slot->name : NULL, job != NULL ? job->name : NULL, c->in->uid,
			  c->in->bound ? c->in->connection : NULL);
}

/* Is it one that the caller may let go of things for without `all`? */
static bool
is_callers(const struct change *c, const struct owner *owner)
{
	if (owner->connection != NULL &&
	    (c->in->connection == NULL || strcmp(owner->connection, c->in->connection) != 0))
		return false;
	if (c->holder != NULL)
		return owner_acts_for(owner, c->holder->slot->name, c->holder->name);
	return owner->job == NULL && owner->uid == c->in->uid;
}

static int
do_set(struct core *core, struct change *c)
{
	struct known *known;
	struct owner *owner;
	const char *error, *why = env_fault(c->in->env, &error);
	bool was_known;

	if (why != NULL)
		return answer(core, c, error, why);
	was_known = known_get(core, c->name) != NULL;
	known = known_make(core, c->name);
	if (known == NULL)
		return -ENOMEM;
	if (core->n_foreign >= FOREIGN_MAX && foreign_find(core, known, c->in->env) == NULL)
		return refuse_full(core, c);
	owner = owner_for(core, c);
	if (owner == NULL)
		return -ENOMEM;
	c->changed = hold_begin(core, known, c->in->env, owner);
	if (owner->holds == NULL)
		owner_free(core, owner);
	if (c->changed || !was_known)
		tell(core, c, NULL);
	return core->oom ? -ENOMEM : answer(core, c, NULL, NULL);
}

/* Does each of the pairs, whose values are patterns, match a variable of the state? */
static bool
is_meant(const struct foreign *state, char *const *pairs)
{
	for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i++) {
		struct span key = { pairs[i], strcspn(pairs[i], "=") };
		const char *value = env_get_span(state->env, key);

		if (value == NULL || fnmatch(pairs[i] + key.n + 1, value, 0) != 0)
			return false;
	}
	return true;
}

/* Let go of holds of a name. */
static void
clear(struct core *core, struct change *c, const struct known *known)
{
	struct foreign *state, *next_state;
	struct hold *hold, *next;

	DL_FOREACH_SAFE(known->states, state, next_state) {
		if (!is_meant(state, c->in->env))
			continue;
		DL_FOREACH_SAFE(state->holds, hold, next) {
			struct owner *owner = hold->owner;

			if (!c->in->all && !is_callers(c, owner))
				continue;
			c->changed |= hold_end(core, hold);
			if (owner->holds == NULL)
				owner_free(core, owner);
		}
	}
}

/*
 * Those that fall are waited for as those that an event brings down: the event is one that nobody hears, and the
 * call waits for it.
 */
static int
wait_for_falls(struct core *core, const struct change *c)
{
	auto_free char *name = str_printf("clear-state %s", scope_plain(c->name));
	struct event *event = name != NULL ? event_emit_silent(core, scope_root(c->name), name) : NULL;

	/* The caller is known to wait before others are to wait for: it may be one of those they wait for. */
	if (event == NULL || event_wait_request(core, event, &c->who) < 0)
		return -ENOMEM;
	tell(core, c, event);
	return 0;
}

static int
do_clear(struct core *core, struct change *c)
{
	bool was_known = known_get(core, c->name) != NULL;
	const char *error, *why = env_fault(c->in->env, &error);
	const struct known *known;

	if (why != NULL)
		return answer(core, c, error, why);
	known = known_make(core, c->name);
	if (known == NULL)
		return -ENOMEM;
	clear(core, c, known);
	if (c->changed && c->in->wait)
		return wait_for_falls(core, c);
	if (c->changed || !was_known)
		tell(core, c, NULL);
	return answer(core, c, NULL, NULL);
}

/* The next of several environments, each a number of strings and those: 1 and it, borrowed; 0: the end; -EINVAL. */
static int
next_env(char *const **at, char ***env)
{
	char *end;
	unsigned long n;

	*env = NULL;
	if (*at == NULL || **at == NULL)
		return 0;
	errno = 0;
	n = strtoul(**at, &end, 10);
	if (errno != 0 || end == **at || *end != '\0')
		return -EINVAL;
	(*at)++;
	for (; n > 0; n--, (*at)++)
		if (**at == NULL || strv_add(env, **at) < 0) {
			*env = strv_free(*env);
			return **at == NULL ? -EINVAL : -ENOMEM;
		}
	return 1;
}

/* 1: refused and answered, 0: go on, or -ENOMEM. */
static int
check_envs(struct core *core, const struct change *c, const struct known *known)
{
	char *const *at = c->in->env;
	char **env;
	size_t fresh = 0;
	int r;

	while ((r = next_env(&at, &env)) > 0) {
		const char *error, *why = env_fault(env, &error);

		fresh += known == NULL || foreign_find(core, known, env) == NULL;
		(void) strv_free(env);
		if (why != NULL)
			return answer(core, c, error, why) < 0 ? -ENOMEM : 1;
	}
	if (r == -EINVAL)
		return answer(core, c, ERR_INVALID_ARGS, "Env must be KEY=VALUE pairs") < 0 ? -ENOMEM : 1;
	if (r == 0 && core->n_foreign + fresh > FOREIGN_MAX)
		return refuse_full(core, c) < 0 ? -ENOMEM : 1;
	return core->oom ? -ENOMEM : r;
}

/* Of the caller's holds under the name those that are not set again go. */
static int
do_replace(struct core *core, struct change *c)
{
	struct known *known = known_get(core, c->name);
	bool was_known = known != NULL;
	int r = check_envs(core, c, known);
	char *const *at = c->in->env;
	struct hold *held, *next;
	struct owner *owner;
	char **env;

	if (r != 0)
		return r < 0 ? r : 0;
	known = known_make(core, c->name);
	owner = known != NULL ? owner_for(core, c) : NULL;
	if (owner == NULL)
		return -ENOMEM;
	DL_FOREACH2(owner->holds, held, owned_next)
		held->leaving = held->state->known == known;
	while (next_env(&at, &env) > 0) {
		c->changed |= hold_begin(core, known, env, owner);
		(void) strv_free(env);
	}
	DL_FOREACH_SAFE2(owner->holds, held, next, owned_next)
		if (held->leaving)
			c->changed |= hold_end(core, held);
	if (owner->holds == NULL)
		owner_free(core, owner);
	if (c->changed || !was_known)
		tell(core, c, NULL);
	return core->oom ? -ENOMEM : answer(core, c, NULL, NULL);
}

/* The instance whose process asks, and the one that holds. */
static void
find_caller(const struct core *core, struct change *c)
{
	const struct input_state *in = c->in;

	c->who = (struct asker){ in->request, 0, in->caller > 0 ? core_process_of_pid(core, in->caller) : 0 };
	c->caller = map_get_id(&core->process_to_job, c->who.process);
	if (c->caller == NULL || in->administrator)
		return;
	if (in->job == NULL || (strcmp(in->job, c->caller->slot->name) == 0 && in->instance != NULL &&
				strcmp(in->instance, c->caller->name) == 0))
		c->holder = c->caller;
}

int
foreign_apply(struct core *core, const struct input_state *in)
{
	static int (*const actions[STATE_ACTION_COUNT])(struct core *core, struct change *c) = {
		[STATE_SET] = do_set,
		[STATE_CLEAR] = do_clear,
		[STATE_REPLACE] = do_replace,
	};
	struct change c = { .in = in };
	int r;

	if (in->action == STATE_CONNECTION_ENDED) {
		if (in->connection == NULL)
			return -EINVAL;
		foreign_connection_ended(core, in->connection);
		return 0;
	}
	if (in->action >= STATE_ACTION_COUNT || (in->bound && in->connection == NULL))
		return -EINVAL;
	find_caller(core, &c);
	r = check_name(core, &c);
	if (r == 0)
		r = actions[in->action](core, &c);
	free(c.name);
	return r < 0 ? r : 0;
}
