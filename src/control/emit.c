/* SPDX-License-Identifier: MIT */
#include "control/emit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/env.h"
#include "common/error.h"
#include "control/request.h"

/* Read and check name and environment, which the request owns. False: the call has been answered. */
static bool
event_args(struct call *call, struct args *args, struct msg_request *request)
{
	const char *error, *why;

	args_init(args, call);
	request->action = REQUEST_EMIT;
	request->name = REQUEST_BORROW(args_string(args));
	request->env = args_strv(args);
	if (!request_args_ok(call, args))
		return false;
	if (request->name[0] == '\0') {
		call_error(call, ERR_INVALID_ARGS, "Name may not be empty string");
		return false;
	}
	why = env_fault(request->env, &error);
	if (why != NULL)
		call_error(call, error, "%s", why);
	return why == NULL;
}

/* The same with `wait`, which follows. */
static bool
event_args_wait(struct call *call, struct args *args, struct msg_request *request)
{
	if (!event_args(call, args, request))
		return false;
	request->wait = args_bool(args);
	return true;
}

void
emit_event(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;

	if (event_args_wait(call, &args, &request))
		call_ask(call, &request, call_finish_empty, -1);
	(void) strv_free(request.env);
}

void
emit_event_with_token(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;

	if (event_args_wait(call, &args, &request) && request_token(call, &args, &request))
		call_ask(call, &request, call_finish_empty, -1);
	(void) strv_free(request.env);
}

#define NO_FILE "Unable to take the file: too many are open"

void
emit_event_with_file(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;

	if (event_args_wait(call, &args, &request)) {
		auto_close int fd = args_fd(&args);

		if (fd < 0)
			call_error(call, ERR_FAILED, NO_FILE);
		else
			call_ask(call, &request, call_finish_empty, fd);
	}
	(void) strv_free(request.env);
}

/* -- options ------------------------------------------------------------------ */

/* An event with options, while they are read. */
struct optional {
	struct call *call;
	struct msg_request request; /* owns env, classes, instances */
	int fds[IPC_MAX_FDS];	    /* owned */
	size_t n_fds;
	unsigned seen; /* bit per option */
};

static void
optional_deinit(struct optional *o)
{
	(void) strv_free(o->request.env);
	(void) strv_free(o->request.classes);
	(void) strv_free(o->request.instances);
	for (size_t i = 0; i < o->n_fds; i++)
		(void) close(o->fds[i]);
}

static bool
get_bool(DBusMessageIter *value)
{
	dbus_bool_t b = FALSE;

	dbus_message_iter_get_basic(value, &b);
	return b;
}

static bool
read_wait(struct optional *o, DBusMessageIter *value)
{
	o->request.wait = get_bool(value);
	return true;
}

static bool
read_literal(struct optional *o, DBusMessageIter *value)
{
	o->request.literal = get_bool(value);
	return true;
}

static bool
read_token(struct optional *o, DBusMessageIter *value)
{
	const char *token = "";

	dbus_message_iter_get_basic(value, &token);
	return request_set_token(o->call, token, &o->request);
}

/* One object that may hear the event, put behind those that are there. False: the call has been answered. */
static bool
choose(struct optional *o, const char *path, char ***class, char ***instance)
{
	struct object object;

	if (path_parse(path, &object) < 0) {
		call_error(o->call, ERR_NO_MEMORY, "Out of Memory");
		return false;
	}
	if (object.kind == OBJECT_JOB) {
		*(*class)++ = steal(&object.job);
	} else if (object.kind == OBJECT_INSTANCE) {
		*(*instance)++ = steal(&object.job);
		*(*instance)++ = steal(&object.instance);
	} else {
		call_error(o->call, ERR_INVALID_ARGS, "Neither a job nor an instance: %s", path);
		return false;
	}
	object_deinit(&object);
	return true;
}

