/* SPDX-License-Identifier: MIT */
/*
 * Foreign states: those that no job has, but that bridges, scripts and applications set and clear. Each is held by
 * owners, and stays as long as there is one:
 *
 *   an instance          whose process asked; until it begins to stop for good
 *   the administrator    of that user id, when no job's process asked; until it is let go
 *   a connection         of either, if the hold is bound to it; until it ends
 *
 * A respawn or restart keeps the holds of an instance; what it has not set again ten seconds after it is up goes. The
 * same is done when the servant that knows connections is lost. A name that was set, cleared or replaced is known ever
 * after; of one that is not neither a term nor its `not` holds. Names of chroot sessions are joined with their root
 * (common/scope.h), as those of jobs.
 */
#include "core/foreign.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define AGAIN_USEC (10 * USEC_PER_SEC)

/* -- owners ------------------------------------------------------------------------- */

/* Owned; NULL when out of memory. Lengths keep apart what the separators may be part of. */
static char *
owner_key(const char *job, const char *instance, int32_t uid, const char *connection)
{
	connection = connection != NULL ? connection : "";
	if (job != NULL)
		return str_printf("j%zu:%s%zu:%s%s", strlen(job), job, strlen(instance), instance, connection);
	return str_printf("u%d:%s", (int) uid, connection);
}

static struct owner *
owner_find(struct core *core, const char *job, const char *instance, int32_t uid, const char *connection)
{
	auto_free char *key = owner_key(job, instance, uid, connection);

	if (key == NULL)
		core->oom = true;
	return key != NULL ? map_get(&core->owners_by_key, key) : NULL;
}

void
owner_free(struct core *core, struct owner *owner)
{
	if (owner->key != NULL && map_get(&core->owners_by_key, owner->key) == owner) {
		map_del(&core->owners_by_key, owner->key);
		DL_DELETE(core->owners, owner);
		core->n_bound -= owner->connection != NULL ? 1 : 0;
	}
	free(owner->key);
	free(owner->job);
	free(owner->instance);
	free(owner->connection);
	free(owner);
}

/* NULL: out of memory, and oom is set. */
struct owner *
owner_make(struct core *core, const char *job, const char *instance, int32_t uid, const char *connection)
{
	struct owner *owner = owner_find(core, job, instance, uid, connection);

	if (owner != NULL)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (owner == NULL) {
		core->oom = true;
		return NULL;
	}
	owner->uid = job != NULL ? -1 : uid;
	owner->key = owner_key(job, instance, uid, connection);
	if (owner->key == NULL || str_copy(&owner->job, job) < 0 ||
	    str_copy(&owner->instance, job != NULL ? instance : NULL) < 0 ||
	    str_copy(&owner->connection, connection) < 0 || map_put(&core->owners_by_key, owner->key, owner) < 0) {
		owner_free(core, owner);
		core->oom = true;
		return NULL;
	}
	owner->id = core_new_id(core);
	core->n_bound += connection != NULL ? 1 : 0;
	DL_APPEND(core->owners, owner);
	return owner;
}

/* -- names and states ----------------------------------------------------------------- */

struct known *
known_get(const struct core *core, const char *name)
{
	return map_get(&core->known_by_name, name);
}

struct known *
known_make(struct core *core, const char *name)
{
	struct known *known = known_get(core, name);

	if (known != NULL)
		return known;
	known = calloc(1, sizeof(*known));
	if (known != NULL)
		known->name = strdup(name);
	if (known == NULL || known->name == NULL || map_put(&core->known_by_name, name, known) < 0) {
		if (known != NULL)
			free(known->name);
		free(known);
		core->oom = true;
		return NULL;
	}
	DL_APPEND(core->known, known);
	core->n_known++;
	return known;
}

/* What tells states of one name apart. Owned; NULL when out of memory. */
static char *
state_key(char *const *env)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "");
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		strbuf_addf(&b, "%zu:%s", strlen(env[i]), env[i]);
	return strbuf_steal(&b);
}

