/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one place where the traps of libdbus are closed.
 *
 * The library ends the process on text that is not UTF-8, on a malformed object path or error name,
 * and on the loss of a bus; it touches SIGPIPE; it queues without limit. All messages of this room are
 * made with the functions below, which hand the library only what it takes.
 */

#include "control/control.h"

/* Every connection goes through this: never exit, our own limits, Peer calls come to us. */
void libdbus_harden(DBusConnection *dbus, bool is_bus);

/* Has the message more than `limit` bytes? (True when memory is lacking to tell.) Costs a copy of it. */
bool libdbus_is_longer(DBusMessage *message, int limit);

/* Bytes a connection may leave unread before it is closed. */
#define LIBDBUS_OUTGOING_MAX (64UL * 1024 * 1024)

enum text_style {
	TEXT_ESCAPE,  /* a byte that is not part of UTF-8 becomes \xhh */
	TEXT_REPLACE, /* it becomes U+FFFD: for JSON, where \x is an error */
};

/*
 * `s` as text a D-Bus string may hold. What is UTF-8 already is handed back as it is. Otherwise a new
 * string is made; it is put in *owned, which the caller frees, and returned. NULL: out of memory.
 */
const char *libdbus_text(const char *s, enum text_style style, char **owned);
/*
 * A name a client sent, as init knows it: undoes TEXT_ESCAPE where that is what made the text.
 * Owned; NULL: out of memory.
 */
char *libdbus_name(const char *text);

/* Append a value. False: out of memory. Paths come from path.h only. */
bool libdbus_put_string(DBusMessageIter *it, const char *s);
bool libdbus_put_path(DBusMessageIter *it, const char *path);
bool libdbus_put_strv(DBusMessageIter *it, char *const *v);

/* An error reply; an impossible name becomes Failed. NULL: out of memory. */
DBusMessage *libdbus_error(DBusMessage *call, const char *name, const char *text);
