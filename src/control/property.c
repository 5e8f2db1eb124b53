/* SPDX-License-Identifier: MIT */
#include "control/property.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/scope.h"
#include "control/check.h"
#include "control/libdbus.h"
#include "control/notify.h"
#include "control/request.h"
#include "control/table.h"

/* -- values ------------------------------------------------------------------- */

static bool
put_text(DBusMessageIter *it, const char *s)
{
	return libdbus_put_string(it, s != NULL ? s : "");
}

/* Scripts take the third word: the name is always followed by the bracket, whatever it is (D11). */
bool
property_put_version(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	auto_free char *text = str_printf("%s (upstart %s)", call->control->program, UPSTART_VERSION);

	return text != NULL && libdbus_put_string(it, text);
}

bool
property_put_log_priority(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->value);
}

bool
property_put_degraded(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->degraded);
}

bool
property_put_job_name(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, scope_plain(call->object.job));
}

bool
property_put_description(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->description);
}

bool
property_put_author(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->author);
}

bool
property_put_job_version(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->version);
}

bool
property_put_usage(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->usage);
}

/* Append the next node of a flattened condition; *v moves behind it. */
static bool
put_node(DBusMessageIter *nodes, char *const **v)
{
	unsigned long left = strtoul(**v, NULL, 10);
	DBusMessageIter node;

	++*v;
	if (!dbus_message_iter_open_container(nodes, DBUS_TYPE_ARRAY, "s", &node))
		return false;
	for (; left > 0 && **v != NULL; left--, ++*v)
		if (!libdbus_put_string(&node, **v))
			return false;
	return dbus_message_iter_close_container(nodes, &node);
}

/* A condition in reverse Polish order: for each node the number of its strings, then those (msg.h). */
static bool
put_condition(DBusMessageIter *it, char *const *v)
{
	DBusMessageIter nodes;

	if (!dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "as", &nodes))
		return false;
	while (v != NULL && *v != NULL)
		if (!put_node(&nodes, &v))
			return false;
	return dbus_message_iter_close_container(it, &nodes);
}

bool
property_put_start_on(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_condition(it, reply->start_on);
}

bool
property_put_stop_on(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_condition(it, reply->stop_on);
}

bool
property_put_emits(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return libdbus_put_strv(it, reply->emits);
}

bool
property_put_path(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->path);
}

bool
property_put_fault(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->fault);
}

bool
property_put_successor(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->successor);
}

bool
property_put_while(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_condition(it, reply->while_on);
}

bool
property_put_export(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return libdbus_put_strv(it, reply->exports);
}

bool
property_put_template(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->template);
}

bool
property_put_instance_name(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, call->object.instance);
}

bool
property_put_goal(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->goal);
}

bool
property_put_state(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->state);
}

bool
property_put_quarantine(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->quarantine);
}

bool
property_put_doing(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->doing);
}

bool
property_put_status(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->status);
}

bool
property_put_followed(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->followed);
}

bool
property_put_group(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	return put_text(it, reply->group);
}

bool
property_put_processes(DBusMessageIter *it, const struct call *call, const struct msg_reply *reply)
{
	DBusMessageIter array, entry;

	if (!dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "(si)", &array))
		return false;
	for (char *const *v = reply->processes; v != NULL && v[0] != NULL && v[1] != NULL; v += 2) {
		dbus_int32_t pid = (dbus_int32_t) strtol(v[1], NULL, 10);

		if (!dbus_message_iter_open_container(&array, DBUS_TYPE_STRUCT, NULL, &entry) ||
		    !libdbus_put_string(&entry, v[0]) ||
		    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_INT32, &pid) ||
		    !dbus_message_iter_close_container(&array, &entry))
			return false;
	}
	return dbus_message_iter_close_container(it, &array);
}

/* -- methods ------------------------------------------------------------------ */

/* Ask init for what the properties of the object are made of. */
static void
ask_properties(struct call *call, call_finish_fn finish)
{
	if (call->object.kind == OBJECT_MANAGER)
		request_simple(call, REQUEST_GET_LOG_PRIORITY, finish);
	else
		call_require_object(call, finish);
}