static void
notify(struct core *core, uint32_t type, const struct foreign *state)
{
	struct span root = scope_root(state->known->name);
	auto_free char *text = root.n > 0 ? span_dup(root) : NULL;

	core->oom = core->oom || (root.n > 0 && text == NULL);
	core_notify(core, type, NULL, text, scope_plain(state->known->name), state->env, 0);
}

static void
state_free(struct core *core, struct foreign *state)
{
	map_del(&state->known->by_key, state->key);
	DL_DELETE(state->known->states, state);
	core->n_foreign--;
	(void) strv_free(state->env);
	free(state->key);
	free(state);
}

/* It need not have a holder yet. Takes the key. NULL: out of memory, and oom is set. */
static struct foreign *
state_make(struct core *core, struct known *known, char *const *env, char *key)
{
	struct foreign *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		free(key);
		core->oom = true;
		return NULL;
	}
	state->known = known;
	state->key = key;
	if (strv_dup(&state->env, env) < 0 || map_put(&known->by_key, key, state) < 0) {
		(void) strv_free(state->env);
		free(state->key);
		free(state);
		core->oom = true;
		return NULL;
	}
	DL_APPEND(known->states, state);
	core->n_foreign++;
	return state;
}

struct foreign *
foreign_find(struct core *core, const struct known *known, char *const *env)
{
	auto_free char *key = state_key(env);

	if (key == NULL)
		core->oom = true;
	return key != NULL ? map_get(&known->by_key, key) : NULL;
}

/* -- holding and letting go -------------------------------------------------------------- */

struct hold *
hold_get(const struct foreign *state, const struct owner *owner)
{
	struct hold *hold;

	DL_FOREACH(state->holds, hold)
		if (hold->owner == owner)
			return hold;
	return NULL;
}

static int
hold_add(struct core *core, struct foreign *state, struct owner *owner, uint64_t id, bool stale)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (hold == NULL) {
		core->oom = true;
		return -ENOMEM;
	}
	*hold = (struct hold){ .id = id, .state = state, .owner = owner, .stale = stale };
	DL_APPEND(state->holds, hold);
	DL_APPEND2(owner->holds, hold, owned_prev, owned_next);
	return 0;
}

/* True if the state is cleared by it. The owner stays. */
bool
hold_end(struct core *core, struct hold *hold)
{
	struct foreign *state = hold->state;

	DL_DELETE(state->holds, hold);
	DL_DELETE2(hold->owner->holds, hold, owned_prev, owned_next);
	free(hold);
	if (state->holds != NULL)
		return false;
	notify(core, NOTIFY_STATE_CLEARED, state);
	state_free(core, state);
	return true;
}

/* The owner holds it. True if it was not there before. */
bool
hold_begin(struct core *core, struct known *known, char *const *env, struct owner *owner)
{
	char *key = state_key(env);
	struct foreign *state = key != NULL ? map_get(&known->by_key, key) : NULL;
	struct hold *held = state != NULL ? hold_get(state, owner) : NULL;
	bool is_new = state == NULL;

	if (key == NULL) {
		core->oom = true;
		return false;
	}
	if (is_new)
		state = state_make(core, known, env, key);
	else
		free(key);
	if (state == NULL)
		return false;
	if (held != NULL) {
		held->stale = held->leaving = false;
		return false;
	}
	if (hold_add(core, state, owner, core_new_id(core), false) < 0) {
		if (is_new)
			state_free(core, state);
		return false;
	}
	if (is_new)
		notify(core, NOTIFY_STATE_SET, state);
	return is_new;
}

/* Let go of all that an owner holds, or of what it has not set again. The caller has those who follow it look. */
static void
owner_let_go(struct core *core, struct owner *owner, bool only_stale, struct origin from, const struct event *event)
{
	struct hold *hold, *next;

	DL_FOREACH_SAFE2(owner->holds, hold, next, owned_next) {
		const char *name = hold->state->known->name;

		if ((hold->stale || !only_stale) && hold_end(core, hold))
			follow_mark(core, name, from, event);
	}
	if (owner->holds == NULL)
		owner_free(core, owner);
}

