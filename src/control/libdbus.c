/* SPDX-License-Identifier: MIT */
#include "control/libdbus.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"

#define MESSAGE_MAX (16L * 1024 * 1024)	 /* bytes of one message from a client */
#define RECEIVED_MAX (32L * 1024 * 1024) /* bytes of unhandled messages of one client */
#define MESSAGE_FDS_MAX 4
#define RECEIVED_FDS_MAX 32

void
libdbus_init(void)
{
	/* Should a check fail in spite of all below: a message on stderr, and on we go. */
	if (setenv("DBUS_FATAL_WARNINGS", "0", 1) < 0)
		log_warn("Unable to make the D-Bus library lenient");
	/* It sets SIGPIPE behind our back otherwise; we want it ignored in any case. */
	dbus_connection_set_change_sigpipe(FALSE);
	(void) signal(SIGPIPE, SIG_IGN);
}

void
libdbus_harden(DBusConnection *dbus)
{
	dbus_connection_set_exit_on_disconnect(dbus, FALSE);
	dbus_connection_set_route_peer_messages(dbus, TRUE);
	dbus_connection_set_allow_anonymous(dbus, FALSE);
	dbus_connection_set_max_message_size(dbus, MESSAGE_MAX);
	dbus_connection_set_max_received_size(dbus, RECEIVED_MAX);
	dbus_connection_set_max_message_unix_fds(dbus, MESSAGE_FDS_MAX);
	dbus_connection_set_max_received_unix_fds(dbus, RECEIVED_FDS_MAX);
}

/* -- text --------------------------------------------------------------------- */

/* The length of the UTF-8 character at s, or 0 if none starts there. */
static size_t
utf8_length(const char *s)
{
	const unsigned char *p = (const unsigned char *) s;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) /* overlong; surrogates */
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) /* overlong; beyond U+10FFFF */
		return 0;
	return n;
}

const char *
libdbus_text(const char *s, enum text_style style, char **owned)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	*owned = NULL;
	if (dbus_validate_utf8(s, NULL))
		return s;
	while (*s != '\0') {
		size_t n = utf8_length(s);

		if (n > 0)
			strbuf_addn(&b, s, n);
		else if (style == TEXT_ESCAPE)
			strbuf_addf(&b, "\\x%02x", (unsigned char) *s);
		else
			strbuf_add(&b, "\xef\xbf\xbd");
		s += n > 0 ? n : 1;
	}
	*owned = strbuf_steal(&b);
	return *owned;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
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
