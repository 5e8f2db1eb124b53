/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Adapter: libdbus's watches and timeouts on libevent.
 */

#include <dbus/dbus.h>
#include <event2/event.h>

#include "common/macros.h"

struct watch;

/*
 * Drive a connection from the loop and dispatch what arrives on it, a few messages a turn, so that one
 * busy client does not keep the others waiting. NULL: out of memory.
 */
struct watch *watch_connection(struct event_base *base, DBusConnection *dbus);
/* Stop driving it; allowed while one of its messages is being handled. Takes NULL, returns NULL. */
struct watch *watch_free(struct watch *watch);

/* Drive a listening server until dbus_server_disconnect(). 0 or -ENOMEM. */
int must_check watch_server(struct event_base *base, DBusServer *server);
