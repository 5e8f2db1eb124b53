/* SPDX-License-Identifier: MIT */
/*
 * States that are no job's, and all there are.
 */
#include "libupstart/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
upstart_set_state(struct upstart *conn, const char *name, char *const *env, unsigned int flags,
		  struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "SetState", CALL_AGAIN, "sao" };

	return client_call(conn, &call, NULL, err, name, env, flags);
}

int
upstart_clear_state(struct upstart *conn, const char *name, char *const *env, unsigned int flags,
		    struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "ClearState",
				   flags & UPSTART_STATE_WAIT ? CALL_WAIT_TOKEN : CALL_AGAIN, "sao" };

	return client_call(conn, &call, NULL, err, name, env, flags);
}

int
upstart_replace_states(struct upstart *conn, const char *name, char *const *const *envs, unsigned int flags,
		       struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "ReplaceStates", CALL_AGAIN, "sAo" };

	return client_call(conn, &call, NULL, err, name, envs, flags);
}

/* ---- all there are ---- */

struct upstart_state *
upstart_states_free(struct upstart_state *states, size_t count)
{
	for (size_t i = 0; states && i < count; i++) {
		for (size_t k = 0; k < states[i].owner_count; k++) {
			free(states[i].owners[k].job);
			free(states[i].owners[k].instance);
		}
		free(states[i].owners);
		upstart_strv_free(states[i].env);
		free(states[i].name);
	}
	free(states);
	return NULL;
}

static size_t
count_items(DBusMessageIter item)
{
	size_t n = 0;

	for (; dbus_message_iter_get_arg_type(&item) != DBUS_TYPE_INVALID; dbus_message_iter_next(&item))
		n++;
	return n;
}

/* ao: instances, or "/". */
static int
read_owners(struct upstart_state *state, DBusMessageIter *array, struct upstart_error *err)
{
	DBusMessageIter item;
	const char *path;

	dbus_message_iter_recurse(array, &item);
	state->owners = calloc(count_items(item) + 1, sizeof(*state->owners));
	if (!state->owners)
		return client_nomem(err);
	for (; dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_OBJECT_PATH; dbus_message_iter_next(&item)) {
		struct upstart_owner *owner = &state->owners[state->owner_count];

		dbus_message_iter_get_basic(&item, &path);
		if (strcmp(path, "/") != 0 && !client_read_path(path, &owner->job, &owner->instance))
			return client_reply_malformed(err);
		state->owner_count++;
	}
	return 0;
}

/* (sasao) */
static int
read_state(struct upstart_state *state, DBusMessageIter *item, struct upstart_error *err)
{
	DBusMessageIter field;
	const char *name;
	int r;

	dbus_message_iter_recurse(item, &field);
	dbus_message_iter_get_basic(&field, &name);
	state->name = strdup(name);
	if (!state->name)
		return client_nomem(err);
	dbus_message_iter_next(&field);
	r = client_iter_strv(&field, DBUS_TYPE_STRING, &state->env, err);
	if (r < 0)
		return r;
	dbus_message_iter_next(&field);
	return read_owners(state, &field, err);
}

static int
read_states(DBusMessage *reply, struct upstart_state **states, size_t *count, struct upstart_error *err)
{
	struct upstart_state *got;
	DBusMessageIter iter, item;
	size_t n = 0;
	int r = 0;

	if (!dbus_message_has_signature(reply, "a(sasao)") || !dbus_message_iter_init(reply, &iter))
		return client_reply_malformed(err);
	dbus_message_iter_recurse(&iter, &item);
	got = calloc(count_items(item) + 1, sizeof(*got));
	if (!got)
		return client_nomem(err);
	for (; r == 0 && dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_STRUCT; dbus_message_iter_next(&item))
		r = read_state(&got[n++], &item, err);
	if (r < 0) {
		upstart_states_free(got, n);
		return r;
	}
	*states = got;
	*count = n;
	return 0;
}

int
upstart_get_states(struct upstart *conn, struct upstart_state **states, size_t *count, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetStates", CALL_AGAIN, "" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err);

	if (r < 0)
		return r;
	r = read_states(reply, states, count, err);
	dbus_message_unref(reply);
	return r;
}