/* -- looking ---------------------------------------------------------------------------- */

static const struct known *
known_in(const struct core *core, struct span root, const char *name)
{
	auto_free char *joined = root.n > 0 ? scope_join(root, name) : NULL;
	const struct known *known = joined != NULL ? known_get(core, joined) : NULL;

	return known != NULL ? known : known_get(core, name);
}

bool
foreign_each(const struct core *core, struct span root, const char *name, state_fn fn, void *data)
{
	const struct known *known = known_in(core, root, name);
	const struct foreign *state;

	if (known == NULL)
		return false;
	DL_FOREACH(known->states, state)
		fn(state->env, data);
	return true;
}

/* Those a session sees: its own, and the machine's. */
static int
tell_of(const struct foreign *state, core_state_fn fn, void *data)
{
	auto_free struct core_owner *owners = NULL;
	const struct hold *hold;
	size_t n;

	DL_COUNT(state->holds, hold, n);
	owners = calloc(n, sizeof(*owners));
	if (owners == NULL)
		return -ENOMEM;
	n = 0;
	DL_FOREACH(state->holds, hold)
		owners[n++] = (struct core_owner){ hold->owner->job, hold->owner->instance };
	fn(&(struct core_state){ scope_plain(state->known->name), state->env, owners, n }, data);
	return 0;
}

int
foreign_each_state(const struct core *core, struct span root, core_state_fn fn, void *data)
{
	const struct known *known;
	const struct foreign *state;

	DL_FOREACH(core->known, known) {
		struct span of = scope_root(known->name);

		if (of.n > 0 && !scope_equal(of, root))
			continue;
		/* A job's hide those that were there before it. */
		if (known->states == NULL || state_job(core, root, scope_plain(known->name)) != NULL)
			continue;
		DL_FOREACH(known->states, state)
			if (tell_of(state, fn, data) < 0)
				return -ENOMEM;
	}
	return 0;
}

void
foreign_hidden(struct core *core, const char *name)
{
	const struct known *known = known_get(core, name);
	const struct hold *hold = known != NULL && known->states != NULL ? known->states->holds : NULL;
	const char *holder = hold != NULL && hold->owner->job != NULL ? hold->owner->job : "the administrator";

	if (hold != NULL)
		core_log(core, LOG_LEVEL_WARN,
			 "State %s of %s does not count any more: a job has that name; it may be cleared", name,
			 holder);
}

/* -- instances --------------------------------------------------------------------------- */

static struct owner *
owner_of(struct core *core, const struct job *job)
{
	return core->owners != NULL ? owner_find(core, job->slot->name, job->name, -1, NULL) : NULL;
}

/* Is it an owner that acts for the instance, over whichever connection? */
bool
owner_acts_for(const struct owner *owner, const char *job, const char *instance)
{
	return owner->job != NULL && strcmp(owner->job, job) == 0 && strcmp(owner->instance, instance) == 0;
}

static void
instance_let_go(struct core *core, const char *job, const char *instance, struct origin from, const struct event *event)
{
	struct owner *owner = core->owners != NULL ? owner_find(core, job, instance, -1, NULL) : NULL, *next;

	if (owner != NULL)
		owner_let_go(core, owner, false, from, event);
	DL_FOREACH_SAFE(core->n_bound > 0 ? core->owners : NULL, owner, next)
		if (owner->connection != NULL && owner_acts_for(owner, job, instance))
			owner_let_go(core, owner, false, from, event);
	follow_run(core);
}

void
foreign_forget_timer(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->holds_timer);
	core_timer_cancel(core, &job->holds_timer);
}

