/* SPDX-License-Identifier: MIT */
/*
 * What answers hold. Every one is checked before it is read: the other side may be any program.
 */
#include "libupstart/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

char **
upstart_strv_free(char **v)
{
	return strv_free(v);
}

int
client_reply_malformed(struct upstart_error *err)
{
	return client_error(err, -EBADMSG, DBUS_ERROR_INVALID_SIGNATURE, "The reply has an unexpected form");
}

/* A copy of the string the iterator stands on. */
static int
iter_string(DBusMessageIter *iter, char **value, struct upstart_error *err)
{
	const char *s;
	char *copy;

	dbus_message_iter_get_basic(iter, &s);
	copy = strdup(s);
	if (!copy)
		return client_nomem(err);
	*value = copy;
	return 0;
}

int
client_reply_string(DBusMessage *reply, int type, char **value, struct upstart_error *err)
{
	DBusMessageIter iter;

	if (!dbus_message_iter_init(reply, &iter) || dbus_message_iter_get_arg_type(&iter) != type)
		return client_reply_malformed(err);
	return iter_string(&iter, value, err);
}

int
client_iter_strv(DBusMessageIter *array, int type, char ***values, struct upstart_error *err)
{
	DBusMessageIter item;
	char **v;

	if (dbus_message_iter_get_arg_type(array) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(array) != type)
		return client_reply_malformed(err);
	v = calloc(1, sizeof(*v));
	if (!v)
		return client_nomem(err);
	dbus_message_iter_recurse(array, &item);
	for (; dbus_message_iter_get_arg_type(&item) == type; dbus_message_iter_next(&item)) {
		const char *s;

		dbus_message_iter_get_basic(&item, &s);
		if (strv_add(&v, s) < 0) {
			strv_free(v);
			return client_nomem(err);
		}
	}
	*values = v;
	return 0;
}

int
client_reply_strv(DBusMessage *reply, int type, char ***values, struct upstart_error *err)
{
	DBusMessageIter iter;

	if (!dbus_message_iter_init(reply, &iter))
		return client_reply_malformed(err);
	return client_iter_strv(&iter, type, values, err);
}

int
client_property(struct upstart *u, const char *path, const char *interface, const char *name, char **value,
		struct upstart_error *err)
{
	const struct call call = { path, DBUS_INTERFACE_PROPERTIES, "Get", CALL_AGAIN, "ss" };
	DBusMessageIter iter, variant;
	DBusMessage *reply;
	int r;

	r = client_call(u, &call, &reply, err, interface, name);
	if (r < 0)
		return r;
	r = -EBADMSG;
	if (dbus_message_iter_init(reply, &iter) && dbus_message_iter_get_arg_type(&iter) == DBUS_TYPE_VARIANT) {
		dbus_message_iter_recurse(&iter, &variant);
		if (dbus_message_iter_get_arg_type(&variant) == DBUS_TYPE_STRING)
			r = iter_string(&variant, value, err);
	}
	dbus_message_unref(reply);
	return r == -EBADMSG ? client_reply_malformed(err) : r;
}

int
client_properties(struct upstart *u, const char *path, const char *interface, client_read_fn read, void *data,
		  struct upstart_error *err)
{
	const struct call call = { path, DBUS_INTERFACE_PROPERTIES, "GetAll", CALL_AGAIN, "s" };
	DBusMessageIter iter, item, entry, value;
	DBusMessage *reply;
	const char *name;
	int r;

	r = client_call(u, &call, &reply, err, interface);
	if (r < 0)
		return r;
	if (!dbus_message_has_signature(reply, "a{sv}")) {
		dbus_message_unref(reply);
		return client_reply_malformed(err);
	}
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_recurse(&iter, &item);
	for (; r == 0 && dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&item)) {
		dbus_message_iter_recurse(&item, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		r = read(data, name, &value, err);
	}
	dbus_message_unref(reply);
	return r;
}
