/* SPDX-License-Identifier: MIT */
/*
 * The options of an event as a dictionary: only those that say something.
 */
#include "libupstart/client.h"

#include <errno.h>

/* Put one value into an open variant; false: out of memory, or *r says what is wrong. */
typedef bool (*put_fn)(DBusMessageIter *variant, const void *data, int *r, struct upstart_error *err);

static bool
put_true(DBusMessageIter *variant, const void *data, int *r, struct upstart_error *err)
{
	dbus_bool_t yes = TRUE;

	return dbus_message_iter_append_basic(variant, DBUS_TYPE_BOOLEAN, &yes);
}

static bool
put_token(DBusMessageIter *variant, const void *data, int *r, struct upstart_error *err)
{
	const char *token = data;

	return dbus_message_iter_append_basic(variant, DBUS_TYPE_STRING, &token);
}

static bool
put_paths(DBusMessageIter *variant, const void *data, int *r, struct upstart_error *err)
{
	DBusError derr = DBUS_ERROR_INIT;
	char *const *paths = data;
	DBusMessageIter array;
	bool ok = true;

	if (!dbus_message_iter_open_container(variant, DBUS_TYPE_ARRAY, DBUS_TYPE_OBJECT_PATH_AS_STRING, &array))
		return false;
	for (; ok && *paths; paths++) {
		ok = dbus_validate_path(*paths, &derr);
		if (!ok)
			*r = client_error(err, -EINVAL, derr.name, derr.message);
		else
			ok = dbus_message_iter_append_basic(&array, DBUS_TYPE_OBJECT_PATH, paths);
	}
	dbus_error_free(&derr);
	if (ok)
		return dbus_message_iter_close_container(variant, &array);
	dbus_message_iter_abandon_container(variant, &array);
	return false;
}

static bool
put_files(DBusMessageIter *variant, const void *data, int *r, struct upstart_error *err)
{
	const struct upstart_emit_options *o = data;
	DBusMessageIter array;
	bool ok = true;

	if (!dbus_message_iter_open_container(variant, DBUS_TYPE_ARRAY, DBUS_TYPE_UNIX_FD_AS_STRING, &array))
		return false;
	for (size_t i = 0; ok && i < o->fd_count; i++) {
		ok = o->fds[i] >= 0;
		if (!ok)
			*r = client_error(err, -EINVAL, DBUS_ERROR_INVALID_ARGS, "Not an open file");
		else
			ok = dbus_message_iter_append_basic(&array, DBUS_TYPE_UNIX_FD, &o->fds[i]);
	}
	if (ok)
		return dbus_message_iter_close_container(variant, &array);
	dbus_message_iter_abandon_container(variant, &array);
	return false;
}

/* One entry. 0 or a negative errno. */
static int
append_entry(DBusMessageIter *dict, const char *name, const char *type, put_fn put, const void *data,
	     struct upstart_error *err)
{
	DBusMessageIter entry = DBUS_MESSAGE_ITER_INIT_CLOSED, variant = DBUS_MESSAGE_ITER_INIT_CLOSED;
	int r = 0;

	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return client_nomem(err);
	if (dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant)) {
		if (put(&variant, data, &r, err) && dbus_message_iter_close_container(&entry, &variant) &&
		    dbus_message_iter_close_container(dict, &entry))
			return 0;
		dbus_message_iter_abandon_container_if_open(&entry, &variant);
	}
	dbus_message_iter_abandon_container_if_open(dict, &entry);
	return r < 0 ? r : client_nomem(err);
}

int
client_append_options(DBusMessageIter *iter, const struct upstart_emit_options *o, const char *token,
		      struct upstart_error *err)
{
	DBusMessageIter dict;
	int r;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &dict))
		return client_nomem(err);
	r = append_entry(&dict, "token", "s", put_token, token, err);
	if (r == 0 && o->wait)
		r = append_entry(&dict, "wait", "b", put_true, NULL, err);
	if (r == 0 && o->literal)
		r = append_entry(&dict, "literal", "b", put_true, NULL, err);
	if (r == 0 && o->only)
		r = append_entry(&dict, "only", "ao", put_paths, o->only, err);
	if (r == 0 && o->fd_count > 0)
		r = append_entry(&dict, "fds", "ah", put_files, o, err);
	if (r < 0) {
		dbus_message_iter_abandon_container(iter, &dict);
		return r;
	}
	return dbus_message_iter_close_container(iter, &dict) ? 0 : client_nomem(err);
}
