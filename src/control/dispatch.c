/* SPDX-License-Identifier: MIT */
#include "control/dispatch.h"

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "control/table.h"

/* The object is there, so it is the arguments that are wrong (else it would be an unknown method). */
static void
refuse_arguments(struct call *call, const struct msg_reply *reply)
{
	call_error(call, ERR_INVALID_ARGS, "Invalid arguments to %s method", call->method->name);
}

bool
dispatch_call(struct peer *peer, DBusMessage *message, int32_t uid, int32_t pid)
{
	const char *path = dbus_message_get_path(message);
	struct call *call = call_new(peer->control, peer, message);

	if (call == NULL)
		return false;
	call->uid = uid;
	call->pid = pid;
	if (path_parse(path, &call->object) < 0) {
		call_free(call);
		return false;
	}
	call->method =
	    table_method(call->object.kind, dbus_message_get_interface(message), dbus_message_get_member(message));
	if (peer->control->ending)
		call_error(call, DBUS_ERROR_NO_REPLY, "Upstart is ending");
	else if (call_is_crowded(call))
		call_error(call, DBUS_ERROR_LIMITS_EXCEEDED, CALL_CROWDED);
	else if (call->method == NULL)
		call_unknown(call);
	else if (dbus_message_has_signature(message, call->method->in)) {
		if (call->method->check == NULL || call->method->check(call))
			call->method->handle(call);
	} else if (call->object.kind == OBJECT_JOB || call->object.kind == OBJECT_INSTANCE) {
		call_require_object(call, refuse_arguments);
	} else {
		refuse_arguments(call, NULL);
	}
	return true;
}

DBusHandlerResult
dispatch_private(struct peer *peer, DBusMessage *message)
{
	unsigned long uid, pid;
	int32_t caller_uid = -1, caller_pid = 0;

	if (dbus_connection_get_unix_user(peer->dbus, &uid))
		caller_uid = (int32_t) uid;
	if (dbus_connection_get_unix_process_id(peer->dbus, &pid))
		caller_pid = (int32_t) pid;
	return dispatch_call(peer, message, caller_uid, caller_pid) ? DBUS_HANDLER_RESULT_HANDLED
								    : DBUS_HANDLER_RESULT_NEED_MEMORY;
}