static bool
read_only(struct optional *o, DBusMessageIter *value)
{
	size_t n = (size_t) dbus_message_iter_get_element_count(value);
	char **next_class, **next_instance;
	DBusMessageIter it;

	if (n > WIRE_MAX_STRINGS / 2) {
		call_error(o->call, DBUS_ERROR_LIMITS_EXCEEDED, "More than %d objects", WIRE_MAX_STRINGS / 2);
		return false;
	}
	o->request.only = true;
	o->request.classes = next_class = calloc(n + 1, sizeof(*next_class));
	o->request.instances = next_instance = calloc(2 * n + 1, sizeof(*next_instance));
	if (next_class == NULL || next_instance == NULL) {
		call_error(o->call, ERR_NO_MEMORY, "Out of Memory");
		return false;
	}
	dbus_message_iter_recurse(value, &it);
	for (; dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_OBJECT_PATH; (void) dbus_message_iter_next(&it)) {
		const char *path;

		dbus_message_iter_get_basic(&it, &path);
		if (!choose(o, path, &next_class, &next_instance))
			return false;
	}
	return true;
}

static bool
read_fds(struct optional *o, DBusMessageIter *value)
{
	DBusMessageIter it;

	dbus_message_iter_recurse(value, &it);
	for (; dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_UNIX_FD; (void) dbus_message_iter_next(&it)) {
		int fd = -1;

		if (o->n_fds == IPC_MAX_FDS) {
			call_error(o->call, DBUS_ERROR_LIMITS_EXCEEDED, "More than %d files", IPC_MAX_FDS);
			return false;
		}
		dbus_message_iter_get_basic(&it, &fd);
		if (fd < 0) {
			call_error(o->call, ERR_FAILED, NO_FILE);
			return false;
		}
		o->fds[o->n_fds++] = fd;
	}
	return true;
}

static const struct {
	const char *name;
	const char *type;
	bool (*read)(struct optional *o, DBusMessageIter *value); /* false: the call has been answered */
} options[] = {
	{ "wait", "b", read_wait },	{ "literal", "b", read_literal }, { "only", "ao", read_only },
	{ "fds", "ah", read_fds },	{ "token", "s", read_token },
};

/* 1, 0, or -ENOMEM. */
static int
has_type(DBusMessageIter *value, const char *type)
{
	char *its = dbus_message_iter_get_signature(value);
	int r = its != NULL ? strcmp(its, type) == 0 : -ENOMEM;

	dbus_free(its);
	return r;
}

/* False: the call has been answered. */
static bool
read_option(struct optional *o, const char *name, DBusMessageIter *value)
{
	size_t i = 0;
	int r;

	while (i < ARRAY_SIZE(options) && strcmp(options[i].name, name) != 0)
		i++;
	if (i == ARRAY_SIZE(options)) {
		call_error(o->call, ERR_INVALID_ARGS, "Unknown option: %s", name);
		return false;
	}
	if (o->seen & 1u << i) {
		call_error(o->call, ERR_INVALID_ARGS, "Option %s was given twice", name);
		return false;
	}
	o->seen |= 1u << i;
	r = has_type(value, options[i].type);
	if (r > 0)
		return options[i].read(o, value);
	if (r < 0)
		call_error(o->call, ERR_NO_MEMORY, "Out of Memory");
	else
		call_error(o->call, ERR_INVALID_ARGS, "Option %s must be of type %s", name, options[i].type);
	return false;
}

static bool
read_options(struct optional *o, DBusMessageIter *dict)
{
	DBusMessageIter it, entry, value;

	dbus_message_iter_recurse(dict, &it);
	for (; dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_DICT_ENTRY; (void) dbus_message_iter_next(&it)) {
		const char *name;

		dbus_message_iter_recurse(&it, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		(void) dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		if (!read_option(o, name, &value))
			return false;
	}
	return true;
}

void
emit_event_with_options(struct call *call)
{
	struct optional o = { .call = call };
	struct args args;

	if (event_args(call, &args, &o.request) && read_options(&o, &args.it))
		call_ask_with(call, &o.request, call_finish_empty, o.fds, o.n_fds);
	optional_deinit(&o);
}