void
foreign_starting(struct core *core, struct job *job)
{
	struct owner *owner = owner_of(core, job);
	struct hold *hold;

	foreign_forget_timer(core, job);
	if (owner != NULL)
		DL_FOREACH2(owner->holds, hold, owned_next)
			hold->stale = true;
}

void
foreign_up(struct core *core, struct job *job)
{
	const struct owner *owner = owner_of(core, job);
	const struct hold *hold = owner != NULL ? owner->holds : NULL;

	while (hold != NULL && !hold->stale)
		hold = hold->owned_next;
	if (hold == NULL || job->holds_timer != 0)
		return;
	job->holds_timer = core_timer(core, core->now + AGAIN_USEC);
	core_oom(core, map_put_id(&core->timer_to_job, job->holds_timer, job));
}

void
foreign_stopping(struct core *core, struct job *job, const struct event *event)
{
	foreign_forget_timer(core, job);
	instance_let_go(core, job->slot->name, job->name, origin_of(job), event);
}

void
foreign_gone(struct core *core, const char *job, const char *instance, struct origin from)
{
	instance_let_go(core, job, instance, from, NULL);
}

static void
bound_timer_due(struct core *core)
{
	struct owner *owner, *next;
	struct origin outside = { 0 };

	core->bound_timer = 0;
	DL_FOREACH_SAFE(core->owners, owner, next)
		if (owner->connection != NULL)
			owner_let_go(core, owner, true, outside, NULL);
	follow_run(core);
}

bool
foreign_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);
	struct owner *owner;

	if (timer == core->bound_timer) {
		bound_timer_due(core);
		return true;
	}
	if (job == NULL || job->holds_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->holds_timer = 0;
	owner = owner_of(core, job);
	if (owner != NULL)
		owner_let_go(core, owner, true, (struct origin){ 0 }, NULL);
	follow_run(core);
	return true;
}

void
foreign_connection_ended(struct core *core, const char *connection)
{
	struct owner *owner, *next;
	struct origin outside = { 0 };

	DL_FOREACH_SAFE(core->owners, owner, next)
		if (owner->connection != NULL && strcmp(owner->connection, connection) == 0)
			owner_let_go(core, owner, false, outside, NULL);
	follow_run(core);
}

void
foreign_connections_lost(struct core *core)
{
	struct owner *owner;
	struct hold *hold;
	bool any = false;

	DL_FOREACH(core->owners, owner)
		if (owner->connection != NULL)
			DL_FOREACH2(owner->holds, hold, owned_next)
				any = hold->stale = true;
	core_timer_cancel(core, &core->bound_timer);
	if (any)
		core->bound_timer = core_timer(core, core->now + AGAIN_USEC);
}

/* -- keeping -------------------------------------------------------------------------------- */

void
foreign_free(struct core *core)
{
	struct known *known, *next_known;
	struct foreign *state, *next_state;
	struct hold *hold, *next_hold;
	struct owner *owner, *next_owner;

	DL_FOREACH_SAFE(core->known, known, next_known) {
		DL_FOREACH_SAFE(known->states, state, next_state) {
			DL_FOREACH_SAFE(state->holds, hold, next_hold)
				free(hold);
			state_free(core, state);
		}
		map_deinit(&known->by_key);
		free(known->name);
		free(known);
	}
	DL_FOREACH_SAFE(core->owners, owner, next_owner)
		owner_free(core, owner);
	map_deinit(&core->known_by_name);
	map_deinit(&core->owners_by_key);
	core->known = NULL;
}

/* With a hold goes its owner: what the owner holds, and in which order, follows from that. */
static const struct wire_field owner_fields[] = {
	WIRE_FIELD(U64, struct owner, id),
	WIRE_FIELD(STR, struct owner, job),
	WIRE_FIELD(STR, struct owner, instance),
	WIRE_FIELD(I32, struct owner, uid),
	WIRE_FIELD(STR, struct owner, connection),
};
static const struct wire_schema owner_schema = WIRE_SCHEMA("owner", owner_fields);

