/* SPDX-License-Identifier: MIT */
#include "control/state.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "common/record_text.h"
#include "control/bound.h"
#include "control/libdbus.h"
#include "control/request.h"

/* -- options ------------------------------------------------------------------------ */

#define FOR_SET 1u
#define FOR_CLEAR 2u

static const struct option {
	const char *name;
	int type;
	unsigned where;
	uint32_t bit; /* 0: it is not one of request.options */
} state_options[] = {
	{ "bound", DBUS_TYPE_BOOLEAN, FOR_SET, REQUEST_OPTION_BOUND },
	{ "all", DBUS_TYPE_BOOLEAN, FOR_CLEAR, REQUEST_OPTION_ALL },
	{ "wait", DBUS_TYPE_BOOLEAN, FOR_CLEAR, 0 },
	{ "owner", DBUS_TYPE_STRING, FOR_SET | FOR_CLEAR, 0 },
};

static const struct option *
find_option(const char *name, unsigned where)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_options); i++)
		if (strcmp(state_options[i].name, name) == 0 && (state_options[i].where & where) != 0)
			return &state_options[i];
	return NULL;
}

/* The path of an instance, or "/". False: the call has been answered. */
static bool
read_owner(struct call *call, const char *path, struct object *owner, struct msg_request *request)
{
	if (strcmp(path, "/") == 0) {
		request->options |= REQUEST_OPTION_ADMINISTRATOR;
		return true;
	}
	object_deinit(owner);
	if (path_parse(path, owner) < 0) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return false;
	}
	if (owner->kind != OBJECT_INSTANCE) {
		call_error(call, ERR_INVALID_ARGS, "Owner must be the path of an instance, or /: %s", path);
		return false;
	}
	request->job = owner->job;
	request->instance = owner->instance;
	return true;
}

/* a{sv}, the last argument. What it names is `owner`'s, the caller's. False: the call has been answered. */
static bool
read_options(struct call *call, struct args *args, unsigned where, struct object *owner, struct msg_request *request)
{
	DBusMessageIter dict, entry, value;

	dbus_message_iter_recurse(&args->it, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; (void) dbus_message_iter_next(&dict)) {
		const struct option *option;
		dbus_bool_t is_on = FALSE;
		const char *name, *text;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		(void) dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		option = find_option(name, where);
		if (option == NULL || dbus_message_iter_get_arg_type(&value) != option->type) {
			call_error(call, ERR_INVALID_ARGS,
				   option == NULL ? "Unknown option: %s" : "Option of a wrong type: %s", name);
			return false;
		}
		if (option->type == DBUS_TYPE_STRING) {
			dbus_message_iter_get_basic(&value, &text);
			if (!read_owner(call, text, owner, request))
				return false;
			continue;
		}
		dbus_message_iter_get_basic(&value, &is_on);
		if (option->bit == 0)
			request->wait = is_on;
		else if (is_on)
			request->options |= option->bit;
	}
	return true;
}

/* -- changes ------------------------------------------------------------------------- */

/* Ask init, with what the connection is called. */
static void
ask(struct call *call, struct msg_request *request)
{
	request->connection = bound_name(call);
	if (request->connection == NULL || ((request->options & REQUEST_OPTION_BOUND) != 0 && !bound_watch(call)))
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
	else
		call_ask(call, request, call_finish_empty, -1);
	free(request->connection);
}

static void
change(struct call *call, enum request_action action, unsigned where, char **(*read_env)(struct args *args))
{
	struct msg_request request = { .action = action };
	struct object owner = OBJECT_INIT;
	struct args args;

	args_init(&args, call);
	request.name = (char *) (uintptr_t) args_string(&args);
	request.env = read_env(&args);
	if (request_args_ok(call, &args) && read_options(call, &args, where, &owner, &request))
		ask(call, &request);
	(void) strv_free(request.env);
	object_deinit(&owner);
}

void
state_set(struct call *call)
{
	change(call, REQUEST_STATE_SET, FOR_SET, args_strv);
}

