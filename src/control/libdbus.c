/* SPDX-License-Identifier: MIT */
#include "control/libdbus.h"

#include <string.h>

#include "common/error.h"
#include "common/log.h"

#define MESSAGE_MAX (16L * 1024 * 1024)	 /* bytes of one message from a client */
#define RECEIVED_MAX (32L * 1024 * 1024) /* bytes of unhandled messages of one client */
#define MESSAGE_FDS_MAX 32 /* twice what an event may have: one that has more is refused with an answer */
#define RECEIVED_FDS_MAX 64

/*
 * On a bus anybody's messages come, and the answers of the bus itself behind them: what is not read holds everybody up.
 * So there is room for all that may wait here at one time (call.c, sender.c).
 */
#define BUS_RECEIVED_MAX (512L * 1024 * 1024)
#define BUS_RECEIVED_FDS_MAX 160

void
libdbus_harden(DBusConnection *dbus, bool is_bus)
{
	dbus_connection_set_exit_on_disconnect(dbus, FALSE);
	dbus_connection_set_route_peer_messages(dbus, TRUE);
	dbus_connection_set_allow_anonymous(dbus, FALSE);
	dbus_connection_set_max_received_size(dbus, is_bus ? BUS_RECEIVED_MAX : RECEIVED_MAX);
	dbus_connection_set_max_received_unix_fds(dbus, is_bus ? BUS_RECEIVED_FDS_MAX : RECEIVED_FDS_MAX);
	if (is_bus) /* a message beyond these would end the connection, that is the bus, for all */
		return;
	dbus_connection_set_max_message_size(dbus, MESSAGE_MAX);
	dbus_connection_set_max_message_unix_fds(dbus, MESSAGE_FDS_MAX);
}

bool
libdbus_is_longer(DBusMessage *message, int limit)
{
	char *bytes = NULL;
	int n = 0;

	/* There is no other way to learn its size. */
	if (!dbus_message_marshal(message, &bytes, &n))
		return true;
	dbus_free(bytes);
	return n > limit;
}

/* -- text --------------------------------------------------------------------- */

const char *
libdbus_text(const char *s, enum text_style style, char **owned)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	*owned = NULL;
	if (dbus_validate_utf8(s, NULL))
		return s;
	for (struct span rest = span_of(s); rest.n > 0;) {
		size_t n = span_utf8(rest);

		if (n > 0)
			strbuf_addn(&b, rest.p, n);
		else if (style == TEXT_ESCAPE)
			strbuf_addf(&b, "\\x%02x", (unsigned char) *rest.p);
		else
			strbuf_add(&b, "\xef\xbf\xbd");
		n = n > 0 ? n : 1;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	*owned = strbuf_steal(&b);
	return *owned;
}

char *
libdbus_name(const char *text)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_free char *bytes = NULL;
	auto_free char *again = NULL;
	const char *check;

	if (strstr(text, "\\x") == NULL)
		return strdup(text);
	for (const char *s = text; *s != '\0'; s++) {
		int high = s[0] == '\\' && s[1] == 'x' ? hex_value(s[2]) : -1;
		int low = high >= 8 ? hex_value(s[3]) : -1;

		if (low < 0) {
			strbuf_addc(&b, *s);
			continue;
		}
		strbuf_addc(&b, (char) (high << 4 | low));
		s += 3;
	}
	bytes = strbuf_steal(&b);
	if (bytes == NULL)
		return NULL;
	/* Only what TEXT_ESCAPE would have made is taken for an escape; all else means itself. */
	check = libdbus_text(bytes, TEXT_ESCAPE, &again);
	if (check == NULL)
		return NULL;
	return strcmp(check, text) == 0 ? steal(&bytes) : strdup(text);
}

/* -- messages ----------------------------------------------------------------- */

bool
libdbus_put_string(DBusMessageIter *it, const char *s)
{
	auto_free char *owned = NULL;
	const char *text = libdbus_text(s, TEXT_ESCAPE, &owned);

	return text != NULL && dbus_message_iter_append_basic(it, DBUS_TYPE_STRING, &text);
}

bool
libdbus_put_path(DBusMessageIter *it, const char *path)
{
	return path != NULL && dbus_validate_path(path, NULL) &&
	       dbus_message_iter_append_basic(it, DBUS_TYPE_OBJECT_PATH, &path);
}

bool
libdbus_put_strv(DBusMessageIter *it, char *const *v)
{
	DBusMessageIter array;

	if (!dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "s", &array))
		return false;
	for (; v != NULL && *v != NULL; v++) {
		if (!libdbus_put_string(&array, *v)) {
			dbus_message_iter_abandon_container(it, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(it, &array);
}

DBusMessage *
libdbus_error(DBusMessage *call, const char *name, const char *text)
{
	auto_free char *owned = NULL;
	const char *valid = libdbus_text(text, TEXT_ESCAPE, &owned);

	if (valid == NULL)
		return NULL;
	if (!dbus_validate_error_name(name, NULL)) {
		log_error("Impossible D-Bus error name for: %s", text);
		name = ERR_FAILED;
	}
	return dbus_message_new_error(call, name, valid);
}