static void
put_hold(struct strbuf *b, const struct hold *hold)
{
	wire_put_array(b, 3);
	wire_put_uint(b, hold->id);
	wire_put_struct(b, &owner_schema, hold->owner);
	wire_put_bool(b, hold->stale);
}

static void
put_state(struct strbuf *b, const struct foreign *state)
{
	const struct hold *hold;
	size_t n;

	DL_COUNT(state->holds, hold, n);
	wire_put_array(b, 2);
	wire_put_strv(b, state->env);
	wire_put_array(b, n);
	DL_FOREACH(state->holds, hold)
		put_hold(b, hold);
}

void
foreign_put(struct strbuf *b, const struct core *core)
{
	const struct known *known;
	const struct foreign *state;

	wire_put_array(b, core->n_known);
	DL_FOREACH(core->known, known) {
		size_t n;

		DL_COUNT(known->states, state, n);
		wire_put_array(b, 2);
		wire_put_cstr(b, known->name);
		wire_put_array(b, n);
		DL_FOREACH(known->states, state)
			put_state(b, state);
	}
}

static int
get_hold(struct core *core, struct wire_in *in, struct foreign *state)
{
	struct owner flat = { 0 }, *owner = NULL;
	uint64_t id, last_id = core->last_id;
	int r = -EBADMSG;

	if (wire_get_array(in) != 3)
		return r;
	id = wire_get_uint(in);
	r = wire_get_struct(in, &owner_schema, &flat);
	if (r == 0 && flat.job != NULL && flat.instance == NULL)
		r = -EBADMSG;
	if (r == 0) {
		owner = owner_make(core, flat.job, flat.instance, flat.uid, flat.connection);
		r = owner == NULL ? -ENOMEM : hold_get(state, owner) != NULL ? -EBADMSG : 0;
	}
	if (r == 0) {
		owner->id = flat.id;
		r = hold_add(core, state, owner, id, wire_get_bool(in));
	}
	core->last_id = last_id; /* making the owner counted on */
	wire_free_struct(&owner_schema, &flat);
	return r;
}

static int
compare_holds(const struct hold *a, const struct hold *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

static int
compare_owners(const struct owner *a, const struct owner *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

/* As they came about. */
static void
sort_owners(struct core *core)
{
	struct owner *owner;

	DL_SORT(core->owners, compare_owners);
	DL_FOREACH(core->owners, owner)
		DL_SORT2(owner->holds, compare_holds, owned_prev, owned_next);
}

static int
get_state(struct core *core, struct wire_in *in, struct known *known)
{
	auto_strv char **env = NULL;
	struct foreign *state;
	char *key;
	int r = wire_get_array(in) == 2 ? wire_get_strv(in, &env) : -EBADMSG;

	if (r < 0)
		return r;
	key = state_key(env);
	if (key == NULL || map_get(&known->by_key, key) != NULL) {
		r = key == NULL ? -ENOMEM : -EBADMSG;
		free(key);
		return r;
	}
	state = state_make(core, known, env, key);
	if (state == NULL)
		return -ENOMEM;
	for (size_t n = wire_get_array(in); n > 0 && r == 0 && !in->bad; n--)
		r = get_hold(core, in, state);
	return r == 0 && (in->bad || state->holds == NULL) ? -EBADMSG : r;
}

int
foreign_get(struct core *core, struct wire_in *in)
{
	int r = 0;

	for (size_t n = wire_get_array(in); n > 0 && r == 0 && !in->bad; n--) {
		auto_free char *name = wire_get_array(in) == 2 ? wire_get_cstr(in) : NULL;
		struct known *known;

		if (name == NULL || known_get(core, name) != NULL)
			return -EBADMSG;
		known = known_make(core, name);
		if (known == NULL)
			return -ENOMEM;
		for (size_t states = wire_get_array(in); states > 0 && r == 0 && !in->bad; states--)
			r = get_state(core, in, known);
	}
	sort_owners(core);
	return r == 0 && in->bad ? -EBADMSG : r;
}