static bool
put_variant(DBusMessageIter *it, const struct property *property, const struct call *call,
	    const struct msg_reply *reply)
{
	DBusMessageIter variant;

	return dbus_message_iter_open_container(it, DBUS_TYPE_VARIANT, property->type, &variant) &&
	       property->put(&variant, call, reply) && dbus_message_iter_close_container(it, &variant);
}

static void
finish_get(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer = call_reply_new(call);
	DBusMessageIter it;
	bool filled = false;

	if (answer != NULL) {
		dbus_message_iter_init_append(answer, &it);
		filled = put_variant(&it, call->property, call, reply);
	}
	call_reply_filled(call, answer, filled);
}

/* Find the property the first two arguments name. False: there is none, the call has been answered. */
static bool
find_property(struct call *call, struct args *args)
{
	const char *interface, *name;

	args_init(args, call);
	interface = args_string(args);
	name = args_string(args);
	call->property = table_property(call->object.kind, interface, name);
	if (call->property != NULL)
		return true;
	call_unknown(call);
	return false;
}

void
property_get(struct call *call)
{
	struct args args;

	if (!find_property(call, &args))
		return;
	if (call->property->put == property_put_version)
		finish_get(call, NULL); /* known here */
	else
		ask_properties(call, finish_get);
}

bool
property_put_all(DBusMessageIter *it, const struct call *call, const struct object *object, const char *interface,
		 const struct msg_reply *reply)
{
	struct call about = *call; /* the values are of the object of a call: this one's may be another */
	DBusMessageIter dict, entry;

	about.object = *object;
	if (!dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "{sv}", &dict))
		return false;
	for (size_t i = 0; i < properties_count; i++) {
		const struct property *p = &properties[i];

		if (!table_has(object->kind, p->interface) ||
		    (interface[0] != '\0' && strcmp(interface, interfaces[p->interface].name) != 0))
			continue;
		if (!dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) ||
		    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &p->name) ||
		    !put_variant(&entry, p, &about, reply) || !dbus_message_iter_close_container(&dict, &entry))
			return false;
	}
	return dbus_message_iter_close_container(it, &dict);
}

static void
finish_get_all(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer = call_reply_new(call);
	DBusMessageIter it;
	bool filled = false;

	if (answer != NULL) {
		dbus_message_iter_init_append(answer, &it);
		filled = property_put_all(&it, call, &call->object, call->name, reply);
	}
	call_reply_filled(call, answer, filled);
}

void
property_get_all(struct call *call)
{
	struct args args;

	args_init(&args, call);
	call->name = strdup(args_string(&args)); /* an interface nobody has gives an empty dictionary */
	if (call->name == NULL)
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
	else
		ask_properties(call, finish_get_all);
}

static void
refuse_write(struct call *call, const struct msg_reply *reply)
{
	call_error(call, DBUS_ERROR_ACCESS_DENIED, "The %s property is read-only", call->property->name);
}

/* Our own messages follow init's priority. */
static void
finish_log_priority(struct call *call, const struct msg_reply *reply)
{
	enum log_level level;

	if (log_level_from_name(call->name, &level))
		log_set_level(level);
	notify_log_priority(call->control, call->name);
	call_return(call);
}

void
property_set(struct call *call)
{
	struct msg_request request = { .action = REQUEST_SET_LOG_PRIORITY };
	struct args args;
	DBusMessageIter value;
	const char *text;

	if (!find_property(call, &args))
		return;
	if (!call->property->writable) {
		call_require_object(call, refuse_write);
		return;
	}
	dbus_message_iter_recurse(&args.it, &value);
	if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_STRING) {
		call_error(call, ERR_INVALID_ARGS, "Invalid arguments to %s property", call->property->name);
		return;
	}
	if (!check_caller(call))
		return;
	dbus_message_iter_get_basic(&value, &text);
	call->name = strdup(text);
	if (call->name == NULL) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	call->lasting = true;
	request.name = call->name;
	call_ask(call, &request, finish_log_priority, -1);
}
