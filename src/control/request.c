/* SPDX-License-Identifier: MIT */
#include "control/request.h"

#include <string.h>

#include "common/error.h"
#include "control/libdbus.h"

void
request_simple(struct call *call, enum request_action action, call_finish_fn finish)
{
	struct msg_request request = { .action = action };

	call_ask(call, &request, finish, -1);
}

bool
request_args_ok(struct call *call, const struct args *args)
{
	if (!args->failed)
		return true;
	call_error(call, ERR_NO_MEMORY, "Out of Memory");
	return false;
}

bool
request_token(struct call *call, struct args *args, struct msg_request *request)
{
	return request_set_token(call, args_string(args), request);
}

bool
request_set_token(struct call *call, const char *token, struct msg_request *request)
{
	if (strlen(token) > REQUEST_TOKEN_MAX) {
		call_error(call, ERR_INVALID_ARGS, "Token may not be longer than %d bytes", REQUEST_TOKEN_MAX);
		return false;
	}
	request->token = token[0] != '\0' ? REQUEST_BORROW(token) : NULL;
	return true;
}

void
request_reply_path(struct call *call, const char *path)
{
	DBusMessage *answer = call_reply_new(call);
	DBusMessageIter it;
	bool filled = false;

	if (answer != NULL) {
		dbus_message_iter_init_append(answer, &it);
		filled = libdbus_put_path(&it, path);
	}
	call_reply_filled(call, answer, filled);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

void
request_sort(char **names)
{
	if (names != NULL)
		qsort(names, strv_len(names), sizeof(*names), compare);
}

static bool
put_paths(DBusMessage *answer, const struct call *call, char *const *names,
	  char *(*path_of)(const struct call *call, const char *name))
{
	DBusMessageIter it, array;

	dbus_message_iter_init_append(answer, &it);
	if (!dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "o", &array))
		return false;
	for (; names != NULL && *names != NULL; names++) {
		auto_free char *path = path_of(call, *names);

		if (!libdbus_put_path(&array, path)) {
			dbus_message_iter_abandon_container(&it, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(&it, &array);
}

void
request_reply_paths(struct call *call, char **names, char *(*path_of)(const struct call *call, const char *name))
{
	DBusMessage *answer = call_reply_new(call);

	request_sort(names);
	call_reply_filled(call, answer, answer != NULL && put_paths(answer, call, names, path_of));
}