void
state_clear(struct call *call)
{
	change(call, REQUEST_STATE_CLEAR, FOR_CLEAR, args_strv);
}

static size_t
count(DBusMessageIter it)
{
	size_t n = 0;

	for (; dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_INVALID; (void) dbus_message_iter_next(&it))
		n++;
	return n;
}

/* aas, flat: for each the number of its strings, then those. */
static char **
read_envs(struct args *args)
{
	char **flat = NULL;
	DBusMessageIter list, env;

	dbus_message_iter_recurse(&args->it, &list);
	(void) dbus_message_iter_next(&args->it);
	for (; dbus_message_iter_get_arg_type(&list) == DBUS_TYPE_ARRAY; (void) dbus_message_iter_next(&list)) {
		dbus_message_iter_recurse(&list, &env);
		if (strv_take(&flat, str_printf("%zu", count(env))) < 0)
			goto fail;
		for (; dbus_message_iter_get_arg_type(&env) == DBUS_TYPE_STRING; (void) dbus_message_iter_next(&env)) {
			const char *s;

			dbus_message_iter_get_basic(&env, &s);
			if (strv_add(&flat, s) < 0)
				goto fail;
		}
	}
	return flat;
fail:
	args->failed = true;
	return strv_free(flat);
}

void
state_replace(struct call *call)
{
	change(call, REQUEST_STATE_REPLACE, FOR_SET, read_envs);
}

/* -- looking --------------------------------------------------------------------------- */

/* Pairs of job and instance; an empty job is the administrator. */
static bool
put_owners(DBusMessageIter *it, char *const *owners)
{
	DBusMessageIter array;
	bool ok = dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "o", &array);

	if (!ok)
		return false;
	for (; ok && owners[0] != NULL && owners[1] != NULL; owners += 2) {
		auto_free char *path = owners[0][0] != '\0' ? path_instance(owners[0], owners[1]) : strdup("/");

		ok = libdbus_put_path(&array, path);
	}
	if (ok)
		return dbus_message_iter_close_container(it, &array);
	dbus_message_iter_abandon_container(it, &array);
	return false;
}

/* A record: name, number of variables, those, owners. */
static bool
put_state(DBusMessageIter *it, char **fields)
{
	size_t n = strv_len(fields), vars = n > 1 ? strtoul(fields[1], NULL, 10) : 0;
	auto_strv char **env = NULL;
	DBusMessageIter entry;
	bool ok;

	if (n < 2 || vars > n - 2)
		return false;
	for (size_t i = 0; i < vars; i++)
		if (strv_add(&env, fields[2 + i]) < 0)
			return false;
	if (!dbus_message_iter_open_container(it, DBUS_TYPE_STRUCT, NULL, &entry))
		return false;
	ok = libdbus_put_string(&entry, fields[0]) && libdbus_put_strv(&entry, env) &&
	     put_owners(&entry, fields + 2 + vars);
	if (ok)
		return dbus_message_iter_close_container(it, &entry);
	dbus_message_iter_abandon_container(it, &entry);
	return false;
}

static bool
put_states(DBusMessage *answer, const char *text)
{
	DBusMessageIter it, array;
	char **fields;
	int r;

	dbus_message_iter_init_append(answer, &it);
	if (!dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "(sasao)", &array))
		return false;
	while ((r = record_text_next(&text, &fields)) > 0) {
		bool ok = put_state(&array, fields);

		(void) strv_free(fields);
		if (!ok)
			break;
	}
	if (r == 0)
		return dbus_message_iter_close_container(&it, &array);
	dbus_message_iter_abandon_container(&it, &array);
	return false;
}

static void
finish_states(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer = call_reply_new(call);

	call_reply_filled(call, answer,
			  answer != NULL && put_states(answer, reply->value != NULL ? reply->value : ""));
}

void
state_get_all(struct call *call)
{
	request_simple(call, REQUEST_GET_STATES, finish_states);
}
