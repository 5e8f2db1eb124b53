/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A D-Bus connection on a libevent loop.
 */

#include <dbus/dbus.h>
#include <event2/event.h>

struct dbus_loop;

/* Make libdbus harmless to a daemon: no aborts for bad arguments, no meddling with SIGPIPE. Before all other use. */
void dbus_loop_prepare(void);

/* Read, write and dispatch `dbus` from the loop. NULL: out of memory. */
struct dbus_loop *dbus_loop_attach(struct event_base *base, DBusConnection *dbus);
/* No more of that; not from inside one of its messages' handlers. Takes NULL, returns NULL. */
struct dbus_loop *dbus_loop_detach(struct dbus_loop *loop);
